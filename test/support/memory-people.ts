import { owner } from '../../src/people/grant.ts';
import type { PeopleApi } from '../../src/people/people.ts';
import { BooError } from '../../src/protocol/error.ts';
import type { AccessToken, Invite, Person } from '../../src/protocol/people.ts';

const id = '22222222-2222-4222-8222-222222222222';
const at = '2027-01-31T00:00:00.000Z';
const own: Person = { ...owner, createdAt: null, createdBy: null, lastUsedAt: null, tokens: 0 };
const invite: Invite = { id, name: null, role: 'viewer', createdAt: at, createdBy: 'owner', expiresAt: at };
const accessToken: AccessToken = {
  id,
  personId: owner.id,
  personName: owner.name,
  name: 'x',
  kind: 'token',
  role: 'viewer',
  createdAt: at,
  createdBy: 'owner',
  expiresAt: null,
  idleDays: null,
  lastUsedAt: null,
  isThis: false,
};

/** Gives answers of the right shape, and remembers nothing. A browser that signs in gets this token. */
export function createMemoryPeople(token: string): PeopleApi {
  const isUnknown = () => Promise.reject(new BooError('not_found', 'That does not exist.'));
  return {
    me: ({ principal }) => ({ principal, token: null }),
    list: () => Promise.resolve([own]),
    listRemoved: () => Promise.resolve([]),
    readmit: () => Promise.resolve(own),
    endOwners: () => Promise.resolve(),
    listTokens: () => Promise.resolve([accessToken]),
    listInvites: () => Promise.resolve([invite]),
    openSession: () => Promise.resolve(token),
    add: () => Promise.resolve(own),
    setRole: () => Promise.resolve(own),
    createToken: () => Promise.resolve({ ...accessToken, token }),
    invite: (_actor, _input, linkOf) => Promise.resolve({ ...invite, ...linkOf('code') }),
    accept: () => Promise.resolve({ token, principal: owner }),
    signOut: () => Promise.resolve(),
    remove: isUnknown,
    revokeToken: isUnknown,
    removeInvite: isUnknown,
  };
}
