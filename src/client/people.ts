import type { AccessToken, Invite, Person } from '../protocol/people.ts';
import type { BooClient } from './boo-client.ts';
import type { Wire } from './request.ts';

type PeopleClient = Pick<
  BooClient,
  | 'me'
  | 'listPeople'
  | 'addPerson'
  | 'patchPerson'
  | 'removePerson'
  | 'listRemovedPeople'
  | 'readmitPerson'
  | 'listTokens'
  | 'createToken'
  | 'revokeToken'
  | 'signOut'
  | 'rotateServerToken'
  | 'listInvites'
  | 'createInvite'
  | 'deleteInvite'
  | 'acceptInvite'
>;

/** The client's part about people, their tokens and invitations. */
export function peopleOf(wire: Wire): PeopleClient {
  const itemsOf = async <T>(path: string, query = {}): Promise<T[]> =>
    (await wire.request<{ items: T[] }>(path, { query })).items;
  const under = (path: string, id: string): string => `${path}/${encodeURIComponent(id)}`;
  return {
    me: () => wire.request('/v1/me'),
    listPeople: () => itemsOf<Person>('/v1/people'),
    addPerson: (body) => wire.request('/v1/people', { method: 'POST', body }),
    patchPerson: (id, body) => wire.request(under('/v1/people', id), { method: 'PATCH', body }),
    removePerson: (id) => wire.request(under('/v1/people', id), { method: 'DELETE' }),
    listRemovedPeople: () => itemsOf<Person>('/v1/people', { removed: 'true' }),
    readmitPerson: (id) => wire.request(`${under('/v1/people', id)}/readmit`, { method: 'POST' }),
    listTokens: ({ everyone } = {}) =>
      itemsOf<AccessToken>('/v1/tokens', { of: everyone === true ? 'everyone' : undefined }),
    createToken: (body) => wire.request('/v1/tokens', { method: 'POST', body }),
    revokeToken: (id) => wire.request(under('/v1/tokens', id), { method: 'DELETE' }),
    signOut: () => wire.request('/v1/sign-out', { method: 'POST' }),
    rotateServerToken: ({ endSessions } = {}) =>
      wire.request('/v1/server-token/rotate', {
        method: 'POST',
        query: { endSessions: endSessions === true ? 'true' : undefined },
      }),
    listInvites: () => itemsOf<Invite>('/v1/invites'),
    createInvite: (body) => wire.request('/v1/invites', { method: 'POST', body }),
    deleteInvite: (id) => wire.request(under('/v1/invites', id), { method: 'DELETE' }),
    acceptInvite: (body) => wire.request('/v1/invites/accept', { method: 'POST', body }),
  };
}
