/** A chat's transcripts, read page by page from the store: as it is when each page is read. */
import type { ChatRow } from '../store/chats.ts';
import { findAgentSessions } from '../store/agent-sessions.ts';
import type { Sql } from '../store/database.ts';
import type { SlowLane } from '../store/slow-lane.ts';
import { listTranscripts, readEntries, type TranscriptPart } from '../store/session-transcripts.ts';
import type { StoredTranscript, TranscriptLine } from './chats.ts';
import { ask } from './storage.ts';

export async function readStoredTranscript(sql: Sql, slow: SlowLane, chat: ChatRow): Promise<StoredTranscript> {
  const [sessions, parts] = await Promise.all([
    ask(() => findAgentSessions(sql, chat.id)),
    listTranscripts(slow, chat.id),
  ]);
  const sessionId = sessions[0]?.sessionId ?? null;
  const isCurrent = (part: TranscriptPart): boolean => part.sessionId === sessionId;
  const ordered = [...parts.filter(isCurrent), ...parts.filter((part) => !isCurrent(part))];
  return { chatId: chat.id, sessionId, cwd: chat.cwd, pages: pagesOf(slow, chat.id, ordered) };
}

async function* pagesOf(
  slow: SlowLane,
  chatId: string,
  parts: readonly TranscriptPart[],
): AsyncGenerator<TranscriptLine[], void, undefined> {
  for (const { sessionId, subpath, key } of parts) {
    for (let after = 0; ;) {
      const page = await readEntries(slow, chatId, key, after);
      const last = page.at(-1);
      if (!last) break;
      yield page.map(({ json }) => ({ sessionId, subpath, json }));
      after = last.ordinal;
    }
  }
}
