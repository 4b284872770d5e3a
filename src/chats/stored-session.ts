import type { AgentDirectory } from '../agents/agent.ts';
import type { StoredSession } from '../agents/agent-backend.ts';
import { findAgentSession } from '../store/agent-sessions.ts';
import { chatSessionStore } from '../store/chat-session-store.ts';
import type { ChatRow } from '../store/chats.ts';
import type { Sql } from '../store/database.ts';
import type { Lease } from '../store/events.ts';

export interface StoredSessionParts {
  sql: Sql;
  lease: Lease;
  chat: ChatRow;
  readonly agents: AgentDirectory;
  /** Runs a statement, and again if the database was away. */
  readonly ask: <T>(statement: () => Promise<T>) => Promise<T>;
}

/** The chat's session as it is stored; null before its agent's first start. */
export async function findStoredSession({
  sql,
  lease,
  chat,
  agents,
  ask,
}: StoredSessionParts): Promise<StoredSession | null> {
  const sessionId = await ask(() => findAgentSession(sql, chat.id, chat.agent));
  if (sessionId === null) return null;
  const { foldSummary } = agents.agentFor(chat.agent);
  return { sessionId, cwd: chat.cwd, sessionStore: chatSessionStore(sql, lease, foldSummary) };
}
