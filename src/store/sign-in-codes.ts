/** Codes that sign one browser in, by their digests. */
import type { Role } from '../protocol/principal.ts';
import type { NewToken } from './access-tokens.ts';
import type { Sql } from './database.ts';
import { isValid } from './people.ts';

export interface NewSignInCode {
  digest: string;
  /** Null: the server's owner. */
  personId: string | null;
  role: Role;
  /** The id of the token that ends with it; null for the server's own. */
  madeBy: string | null;
  notAfter: Date | null;
  expiresInSeconds: number;
}

/** Codes that a person may have at once: the oldest ones end. */
const maxCodes = 8;
/** Signed-in browsers that a person may have: whoever signs in is never refused, the one unused for longest is signed out. */
const maxBrowsers = 100;

/** May be repeated: a code that is there stays as it is. */
export async function insertSignInCode(db: Sql, code: NewSignInCode): Promise<void> {
  const { digest, personId, role, madeBy, notAfter, expiresInSeconds } = code;
  await db`
    with old as (
      delete from boocode.sign_in_codes
      where expires_at < clock_timestamp() - interval '1 hour'
        or digest in (
          select digest from boocode.sign_in_codes
          where person_id is not distinct from ${personId}::uuid and used_at is null and expires_at > clock_timestamp()
          order by created_at desc offset ${maxCodes - 1}))
    insert into boocode.sign_in_codes (digest, person_id, role, made_by, not_after, expires_at)
    values (${digest}, ${personId}::uuid, ${role}, ${madeBy}::uuid, ${notAfter}::timestamptz,
      clock_timestamp() + ${expiresInSeconds}::float8 * interval '1 second')
    on conflict (digest) do nothing`;
}

/** Ends the codes that were made with the server's own token. */
export async function deleteServersCodes(db: Sql): Promise<void> {
  await db`delete from boocode.sign_in_codes where made_by is null and used_at is null`;
}

export type Session = Pick<NewToken, 'id' | 'digest' | 'name' | 'idleDays'>;

/**
 * Uses the code up and adds the browser's token, in one statement: both or neither, and only once. Returns the ids of tokens
 * that have ended for it; null if the code is not valid, or was just used by this, and the answer lost.
 */
export async function useSignInCode(db: Sql, digest: string, session: Session): Promise<string[] | null> {
  const rows = await db<{ surplus: string | null }[]>`
    with used as (
      update boocode.sign_in_codes set used_at = clock_timestamp()
      where digest = ${digest} and used_at is null and expires_at > clock_timestamp()
        and (made_by is null or exists (select from boocode.access_tokens where id = made_by and ${isValid(db)}))
        and (person_id is null or exists (select from boocode.people where id = person_id and removed_at is null))
      returning person_id, role, not_after),
    surplus as (
      update boocode.access_tokens set revoked_at = clock_timestamp()
      where id in (
        select access_tokens.id from boocode.access_tokens join used on access_tokens.person_id is not distinct from used.person_id
        where kind = 'browser' and ${isValid(db)}
        order by coalesce(last_used_at, access_tokens.created_at) desc offset ${maxBrowsers - 1})
      returning id),
    added as (
      insert into boocode.access_tokens (id, person_id, digest, name, kind, role, created_by, idle_days, expires_at)
      select ${session.id}, person_id, ${session.digest}, ${session.name}, 'browser', role,
        coalesce((select name from boocode.people where id = person_id), 'owner'), ${session.idleDays}::int, not_after
      from used
      returning id)
    select surplus.id as surplus from added left join surplus on true`;
  return rows.length === 0 ? null : rows.flatMap(({ surplus }) => surplus ?? []);
}
