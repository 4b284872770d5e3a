/** Links through which somebody becomes one of the people, by the digests of their codes. */
import type { Role } from '../protocol/principal.ts';
import type { Sql } from './database.ts';
import type { NewPerson } from './people.ts';

export interface InviteRow {
  id: string;
  name: string | null;
  role: Role;
  createdAt: Date;
  createdBy: string;
  expiresAt: Date;
}

export interface NewInvite extends Pick<InviteRow, 'id' | 'name' | 'role' | 'createdBy'> {
  digest: string;
  createdById: string | null;
  expiresInSeconds: number;
}

const columns = (db: Sql) =>
  db`id, name, role, created_at as "createdAt", created_by as "createdBy", expires_at as "expiresAt"`;

/** Also deletes those that are over. */
export async function insertInvite(db: Sql, invite: NewInvite): Promise<InviteRow> {
  const { id, digest, name, role, createdBy, createdById, expiresInSeconds } = invite;
  const [row] = await db<InviteRow[]>`
    with old as (delete from boocode.invites where expires_at < clock_timestamp() - interval '30 days')
    insert into boocode.invites (id, digest, name, role, created_by, created_by_id, expires_at)
    values (${id}, ${digest}, ${name}, ${role}, ${createdBy}, ${createdById}::uuid,
      clock_timestamp() + ${expiresInSeconds}::float8 * interval '1 second')
    returning ${columns(db)}`;
  return row!;
}

/** Those that can still be used, the newest first. */
export async function listInvites(db: Sql): Promise<InviteRow[]> {
  return db<InviteRow[]>`
    select ${columns(db)} from boocode.invites
    where used_at is null and expires_at > clock_timestamp() order by created_at desc, id`;
}

export async function findInvite(db: Sql, digest: string): Promise<InviteRow | null> {
  const [row] = await db<InviteRow[]>`
    select ${columns(db)} from boocode.invites
    where digest = ${digest} and used_at is null and expires_at > clock_timestamp()`;
  return row ?? null;
}

/**
 * Uses the invitation up and adds the person, in one statement, so that it happens once. False if somebody was faster. Fails
 * with `isNameTaken`, and then the invitation is not used.
 */
export async function useInvite(db: Sql, digest: string, person: Pick<NewPerson, 'id' | 'name'>): Promise<boolean> {
  const rows = await db`
    with used as (
      update boocode.invites set used_at = clock_timestamp()
      where digest = ${digest} and used_at is null and expires_at > clock_timestamp()
      returning role, created_by)
    insert into boocode.people (id, name, role, created_by)
    select ${person.id}, ${person.name}, role, created_by from used returning id`;
  return rows.length > 0;
}

/** False if there is none that can be used. */
export async function deleteInvite(db: Sql, id: string): Promise<boolean> {
  const rows = await db`
    delete from boocode.invites where id = ${id} and used_at is null and expires_at > clock_timestamp() returning id`;
  return rows.length > 0;
}
