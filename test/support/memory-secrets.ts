import type { SecretsApi } from '../../src/chats/secrets/secrets.ts';
import { BooError } from '../../src/protocol/error.ts';
import type { Secret } from '../../src/protocol/secret.ts';

const one: Secret = {
  id: '33333333-3333-4333-8333-333333333333',
  name: 'GITHUB_TOKEN',
  personId: 'owner',
  personName: 'owner',
  directory: null,
  setAt: '2027-01-31T00:00:00.000Z',
  setBy: 'owner',
  lastUsedAt: null,
  chats: 1,
  isReadable: true,
};

/** Gives answers of the right shape, and remembers nothing. */
export function createMemorySecrets(): SecretsApi {
  const isUnknown = () => Promise.reject(new BooError('not_found', 'This secret does not exist.'));
  return {
    list: () => Promise.resolve([one]),
    listOf: () => Promise.resolve([one]),
    set: () => Promise.resolve(one),
    choose: () => Promise.resolve([one]),
    rekey: () => Promise.resolve({ secrets: 1, keyFile: '/data/secrets.key' }),
    remove: isUnknown,
    drop: isUnknown,
  };
}
