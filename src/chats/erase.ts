import type { AgentBackend } from '../agents/agent-backend.ts';
import { type BackendName, backendNames } from '../protocol/chat.ts';
import { toBooError } from '../protocol/error.ts';
import { findAgentSessions } from '../store/agent-sessions.ts';
import { chatSessionStore } from '../store/chat-session-store.ts';
import type { ChatRow } from '../store/chats.ts';
import type { Sql } from '../store/database.ts';
import type { Lease } from '../store/events.ts';

/** Removes what agents keep outside the store of every session that a chat ever had, on whichever backend. */
export async function eraseSessions(
  sql: Sql,
  lease: Lease,
  chat: ChatRow,
  backendFor: (name: BackendName) => AgentBackend,
): Promise<void> {
  const current = await findAgentSessions(sql, lease.chatId);
  // Those from before the agent began another one, too.
  const stored = (await chatSessionStore(sql, lease).listSessions?.(lease.chatId)) ?? [];
  const sessionIds = new Set([...current, ...stored].map((session) => session.sessionId));
  if (sessionIds.size === 0) return;
  // It may have been flipped: the others that are here may have kept something, too.
  const others = backendNames.filter((name) => name !== chat.backend);
  const backends = [backendFor(chat.backend), ...others.flatMap((name) => available(name, backendFor))];
  for (const sessionId of sessionIds) {
    for (const backend of backends) await backend.removeSession?.({ sessionId, cwd: chat.cwd });
  }
}

function available(name: BackendName, backendFor: (name: BackendName) => AgentBackend): AgentBackend[] {
  try {
    return [backendFor(name)];
  } catch (error) {
    if (toBooError(error).code === 'backend_unavailable') return [];
    throw error;
  }
}
