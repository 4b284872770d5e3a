import type { FoldSummary } from '../protocol/session-store.ts';
import { type ChatSessionStore, chatSessionStore } from '../store/chat-session-store.ts';
import type { Sql } from '../store/database.ts';
import type { ChatLog } from './chat-log.ts';
import { type RedactedSessionStore, redactedSessionStore } from './secrets/redacted-store.ts';

/** The stored transcripts of a chat that this host holds. Whoever may write to them does so here: without its secrets. */
export function chatTranscripts(
  sql: Sql,
  log: Pick<ChatLog, 'lease' | 'redaction' | 'knowSecrets'>,
  foldSummary: FoldSummary,
): ChatSessionStore & RedactedSessionStore {
  return redactedSessionStore(chatSessionStore(sql, log.lease, foldSummary), log);
}
