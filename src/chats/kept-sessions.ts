/** All sessions that a chat ever had, with the agent's own files for them. */
import type { Agent, NativeSession } from '../agents/agent.ts';
import { findAgentSessions } from '../store/agent-sessions.ts';
import type { ChatSessionStore } from '../store/chat-session-store.ts';
import { chatSideFiles } from '../store/chat-side-files.ts';
import type { ChatContext } from './chat-context.ts';
import { chatTranscripts } from './chat-transcripts.ts';
import type { ChatSettings } from './chat-settings.ts';

type Parts = Pick<ChatContext, 'sql' | 'log' | 'agents'> & { settings: Pick<ChatSettings, 'rowHere'> };

/** Removes the agent's own files. */
export async function eraseSessions(chat: Parts): Promise<void> {
  const sideFiles = chatSideFiles(chat.sql, chat.log.lease);
  await ofEach(chat, (agent, session) => agent.removeSession?.({ ...session, sideFiles }));
}

/** Stores what the agent's own files contain beyond the store, as after trouble with the database. */
export async function storeSessions(chat: Parts): Promise<void> {
  await ofEach(chat, (agent, session, sessionStore) => agent.storeSession?.({ ...session, sessionStore }));
}

/** Stores the surplus of the agent's own files and removes them: the chat continues in another directory. */
export async function leaveDirectory(chat: Parts): Promise<void> {
  await ofEach(chat, (agent, session, sessionStore) => agent.leaveDirectory?.({ ...session, sessionStore }));
}

async function ofEach(
  { sql, log, settings, agents }: Parts,
  task: (agent: Agent, session: NativeSession, store: ChatSessionStore) => Promise<void> | undefined,
): Promise<void> {
  const { lease } = log;
  const { cwd, agent: name } = settings.rowHere;
  const agent = agents.agentFor(name);
  const store = chatTranscripts(sql, log, agent.foldSummary);
  const current = await findAgentSessions(sql, lease.chatId);
  // Including those from before the agent started another one.
  const stored = await store.listSessions(lease.chatId);
  const sessionIds = new Set([...current, ...stored].map((session) => session.sessionId));
  for (const sessionId of sessionIds) await task(agent, { sessionId, cwd }, store);
}
