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

/** Their tokens end, and so do the invitations that they have made. False if there is no such person. */
export async function removePerson(db: Sql, id: string): Promise<boolean> {
  const rows = await db`
    with gone as (update boocode.people set removed_at = clock_timestamp() where id = ${id} and removed_at is null returning id),
    revoked as (
      update boocode.access_tokens set revoked_at = clock_timestamp()
      where person_id in (select id from gone) and revoked_at is null),
    forgotten as (delete from boocode.passkeys where person_id in (select id from gone)),
    uninvited as (delete from boocode.invites where created_by_id in (select id from gone) and used_at is null)
    select id from gone`;
  return rows.length > 0;
}

/** Of a row of `access_tokens`. Only the database's clock counts. */
export function isValid(db: Sql) {
  return db`revoked_at is null and (expires_at is null or expires_at > clock_timestamp())
    and (idle_days is null or coalesce(last_used_at, access_tokens.created_at) > clock_timestamp() - idle_days * interval '1 day')`;
}
