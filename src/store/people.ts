/** The people who may use the server, besides its owner, who has no row. */
import type { Role } from '../protocol/principal.ts';
import type { Sql } from './database.ts';
import { isUniqueViolation } from './storage-error.ts';

export interface PersonRow {
  id: string;
  name: string;
  role: Role;
  createdAt: Date;
  createdBy: string;
}

export type NewPerson = Pick<PersonRow, 'id' | 'name' | 'role' | 'createdBy'>;

/** Of a person, by their valid tokens. */
export interface TokenUse {
  tokens: number;
  lastUsedAt: Date | null;
}

/** Fails with `isNameTaken` if somebody has the name. */
export async function insertPerson(db: Sql, { id, name, role, createdBy }: NewPerson): Promise<PersonRow> {
  const [row] = await db<PersonRow[]>`
    insert into boocode.people (id, name, role, created_by) values (${id}, ${name}, ${role}, ${createdBy})
    returning id, name, role, created_at as "createdAt", created_by as "createdBy"`;
  return row!;
}

export const isNameTaken = (error: unknown): boolean => isUniqueViolation(error, 'people');

export async function listPeople(db: Sql): Promise<(PersonRow & TokenUse)[]> {
  return db<(PersonRow & TokenUse)[]>`
    select id, name, role, created_at as "createdAt", created_by as "createdBy", used.*
    from boocode.people, lateral (
      select count(*)::int as tokens, max(last_used_at) as "lastUsedAt"
      from boocode.access_tokens where person_id = people.id and ${isValid(db)}) as used
    where removed_at is null order by created_at, id`;
}

/** Of the server's owner. */
export async function readOwnersUse(db: Sql): Promise<TokenUse> {
  const [row] = await db<TokenUse[]>`
    select count(*)::int as tokens, max(last_used_at) as "lastUsedAt"
    from boocode.access_tokens where person_id is null and ${isValid(db)}`;
  return row!;
}

export async function findPerson(db: Sql, id: string): Promise<PersonRow | null> {
  const [row] = await db<PersonRow[]>`
    select id, name, role, created_at as "createdAt", created_by as "createdBy"
    from boocode.people where id = ${id} and removed_at is null`;
  return row ?? null;
}

/** False if there is no such person. */
export async function setPersonRole(db: Sql, id: string, role: Role): Promise<boolean> {
  const rows = await db`update boocode.people set role = ${role} where id = ${id} and removed_at is null returning id`;
  return rows.length > 0;
}

/** What lets somebody in, and the invitations that they have made: of those that `gone` has. */
const endings = (db: Sql) => db`
  revoked as (
    update boocode.access_tokens set revoked_at = clock_timestamp()
    where person_id in (select id from gone) and revoked_at is null),
  forgotten as (delete from boocode.passkeys where person_id in (select id from gone)),
  unlinked as (delete from boocode.sign_in_codes where person_id in (select id from gone) and used_at is null),
  uninvited as (delete from boocode.invites where created_by_id in (select id from gone) and used_at is null)`;

/** They can no longer come in. False if there is no such person. */
export async function removePerson(db: Sql, id: string): Promise<boolean> {
  const rows = await db`
    with gone as (update boocode.people set removed_at = clock_timestamp() where id = ${id} and removed_at is null returning id),
    ${endings(db)}
    select id from gone`;
  return rows.length > 0;
}

/** The person stays, and can be let in again. */
export async function endAccess(db: Sql, id: string): Promise<void> {
  await db`with gone as (select ${id}::uuid as id), ${endings(db)} select id from gone`;
}

/** Of the server's owner: all but the server's own token. */
export async function endOwnersAccess(db: Sql): Promise<void> {
  await db`
    with revoked as (
      update boocode.access_tokens set revoked_at = clock_timestamp() where person_id is null and revoked_at is null),
    unlinked as (delete from boocode.sign_in_codes where person_id is null and used_at is null)
    delete from boocode.passkeys where person_id is null`;
}

/** Those who were removed, the last one first. */
export async function listRemoved(db: Sql): Promise<PersonRow[]> {
  return db<PersonRow[]>`
    select id, name, role, created_at as "createdAt", created_by as "createdBy"
    from boocode.people where removed_at is not null order by removed_at desc, id limit 1000`;
}

/** Null if nobody with that id was removed. Fails with `isNameTaken` if somebody has the name now. */
export async function readmitPerson(db: Sql, id: string): Promise<PersonRow | null> {
  const [row] = await db<PersonRow[]>`
    update boocode.people set removed_at = null where id = ${id} and removed_at is not null
    returning id, name, role, created_at as "createdAt", created_by as "createdBy"`;
  return row ?? null;
}

/** Of a row of `access_tokens`. Only the database's clock counts. */
export function isValid(db: Sql) {
  return db`revoked_at is null and (expires_at is null or expires_at > clock_timestamp())
    and (idle_days is null or coalesce(last_used_at, access_tokens.created_at) > clock_timestamp() - idle_days * interval '1 day')`;
}
