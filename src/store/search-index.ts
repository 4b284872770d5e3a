/** The pages and signatures that searches use, built from the log in the background. */
import { spokenTypes } from './chat-search.ts';
import type { Sql } from './database.ts';

/** A chat with events that are on no page yet: those after `done`, up to `head`. */
export interface Unsigned {
  chatId: string;
  done: number;
  head: number;
}

/** Newest chats first. */
export function listUnsigned(db: Sql, limit: number) {
  return db<Unsigned[]>`
    select id as "chatId", coalesce(done.paged, 0) as done, next_seq - 1 as head
    from boocode.chats left join boocode.search_progress as done on done.chat_id = chats.id
    where importing_session is null and coalesce(done.paged, 0) < next_seq - 1
    order by ordinal desc limit ${limit}`;
}

/** Events read for one page. */
const pageEvents = 500;
/** Stored bytes, mostly compressed, after which a page ends. */
const pageBytes = 128 * 1024;

/** The text of the next events: few bytes, or a single larger event. */
export function readSpoken(db: Sql, { chatId, done }: Unsigned) {
  return db<{ seq: number; payload: string; count: number }[]>`
    select seq, payload, count from (
      select seq, payload, count(*) over () as count,
        sum(pg_column_size(payload)) over (order by seq) - pg_column_size(payload) as bytes_before
      from boocode.events
      where chat_id = ${chatId} and seq > ${done} and seq <= ${done + pageEvents} and type = any(${spokenTypes}::text[])
    ) as page
    where bytes_before < ${pageBytes} order by seq`;
}

/** The last seq of a page. */
export function endOfPage({ done, head }: Unsigned, page: readonly { seq: number; count: number }[]): number {
  const last = page.at(-1);
  return last && page.length < last.count ? last.seq : Math.min(done + pageEvents, head);
}

export interface Signed {
  seq: number;
  signature: Buffer | null;
}

/**
 * One page, with an array literal of what is in it. Another host may do the same concurrently; the results are identical.
 * Does nothing for a deleted chat.
 */
export function savePage(db: Sql, chatId: string, upTo: number, page: { signed: readonly Signed[]; pieces: string }) {
  const { signed, pieces } = page;
  return db`
    with chat as (select id from boocode.chats where id = ${chatId} for key share),
    progress as (
      insert into boocode.search_progress (chat_id, seq, paged) select id, ${upTo}, ${upTo} from chat
      on conflict (chat_id) do update
      set seq = greatest(search_progress.seq, excluded.seq), paged = greatest(search_progress.paged, excluded.paged)
    ),
    pages as (
      insert into boocode.search_pages (chat_id, seq, pieces)
      select id, ${upTo}, ${pieces}::text::smallint[] from chat where ${signed.length > 0}
      on conflict (chat_id, seq) do nothing
    )
    insert into boocode.search_signatures (chat_id, seq, signature)
    select chat.id, made.seq, decode(made.signature, 'base64')
    from chat, unnest(
      ${signed.map(({ seq }) => seq)}::bigint[],
      ${signed.map(({ signature }) => signature?.toString('base64') ?? null) as string[]}::text[]
    ) as made (seq, signature)
    on conflict (chat_id, seq) do nothing`;
}

/** Postgres collects what is new in the index, and every search reads that through until it is sorted in. */
export function sortPages(db: Sql) {
  return db`select gin_clean_pending_list('boocode.search_pages_pieces')`;
}
