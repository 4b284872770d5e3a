/** What is stored about the files that a chat's agent has edited, and when its turns began. */
import type { SessionStoreEntry } from '../protocol/session-store.ts';
import type { Sql } from './database.ts';
import { fromColumn, toColumn } from './session-store-rows.ts';

/** Entries of these types in the own transcripts of all sessions that the chat ever had, in order. */
export async function readEntriesOfTypes(
  db: Sql,
  chatId: string,
  types: readonly string[],
): Promise<{ sessionId: string; entry: SessionStoreEntry }[]> {
  // Text within JSON has its quotes escaped. What has the key further inside is left out below.
  const ofTypes = types.map((type) => `%"type":"${type}"%`);
  const rows = await db<{ sessionId: string; json: string }[]>`
    select session_id as "sessionId", entry::text as json from boocode.claude_session_entries
    where project_key = ${chatId} and subpath = '' and entry::text like any(${ofTypes}::text[])
    order by stored_at, ordinal`;
  return rows
    .map(({ sessionId, json }) => ({
      sessionId: fromColumn(sessionId),
      entry: JSON.parse(json) as SessionStoreEntry,
    }))
    .filter(({ entry }) => types.includes(entry.type));
}

/** The first of these messages that was stored during the turn; null if none was. */
export async function findMessageOfTurn(
  db: Sql,
  chatId: string,
  turnId: string,
  messages: readonly { sessionId: string; uuid: string }[],
): Promise<{ sessionId: string; uuid: string } | null> {
  const [row] = await db<{ sessionId: string; uuid: string }[]>`
    select entries.session_id as "sessionId", entries.uuid
    from boocode.turns join boocode.claude_session_entries as entries on entries.project_key = turns.chat_id::text
      and entries.stored_at >= turns.started_at and entries.stored_at <= coalesce(turns.finished_at, 'infinity')
    where turns.chat_id = ${chatId} and turns.id = ${turnId} and entries.subpath = ''
      and (entries.session_id, entries.uuid) in (
        select * from unnest(
          ${messages.map(({ sessionId }) => toColumn(sessionId))}::text[], ${messages.map(({ uuid }) => toColumn(uuid))}::text[]
        )
      )
    order by entries.stored_at, entries.ordinal limit 1`;
  return row ? { sessionId: fromColumn(row.sessionId), uuid: fromColumn(row.uuid) } : null;
}

/** Whether the chat was in another directory when the turn began. */
export async function hasMovedSince(db: Sql, chatId: string, turnId: string): Promise<boolean> {
  const [row] = await db<{ hasMoved: boolean }[]>`
    select exists(
      select from boocode.events join boocode.turns on turns.chat_id = events.chat_id
      where events.chat_id = ${chatId} and turns.id = ${turnId} and events.at >= turns.started_at
        and events.type = 'chat_updated' and events.payload ->> 'cwd' is not null
    ) as "hasMoved"`;
  return row?.hasMoved === true;
}

/** Milliseconds since the chat's last turn ended: the clocks of hosts may differ. Null if one runs, or none has. */
export async function readQuietMs(db: Sql, chatId: string): Promise<number | null> {
  const [row] = await db<{ quietMs: number | null }[]>`
    select (case when count(*) = count(finished_at) then
      extract(epoch from clock_timestamp() - max(finished_at)) * 1000 end)::double precision as "quietMs"
    from boocode.turns where chat_id = ${chatId}`;
  return row?.quietMs ?? null;
}
