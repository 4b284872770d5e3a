import { owner } from '../../src/people/grant.ts';
import type { PasskeysApi } from '../../src/people/passkeys.ts';
import { BooError } from '../../src/protocol/error.ts';
import type { Passkey } from '../../src/protocol/passkey.ts';

const passkey: Passkey = {
  id: '22222222-2222-4222-8222-222222222222',
  personId: owner.id,
  personName: owner.name,
  name: 'x',
  site: 'localhost',
  role: 'owner',
  createdAt: '2027-01-31T00:00:00.000Z',
  lastUsedAt: null,
};

/** Gives answers of the right shape, and remembers nothing. Whoever signs in gets this token. */
export function createMemoryPasskeys(token: string): PasskeysApi {
  return {
    has: () => Promise.resolve(true),
    list: () => Promise.resolve([passkey]),
    beginAdding: () => Promise.resolve({ publicKey: {} }),
    add: () => Promise.resolve(passkey),
    remove: () => Promise.reject(new BooError('not_found', 'That does not exist.')),
    beginSigningIn: () => Promise.resolve({ publicKey: {} }),
    signIn: () => Promise.resolve({ token, principal: owner }),
  };
}
