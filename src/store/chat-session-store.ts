import type { FoldSummary, SessionKey, SessionStore, SessionStoreEntry } from '../protocol/session-store.ts';
import type { Sql } from './database.ts';
import type { Lease } from './events.ts';
import { PostgresSessionStore } from './postgres-session-store.ts';
import { findTurnIds } from './turns.ts';

export interface ChatSessionStore extends SessionStore {
  listSessions: NonNullable<SessionStore['listSessions']>;
  /** Like `load`, in pieces small enough to let other work run in between. */
  loadPages(key: SessionKey): AsyncIterable<SessionStoreEntry[]>;
  /** Which of these ids, UUIDs, are those of turns in the log. */
  turnsAmong(ids: readonly string[]): Promise<ReadonlySet<string>>;
}

/**
 * One chat's transcripts, written under its lease. The agent's own project key is the sanitised path of the working
 * directory, which differs between machines; the chat's id replaces it here.
 */
export function chatSessionStore(sql: Sql, lease: Lease, foldSummary: FoldSummary): ChatSessionStore {
  const store = new PostgresSessionStore({ sql, foldSummary, fence: { chatId: lease.chatId, epoch: lease.epoch } });
  const own = (key: SessionKey): SessionKey => ({ ...key, projectKey: lease.chatId });
  return {
    append: (key, entries) => store.append(own(key), entries),
    load: (key) => store.load(own(key)),
    loadPages: (key) => store.loadPages(own(key)),
    delete: (key) => store.delete(own(key)),
    listSubkeys: (key) => store.listSubkeys({ ...key, projectKey: lease.chatId }),
    listSessions: () => store.listSessions(lease.chatId),
    turnsAmong: (ids) => findTurnIds(sql, ids),
    listSessionSummaries: () => store.listSessionSummaries(lease.chatId),
  };
}
