/** The people of a server, their tokens, and invitations: who may do what with them. */
import { randomUUID } from 'node:crypto';
import type { Log } from '../lib/log.ts';
import { BooError } from '../protocol/error.ts';
import type {
  AcceptedInvite,
  AcceptInvite,
  AccessToken,
  AddPerson,
  CreateAccessToken,
  CreatedInvite,
  CreatedToken,
  CreateInvite,
  Invite,
  Me,
  Person,
} from '../protocol/people.ts';
import { type Actor, hasRole, type Principal, type Role } from '../protocol/principal.ts';
import { insertToken, listTokens, type NewToken, revokeToken, type TokenRow } from '../store/access-tokens.ts';
import { ask } from '../store/ask.ts';
import type { Sql } from '../store/database.ts';
import { deleteInvite, findInvite, insertInvite, type InviteRow, listInvites, useInvite } from '../store/invites.ts';
import {
  endOwnersAccess,
  findPerson,
  insertPerson,
  isNameTaken,
  listPeople,
  listRemoved,
  type PersonRow,
  readmitPerson,
  readOwnersUse,
  removePerson,
  type TokenUse,
} from '../store/people.ts';
import { browserIdleDays, digestOf, type Grant, grantOf, newCode, newToken, owner, personIdOf } from './grant.ts';
import type { Grants } from './grants.ts';
import { changeRole } from './person-changes.ts';

const weekSeconds = 7 * 86_400;

export interface PeopleParts {
  sql: Sql;
  grants: Grants;
  logger: Log;
}

/** The signed-in browser of whoever has made the link. */
export interface SessionFor {
  principal: Principal;
  /** It ends no later. */
  notAfter: Date | null;
}

export class People {
  readonly #parts: PeopleParts;

  constructor(parts: PeopleParts) {
    this.#parts = parts;
  }

  me(grant: Grant): Me {
    const { principal, by } = grant;
    return { principal, token: typeof by === 'string' ? null : tokenOf(by, by.id) };
  }

  /** The server's owner first. */
  async list(): Promise<Person[]> {
    const { sql, grants } = this.#parts;
    await grants.flush();
    const [own, people] = await ask(() => Promise.all([readOwnersUse(sql), listPeople(sql)]));
    return [{ ...owner, createdAt: null, createdBy: null, ...useOf(own) }, ...people.map(personOf)];
  }

  async add(actor: Actor, { name, role }: AddPerson): Promise<Person> {
    const person = { id: randomUUID(), name, role, createdBy: actor.principal.name };
    const row = await this.#naming(() => insertPerson(this.#parts.sql, person));
    this.#log(actor, { person: row.id, role }, 'A person was added.');
    return personOf({ ...row, ...unused });
  }

