import type { Agent, AgentDirectory, NativeSession } from '../agents/agent.ts';
import { findAgentSessions } from '../store/agent-sessions.ts';
import { chatSessionStore } from '../store/chat-session-store.ts';
import type { ChatRow } from '../store/chats.ts';
import type { Sql } from '../store/database.ts';
import type { Lease } from '../store/events.ts';

/** All sessions that a chat ever had, with the agent's own files of them. */
export interface KeptSessions {
  sql: Sql;
  lease: Lease;
  chat: Readonly<ChatRow>;
  readonly agents: AgentDirectory;
}

/** Removes the agent's own files. */
export async function eraseSessions(kept: KeptSessions): Promise<void> {
  await ofEach(kept, (agent, session) => agent.removeSession?.(session));
}

/** Stores the surplus of the agent's own files and removes them: the chat continues in another directory. */
export async function leaveDirectory(kept: KeptSessions): Promise<void> {
  const { foldSummary } = kept.agents.agentFor(kept.chat.agent);
  const sessionStore = chatSessionStore(kept.sql, kept.lease, foldSummary);
  await ofEach(kept, (agent, session) => agent.leaveDirectory?.({ ...session, sessionStore }));
}

async function ofEach(
  { sql, lease, chat, agents }: KeptSessions,
  task: (agent: Agent, session: NativeSession) => Promise<void> | undefined,
): Promise<void> {
  const agent = agents.agentFor(chat.agent);
  const current = await findAgentSessions(sql, lease.chatId);
  // Those from before the agent began another one, too.
  const stored = (await chatSessionStore(sql, lease, agent.foldSummary).listSessions?.(lease.chatId)) ?? [];
  const sessionIds = new Set([...current, ...stored].map((session) => session.sessionId));
  for (const sessionId of sessionIds) await task(agent, { sessionId, cwd: chat.cwd });
}
