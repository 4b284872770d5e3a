/** Passkeys, and the challenges that devices sign. */
import type { Role } from '../protocol/principal.ts';
import type { Sql } from './database.ts';

export interface PasskeyRow {
  id: string;
  /** Null: the server's owner, whose name and role are null, too. */
  personId: string | null;
  personName: string | null;
  personRole: Role | null;
  credentialId: string;
  userHandle: string;
  rpId: string;
  publicKey: string;
  counter: number;
  name: string;
  role: Role;
  createdAt: Date;
  lastUsedAt: Date | null;
}

export type NewPasskey = Omit<PasskeyRow, 'personName' | 'personRole' | 'createdAt' | 'lastUsedAt'>;

export interface NewChallenge {
  digest: string;
  purpose: 'add' | 'sign_in';
  personId: string | null;
  /** What the device will call them; null for a sign-in. */
  userHandle: string | null;
  origin: string;
  expiresInSeconds: number;
}

/** Of one purpose, at once: more are asked for only to fill the table. The oldest ones end. */
const maxChallenges = 10_000;
export const maxPasskeysEach = 20;

/** May be repeated: a challenge that is there stays as it is. */
export async function insertChallenge(db: Sql, challenge: NewChallenge): Promise<void> {
  const { digest, purpose, personId, userHandle, origin, expiresInSeconds } = challenge;
  await db`
    with old as (
      delete from boocode.passkey_challenges
      where expires_at < clock_timestamp()
        or digest in (
          select digest from boocode.passkey_challenges
          where purpose = ${purpose} order by expires_at desc offset ${maxChallenges - 1}))
    insert into boocode.passkey_challenges (digest, purpose, person_id, user_handle, origin, expires_at)
    values (${digest}, ${purpose}, ${personId}::uuid, ${userHandle}, ${origin},
      clock_timestamp() + ${expiresInSeconds}::float8 * interval '1 second')
    on conflict (digest) do nothing`;
}

/** Null unless the challenge is valid for that, for them, and at this origin; it is used up. */
export async function useChallenge(
  db: Sql,
  challenge: Omit<NewChallenge, 'expiresInSeconds' | 'userHandle'>,
): Promise<Pick<NewChallenge, 'userHandle'> | null> {
  const { digest, purpose, personId, origin } = challenge;
  const [row] = await db<Pick<NewChallenge, 'userHandle'>[]>`
    delete from boocode.passkey_challenges
    where digest = ${digest} and purpose = ${purpose} and person_id is not distinct from ${personId}::uuid
      and origin = ${origin} and expires_at > clock_timestamp()
    returning user_handle as "userHandle"`;
  return row ?? null;
}

const columns = (db: Sql) => db`
  passkeys.id, person_id as "personId", people.name as "personName", people.role as "personRole",
  credential_id as "credentialId", user_handle as "userHandle", rp_id as "rpId", public_key as "publicKey",
  counter::float8 as counter, passkeys.name, passkeys.role, passkeys.created_at as "createdAt",
  last_used_at as "lastUsedAt"`;

/** False if the person does not exist, or has too many. May be repeated. */
export async function insertPasskey(db: Sql, passkey: NewPasskey): Promise<boolean> {
  const { id, personId, credentialId, userHandle, rpId, publicKey, counter, name, role } = passkey;
  await db`
    insert into boocode.passkeys (id, person_id, credential_id, user_handle, rp_id, public_key, counter, name, role)
    select ${id}, ${personId}::uuid, ${credentialId}, ${userHandle}, ${rpId}, ${publicKey}, ${counter}::bigint, ${name}, ${role}
    where (${personId}::uuid is null or exists (select from boocode.people where id = ${personId}::uuid and removed_at is null))
      and (select count(*) from boocode.passkeys where person_id is not distinct from ${personId}::uuid) < ${maxPasskeysEach}
    on conflict (credential_id) do nothing`;
  return (await findPasskey(db, credentialId))?.id === id;
}

/** Null also if its person was removed. */
export async function findPasskey(db: Sql, credentialId: string): Promise<PasskeyRow | null> {
  const [row] = await db<PasskeyRow[]>`
    select ${columns(db)} from boocode.passkeys left join boocode.people on people.id = person_id
    where credential_id = ${credentialId} and removed_at is null`;
  return row ?? null;
}

/** The newest first: of one person, of the server's owner (null), or of all. */
export async function listPasskeys(db: Sql, of: { personId: string | null } | 'all'): Promise<PasskeyRow[]> {
  const whose = of === 'all' ? db`true` : db`person_id is not distinct from ${of.personId}::uuid`;
  return db<PasskeyRow[]>`
    select ${columns(db)} from boocode.passkeys left join boocode.people on people.id = person_id
    where ${whose} and removed_at is null order by passkeys.created_at desc, passkeys.id`;
}

/** False if it was used meanwhile with this count or a higher one, or removed. */
export async function notePasskeyUse(db: Sql, id: string, counter: number): Promise<boolean> {
  const rows = await db`
    update boocode.passkeys set counter = ${counter}::bigint, last_used_at = clock_timestamp()
    where id = ${id} and (counter < ${counter}::bigint or (counter = 0 and ${counter}::bigint = 0))
    returning id`;
  return rows.length > 0;
}

/** False if there is no such passkey, or not of this person. */
export async function deletePasskey(db: Sql, id: string, of: { personId: string | null } | 'all'): Promise<boolean> {
  const whose = of === 'all' ? db`true` : db`person_id is not distinct from ${of.personId}::uuid`;
  const rows = await db`delete from boocode.passkeys where id = ${id} and ${whose} returning id`;
  return rows.length > 0;
}

export async function hasPasskeys(db: Sql): Promise<boolean> {
  const [row] = await db<{ has: boolean }[]>`select exists (select from boocode.passkeys) as has`;
  return row!.has;
}
