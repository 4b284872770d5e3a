/** The credentials of people and their browsers, by the digests of their secrets. */
import type { Role } from '../protocol/principal.ts';
import type { Sql } from './database.ts';
import { isValid } from './people.ts';

export interface TokenRow {
  id: string;
  digest: string;
  /** Null: the server's owner, whose name and role are null, too. */
  personId: string | null;
  personName: string | null;
  personRole: Role | null;
  name: string;
  kind: 'token' | 'browser';
  role: Role;
  createdAt: Date;
  createdBy: string;
  expiresAt: Date | null;
  idleDays: number | null;
  lastUsedAt: Date | null;
}

export interface NewToken extends Pick<
  TokenRow,
  'id' | 'digest' | 'personId' | 'name' | 'kind' | 'role' | 'createdBy' | 'idleDays'
> {
  expiresInSeconds: number | null;
  /** It ends with this one at the latest. */
  notAfter: Date | null;
}

/** Valid tokens that a person may have, and as many browsers, which sign-ins keep to fewer. */
const maxPerPerson = 200;

/** Null if the person does not exist, or has too many. Old ones that are over are deleted. */
export async function insertToken(db: Sql, token: NewToken): Promise<TokenRow | null> {
  const { id, digest, personId, name, kind, role, createdBy, idleDays, expiresInSeconds, notAfter } = token;
  const rows = await db`
    with old as (
      delete from boocode.access_tokens
      where least(revoked_at, expires_at, coalesce(last_used_at, created_at) + idle_days * interval '1 day')
        < clock_timestamp() - interval '400 days')
    insert into boocode.access_tokens (id, person_id, digest, name, kind, role, created_by, idle_days, expires_at)
    select ${id}, ${personId}::uuid, ${digest}, ${name}, ${kind}, ${role}, ${createdBy}, ${idleDays}::int,
      least(clock_timestamp() + ${expiresInSeconds}::float8 * interval '1 second', ${notAfter}::timestamptz)
    where (${personId}::uuid is null or exists (select from boocode.people where id = ${personId}::uuid and removed_at is null))
      and (select count(*) from boocode.access_tokens
        where person_id is not distinct from ${personId}::uuid and kind = ${kind} and ${isValid(db)}) < ${maxPerPerson}
    returning id`;
  if (rows.length === 0) return null;
  const [row] = await findTokens(db, [digest]);
  return row ?? null;
}

const columns = (db: Sql) => db`
  access_tokens.id, digest, person_id as "personId", people.name as "personName", people.role as "personRole",
  access_tokens.name, kind, access_tokens.role, access_tokens.created_at as "createdAt",
  access_tokens.created_by as "createdBy", expires_at as "expiresAt", idle_days as "idleDays", last_used_at as "lastUsedAt"`;

/** Those of them that are valid. */
export async function findTokens(db: Sql, digests: readonly string[]): Promise<TokenRow[]> {
  return db<TokenRow[]>`
    select ${columns(db)} from boocode.access_tokens left join boocode.people on people.id = person_id
    where digest = any (${[...digests]}::text[]) and ${isValid(db)} and removed_at is null`;
}

/** The valid ones, the newest first: of one person, of the server's owner (null), or of all. */
export async function listTokens(db: Sql, of: { personId: string | null } | 'all'): Promise<TokenRow[]> {
  const whose = of === 'all' ? db`true` : db`person_id is not distinct from ${of.personId}::uuid`;
  return db<TokenRow[]>`
    select ${columns(db)} from boocode.access_tokens left join boocode.people on people.id = person_id
    where ${whose} and ${isValid(db)} and removed_at is null order by access_tokens.created_at desc, access_tokens.id`;
}

/** False if there is no such token, or not of this person. */
export async function revokeToken(db: Sql, id: string, of: { personId: string | null } | 'all'): Promise<boolean> {
  const whose = of === 'all' ? db`true` : db`person_id is not distinct from ${of.personId}::uuid`;
  const rows = await db`
    update boocode.access_tokens set revoked_at = clock_timestamp()
    where id = ${id} and ${whose} and revoked_at is null returning id`;
  return rows.length > 0;
}

/** Notes that these were just used: to the minute. */
export async function touchTokens(db: Sql, ids: readonly string[]): Promise<void> {
  await db`
    update boocode.access_tokens set last_used_at = clock_timestamp()
    where id = any (${[...ids]}::uuid[])
      and (last_used_at is null or last_used_at < clock_timestamp() - interval '1 minute')`;
}
