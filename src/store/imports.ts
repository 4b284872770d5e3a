/** Chats being imported from a session that was started elsewhere: nobody sees them until the import is complete. */
import type { AgentName } from '../protocol/chat.ts';
import type { Sql } from './database.ts';
import type { Lease } from './events.ts';
import { deleteWithEntries, type NewChat, newChatColumns } from './chats.ts';
import { toColumn } from './session-store-rows.ts';

export interface ImportRow {
  id: string;
  agent: AgentName;
  sessionId: string;
  /** In its log, so far. */
  events: number;
}

/** The chat that has this session or once had it, if any. The limit makes Postgres look it up in each chat's entries. */
export async function findChatOfSession(
  db: Sql,
  sessionId: string,
): Promise<{ id: string; title: string | null } | null> {
  const [row] = await db<{ id: string; title: string | null }[]>`
    select id, title from boocode.chats
    where importing_session is null and (
      id in (select chat_id from boocode.agent_sessions where session_id = ${sessionId})
      or (
        select true from boocode.claude_session_entries
        where project_key = chats.id::text and session_id = ${toColumn(sessionId)} and subpath = '' limit 1
      )
    )
    order by ordinal limit 1`;
  return row ?? null;
}

/** Throws a violation of `chats_importing_session_key` while another import is in progress. */
export async function insertImport(db: Sql, chat: NewChat, sessionId: string): Promise<void> {
  await db`insert into boocode.chats ${db({ ...newChatColumns(db, chat), importing_session: sessionId })}`;
}

export async function findImport(db: Sql, id: string): Promise<ImportRow | null> {
  const [row] = await db<ImportRow[]>`
    select id, agent, importing_session as "sessionId", next_seq - 1 as events from boocode.chats
    where id = ${id} and importing_session is not null`;
  return row ?? null;
}

/**
 * The right to write the import's log, from its beginning. The epoch grows, so that late entries, and whoever was
 * finishing the same import at that moment, can write no more. Two statements, because one that waited for the chat's
 * row would not see, and so not delete, what was written meanwhile.
 */
export async function claimImport(db: Sql, id: string, hostId: string): Promise<Lease | null> {
  const [row] = await db<{ epoch: number }[]>`
    update boocode.chats set epoch = epoch + 1, next_seq = 1 where id = ${id} and importing_session is not null
    returning epoch`;
  if (!row) return null;
  await db`
    with claimed as (select id from boocode.chats where id = ${id} and epoch = ${row.epoch} for update)
    delete from boocode.events where chat_id in (select id from claimed)`;
  return { chatId: id, hostId, epoch: row.epoch, nextSeq: 1 };
}

/**
 * Turns the import into a chat. False if it was removed or claimed meanwhile, or if another chat has the session now.
 */
export async function publishImport(db: Sql, lease: Lease): Promise<boolean> {
  const rows = await db`
    update boocode.chats set importing_session = null, updated_at = clock_timestamp(), free_since = clock_timestamp()
    where id = ${lease.chatId} and epoch = ${lease.epoch} and importing_session is not null and not exists (
      select from boocode.agent_sessions s join boocode.chats other on other.id = s.chat_id
      where s.session_id = chats.importing_session and other.id <> chats.id and other.importing_session is null
    )
    returning id`;
  return rows.length === 1;
}

export type ImportsToRemove = { id: string } | { sessionId: string } | { olderThanHours: number };

/**
 * Removes imports with everything stored about them, but never chats. Returns how many there were. The epoch grows
 * first, so that the deleting statement sees everything that was ever written.
 */
export async function removeImports(db: Sql, which: ImportsToRemove): Promise<number> {
  const chosen =
    'id' in which
      ? db`id = ${which.id}`
      : 'sessionId' in which
        ? db`importing_session = ${which.sessionId}`
        : db`created_at < clock_timestamp() - ${which.olderThanHours} * interval '1 hour'`;
  const imports = db`importing_session is not null and ${chosen}`;
  await db`update boocode.chats set epoch = epoch + 1 where ${imports}`;
  return deleteWithEntries(db, imports);
}