  async setRole(actor: Actor, id: string, role: Role): Promise<Person> {
    if (id === owner.id) throw isAlwaysThere('role');
    if (!(await changeRole(this.#parts, id, role))) throw unknownPerson();
    this.#log(actor, { person: id, role }, 'A person has another role.');
    const person = (await this.list()).find((each) => each.id === id);
    if (!person) throw unknownPerson();
    return person;
  }

  async remove(actor: Actor, id: string): Promise<void> {
    if (id === owner.id) throw isAlwaysThere('personId');
    if (!(await ask(() => removePerson(this.#parts.sql, id)))) throw unknownPerson();
    this.#parts.grants.end(({ principal }) => principal.id === id);
    this.#log(actor, { person: id }, 'A person was removed.');
  }

  /** For owners. */
  async listRemoved({ principal }: Grant): Promise<Person[]> {
    assertOwner(principal, 'those who were removed');
    return (await ask(() => listRemoved(this.#parts.sql))).map((row) => personOf({ ...row, ...unused }));
  }

  /** They may come in again, with a new token or by the identity provider: what they had has ended. */
  async readmit(actor: Actor, id: string): Promise<Person> {
    if (id === owner.id) throw isAlwaysThere('personId');
    const row = await this.#naming(() => readmitPerson(this.#parts.sql, id));
    if (!row) throw new BooError('not_found', 'Nobody with this id was removed.');
    this.#log(actor, { person: id }, 'A person was readmitted.');
    return personOf({ ...row, ...unused });
  }

  /** All that lets the server's owner in, but for the server's own token. */
  async endOwners(): Promise<void> {
    await ask(() => endOwnersAccess(this.#parts.sql));
    this.#parts.grants.end(({ principal, by }) => principal.id === owner.id && typeof by === 'object');
  }

  /** One's own, or everybody's, for owners. */
  async listTokens({ principal, by }: Grant, { everyone }: { everyone: boolean }): Promise<AccessToken[]> {
    if (everyone) assertOwner(principal, 'the tokens of others');
    await this.#parts.grants.flush();
    const of = everyone ? 'all' : { personId: personIdOf(principal) };
    const thisId = typeof by === 'string' ? null : by.id;
    return (await ask(() => listTokens(this.#parts.sql, of))).map((row) => tokenOf(row, thisId));
  }

  async createToken(grant: Grant, actor: Actor, input: CreateAccessToken): Promise<CreatedToken> {
    const { name, personId = grant.principal.id, expiresInSeconds = null } = input;
    const isOwn = personId === grant.principal.id;
    if (!isOwn) assertOwner(grant.principal, 'the tokens of others');
    const person = isOwn ? grant.principal : await this.#find(personId);
    const role = input.role ?? person.role;
    if (!hasRole(person.role, role)) {
      throw invalid('role', `must not be more than what ${isOwn ? 'you have' : `${person.name} has`} (${person.role})`);
    }
    const notAfter = isOwn && typeof grant.by === 'object' ? grant.by.expiresAt : null;
    const rest = { name, kind: 'token', role, idleDays: null, expiresInSeconds, notAfter } as const;
    const { row, token } = await this.#insert(person, { ...rest, createdBy: grant.principal.name });
    this.#log(actor, { token: row.id, person: person.id, role }, 'An access token was made.');
    return { ...tokenOf(row, null), token };
  }

  /** One's own, as far as they allow no more than what one asks with; or anybody's, for owners. */
  async revokeToken({ principal }: Grant, actor: Actor, id: string): Promise<void> {
    const { sql } = this.#parts;
    const of = principal.role === 'owner' ? 'all' : { personId: personIdOf(principal) };
    if (of !== 'all') {
      const token = (await ask(() => listTokens(sql, of))).find((each) => each.id === id);
      if (token) assertNoMore(principal, grantOf(token).principal.role);
    }
    if (!(await ask(() => revokeToken(sql, id, of)))) throw new BooError('not_found', 'This token does not exist.');
    this.#parts.grants.end(({ by }) => typeof by === 'object' && by.id === id);
    this.#log(actor, { token: id }, 'An access token was revoked.');
  }

  /** Revokes the session of the browser that asks. Other tokens stay: they may be used elsewhere, too. */
  async signOut({ by }: Grant, actor: Actor): Promise<void> {
    if (typeof by !== 'object' || by.kind !== 'browser') return;
    await ask(() => revokeToken(this.#parts.sql, by.id, 'all'));
    this.#parts.grants.end((grant) => typeof grant.by === 'object' && grant.by.id === by.id);
    this.#log(actor, { token: by.id }, 'A browser has signed out.');
  }

  /** The token of a browser that signs in for somebody. */
  async openSession({ principal, notAfter }: SessionFor, label: string): Promise<string> {
    const { name: createdBy, role } = principal;
    const session = { kind: 'browser', idleDays: browserIdleDays, expiresInSeconds: null, notAfter } as const;
    const { token } = await this.#insert(principal, { ...session, name: label, role, createdBy });
    return token;
  }

  async invite(
    actor: Actor,
    input: CreateInvite,
    linkOf: (code: string) => { url: string; loopback: boolean },
  ): Promise<CreatedInvite> {
    const code = newCode();
    const { name = null, role, expiresInSeconds = weekSeconds } = input;
    const by = { createdBy: actor.principal.name, createdById: personIdOf(actor.principal) };
    const invite = { id: randomUUID(), digest: digestOf(code), name, role, expiresInSeconds, ...by };
    const row = await ask(() => insertInvite(this.#parts.sql, invite));
    this.#log(actor, { invite: row.id, role }, 'Somebody was invited.');
    return { ...inviteOf(row), ...linkOf(code) };
  }

  async listInvites(): Promise<Invite[]> {
    return (await ask(() => listInvites(this.#parts.sql))).map(inviteOf);
  }

  async removeInvite(actor: Actor, id: string): Promise<void> {
    if (!(await ask(() => deleteInvite(this.#parts.sql, id)))) {
      throw new BooError('not_found', 'This invitation does not exist, was used or is over.');
    }
    this.#log(actor, { invite: id }, 'An invitation was withdrawn.');
  }

  /** Makes whoever has the code a person, once, with a token for their browser. */
  async accept({ code, name: chosen }: AcceptInvite, label: string): Promise<AcceptedInvite> {
    const digest = digestOf(code);
    const invite = await ask(() => findInvite(this.#parts.sql, digest));
    if (!invite) throw invalidInvite();
    const name = invite.name ?? chosen;
    if (name === undefined) throw invalid('name', 'is required: this invitation leaves it to you');
    const principal = { id: randomUUID(), name, role: invite.role };
    const isUsed = await this.#naming(() => useInvite(this.#parts.sql, digest, principal));
    if (!isUsed) throw invalidInvite();
    const token = await this.openSession({ principal, notAfter: null }, label);
    this.#parts.logger.info({ invite: invite.id, person: principal.id }, 'An invitation was accepted.');
    return { token, principal };
  }

  async #find(id: string): Promise<Principal> {
    if (id === owner.id) return owner;
    const row = await ask(() => findPerson(this.#parts.sql, id));
    if (!row) throw unknownPerson();
    return { id, name: row.name, role: row.role };
  }

  async #insert(person: Principal, rest: Omit<NewToken, 'id' | 'digest' | 'personId'>) {
    const token = newToken();
    const personId = personIdOf(person);
    const made = { ...rest, id: randomUUID(), digest: digestOf(token), personId };
    const row = await ask(() => insertToken(this.#parts.sql, made));
    if (!row) throw invalid('personId', 'is of somebody who has too many tokens, or is no longer there');
    return { row: grantOf(row).by as TokenRow, token };
  }

  async #naming<T>(act: () => PromiseLike<T>): Promise<T> {
    try {
      return await ask(act);
    } catch (error) {
      if (!isNameTaken(error)) throw error;
      throw invalid('name', 'is somebody else’s here; choose another one');
    }
  }

  #log({ principal, via }: Actor, facts: object, message: string): void {
    this.#parts.logger.info({ ...facts, principal: principal.id, by: principal.name, via }, message);
  }
}

/** Without what is private. */
export type PeopleApi = Pick<People, keyof People>;

function assertOwner({ name, role }: Principal, what: string): void {
  if (role === 'owner') return;
  throw new BooError('forbidden', `${name} has the role ${role} here; ${what} need the role owner.`, {
    details: { needs: 'owner', role },
  });
}

/** Whoever got hold of a lesser credential must not lock its person out. */
export function assertNoMore({ role }: Principal, its: Role): void {
  if (hasRole(role, its)) return;
  throw new BooError('forbidden', `It allows more than what you ask with: the role ${its}, not ${role}.`, {
    details: { needs: its, role },
  });
}

const unused = { tokens: 0, lastUsedAt: null };
const useOf = ({ tokens, lastUsedAt }: TokenUse) => ({ tokens, lastUsedAt: lastUsedAt?.toISOString() ?? null });

function personOf({ createdAt, id, name, role, createdBy, ...use }: PersonRow & TokenUse): Person {
  return { id, name, role, createdAt: createdAt.toISOString(), createdBy, ...useOf(use) };
}

/** Without its digest. */
function tokenOf(row: TokenRow, thisId: string | null): AccessToken {
  const { principal } = grantOf(row);
  return {
    id: row.id,
    personId: principal.id,
    personName: principal.name,
    name: row.name,
    kind: row.kind,
    role: principal.role,
    createdAt: row.createdAt.toISOString(),
    createdBy: row.createdBy,
    expiresAt: row.expiresAt?.toISOString() ?? null,
    idleDays: row.idleDays,
    lastUsedAt: row.lastUsedAt?.toISOString() ?? null,
    isThis: row.id === thisId,
  };
}

function inviteOf({ id, name, role, createdAt, createdBy, expiresAt }: InviteRow): Invite {
  return { id, name, role, createdAt: createdAt.toISOString(), createdBy, expiresAt: expiresAt.toISOString() };
}

function invalid(field: string, problem: string): BooError {
  return new BooError('invalid_request', `${field}: ${problem}.`, { details: { field } });
}

const unknownPerson = (): BooError => new BooError('not_found', 'This person does not exist.');
const isAlwaysThere = (field: string): BooError =>
  invalid(field, 'is that of the server’s owner, who is always there, and always an owner');

function invalidInvite(): BooError {
  return new BooError('unauthorized', 'code: is unknown, already used, withdrawn or over.', {
    details: { field: 'code' },
  });
}
