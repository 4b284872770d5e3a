/** Links by which anybody reads one chat, by the digests of their secrets. */
import type { Sql } from './database.ts';

export interface ShareLinkRow {
  id: string;
  untilSeq: number | null;
  madeById: string;
  madeByName: string;
  createdAt: Date;
  expiresAt: Date;
  lastUsedAt: Date | null;
}

/** What a link shows, and for how long, by the database's clock. */
export interface FoundLink {
  id: string;
  digest: string;
  chatId: string;
  untilSeq: number | null;
  /** 0 for one that is over. */
  leftMs: number;
  /** Its use was not written down within the last minute. */
  isStale: boolean;
}

export interface NewShareLink {
  id: string;
  chatId: string;
  digest: string;
  untilSeq: number | null;
  madeBy: { id: string; name: string };
  expiresInSeconds: number;
}

/** Valid links that a chat may have. */
export const maxShareLinks = 100;

const columns = (db: Sql) => db`
  id, until_seq::float8 as "untilSeq", made_by_id as "madeById", made_by_name as "madeByName",
  created_at as "createdAt", expires_at as "expiresAt", last_used_at as "lastUsedAt"`;

/** May be repeated. Null if the chat has too many, or not that event. */
export async function insertShareLink(db: Sql, link: NewShareLink): Promise<ShareLinkRow | null> {
  const { id, chatId, digest, untilSeq, madeBy, expiresInSeconds } = link;
  const [row] = await db<ShareLinkRow[]>`
    with old as (delete from boocode.share_links where chat_id = ${chatId} and expires_at <= clock_timestamp())
    insert into boocode.share_links (id, chat_id, digest, until_seq, made_by_id, made_by_name, expires_at)
    select ${id}::uuid, chats.id, ${digest}, ${untilSeq}::bigint, ${madeBy.id}, ${madeBy.name},
      clock_timestamp() + ${expiresInSeconds}::float8 * interval '1 second'
    from boocode.chats
    where chats.id = ${chatId}
      and (${untilSeq}::bigint is null or exists (
        select from boocode.events where events.chat_id = chats.id and events.seq = ${untilSeq}::bigint))
      and (select count(*) from boocode.share_links
        where chat_id = ${chatId} and expires_at > clock_timestamp() and share_links.id <> ${id}::uuid) < ${maxShareLinks}
    on conflict (id) do update set id = excluded.id
    returning ${columns(db)}`;
  return row ?? null;
}

/** The valid ones, the newest first. */
export async function listShareLinks(db: Sql, chatId: string): Promise<ShareLinkRow[]> {
  return db<ShareLinkRow[]>`
    select ${columns(db)} from boocode.share_links
    where chat_id = ${chatId} and expires_at > clock_timestamp() order by created_at desc, id`;
}

/** False if the chat has no such link. */
export async function deleteShareLink(db: Sql, chatId: string, id: string): Promise<boolean> {
  const rows = await db`delete from boocode.share_links where id = ${id} and chat_id = ${chatId} returning id`;
  return rows.length > 0;
}

/**
 * Those that there are. A link is over once it has expired, and while whoever made it may not share the chat: because they
 * were removed, or have another role.
 */
export async function findShareLinks(db: Sql, digests: readonly string[]): Promise<FoundLink[]> {
  return db<FoundLink[]>`
    select share_links.id, digest, chat_id as "chatId", until_seq::float8 as "untilSeq",
      case when made_by_id = 'owner' or exists (
        select from boocode.people where people.id::text = made_by_id and removed_at is null
          and (people.role = 'owner' or (people.role = 'member' and chats.owner_id = made_by_id)))
        then greatest(0, extract(epoch from expires_at - clock_timestamp()) * 1000)::float8 else 0 end as "leftMs",
      last_used_at is null or last_used_at < clock_timestamp() - interval '1 minute' as "isStale"
    from boocode.share_links join boocode.chats on chats.id = chat_id
    where digest = any (${[...digests]}::text[])`;
}

/** Notes that it was just used: to the minute. */
export async function touchShareLink(db: Sql, id: string): Promise<void> {
  await db`
    update boocode.share_links set last_used_at = clock_timestamp()
    where id = ${id}::uuid and (last_used_at is null or last_used_at < clock_timestamp() - interval '1 minute')`;
}
