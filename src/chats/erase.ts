import type { AgentBackend } from '../agents/agent-backend.ts';
import { findAgentSessions } from '../store/agent-sessions.ts';
import { chatSessionStore } from '../store/chat-session-store.ts';
import type { Sql } from '../store/database.ts';
import type { Lease } from '../store/events.ts';

/** Removes what an agent keeps outside the store of every session that a chat ever had. */
export async function eraseSessions(sql: Sql, lease: Lease, backend: () => AgentBackend, cwd: string): Promise<void> {
  const current = await findAgentSessions(sql, lease.chatId);
  // Those from before the agent began another one, too.
  const stored = (await chatSessionStore(sql, lease).listSessions?.(lease.chatId)) ?? [];
  for (const sessionId of new Set([...current, ...stored].map((session) => session.sessionId))) {
    await backend().removeSession?.({ sessionId, cwd });
  }
}
