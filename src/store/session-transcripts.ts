import { fromColumn, toColumn } from './session-store-rows.ts';
import type { Sql } from './database.ts';
import type { SlowLane } from './slow-lane.ts';

/** One file's part of a chat's stored transcripts. */
export interface TranscriptPart {
  sessionId: string;
  /** '' for the main transcript. */
  subpath: string;
  /** As stored in the columns. */
  key: { session: string; subpath: string };
}

/**
 * The sessions of a chat, in the order they were started; for each, the main transcript before those of its sub-agents.
 */
export async function listTranscripts(slow: SlowLane, chatId: string): Promise<TranscriptPart[]> {
  const rows = await slow.ask(
    (db) => db<{ session: string; subpath: string }[]>`
    select session_id as session, subpath from boocode.claude_session_entries
    where project_key = ${chatId}
    group by session_id, subpath
    order by min(min(ordinal)) over (partition by session_id), subpath collate "C"`,
  );
  return rows.map((key) => ({ sessionId: fromColumn(key.session), subpath: fromColumn(key.subpath), key }));
}

export interface StoredEntry {
  ordinal: number;
  /** The entry's JSON text, as it was stored. */
  json: string;
}

/** Rows read for one page. */
const pageRows = 500;
/** Stored bytes, mostly compressed, after which a page ends. */
const pageBytes = 256 * 1024;

/**
 * The entries after this one, in order; empty at the end. A page contains few bytes, or one larger entry: an entry's
 * stored size is known without reading it.
 */
export function readEntries(
  slow: SlowLane,
  chatId: string,
  { session, subpath }: TranscriptPart['key'],
  after: number,
): Promise<StoredEntry[]> {
  return slow.ask(
    (db) => db<StoredEntry[]>`
    select ordinal, entry::text as json from (
      select ordinal, entry, sum(pg_column_size(entry)) over (order by ordinal) - pg_column_size(entry) as bytes_before
      from (
        select ordinal, entry from boocode.claude_session_entries
        where project_key = ${chatId} and session_id = ${session} and subpath = ${subpath} and ordinal > ${after}
        order by ordinal limit ${pageRows}
      ) as candidates
    ) as page
    where bytes_before < ${pageBytes} order by ordinal`,
  );
}

/**
 * What was stored since a turn started, in every transcript of the chat, after this entry and in order; empty at the
 * end. Only what a model wrote and tools returned, as far as that is visible without parsing the JSON.
 */
export function readTurnEntries(
  db: Sql,
  { chatId, turnId }: { chatId: string; turnId: string },
  after: number,
): Promise<StoredEntry[]> {
  return db<StoredEntry[]>`
    select ordinal, entry::text as json from boocode.claude_session_entries
    where project_key = ${chatId} and ordinal > ${after}
      and stored_at >= (select started_at from boocode.turns where id = ${turnId})
      and (entry::text like '%"assistant"%' or entry::text like '%"tool_result"%')
    order by ordinal limit 50`;
}

/** Of these entries of a session's main transcript, by uuid, those stored before the turn started. */
export async function findStoredBefore(
  db: Sql,
  { chatId, sessionId, turnId }: { chatId: string; sessionId: string; turnId: string },
  uuids: readonly string[],
): Promise<ReadonlySet<string>> {
  const rows = await db<{ uuid: string }[]>`
    select uuid from boocode.claude_session_entries
    where project_key = ${chatId} and session_id = ${toColumn(sessionId)} and subpath = ''
      and uuid = any(${uuids.map(toColumn)}::text[])
      and stored_at < (select started_at from boocode.turns where id = ${turnId})`;
  return new Set(rows.map(({ uuid }) => fromColumn(uuid)));
}
