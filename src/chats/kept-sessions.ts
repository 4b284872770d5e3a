import type { AgentBackend } from '../agents/agent-backend.ts';
import { type BackendName, backendNames } from '../protocol/chat.ts';
import { toBooError } from '../protocol/error.ts';
import { findAgentSessions } from '../store/agent-sessions.ts';
import { chatSessionStore } from '../store/chat-session-store.ts';
import type { ChatRow } from '../store/chats.ts';
import type { Sql } from '../store/database.ts';
import type { Lease } from '../store/events.ts';

/** The sessions that a chat ever had, with what agents keep of them outside the store, on whichever backend. */
export interface KeptSessions {
  sql: Sql;
  lease: Lease;
  chat: Readonly<ChatRow>;
  readonly backendFor: (name: BackendName) => AgentBackend;
}

/** Removes what agents keep. */
export async function eraseSessions(kept: KeptSessions): Promise<void> {
  await ofEach(kept, (backend, session) => backend.removeSession?.(session));
}

/** Stores what agents keep beyond the store, and removes it: the chat goes on in another directory. */
export async function leaveDirectory(kept: KeptSessions): Promise<void> {
  const sessionStore = chatSessionStore(kept.sql, kept.lease);
  await ofEach(kept, (backend, session) => backend.leaveDirectory?.({ ...session, sessionStore }));
}

async function ofEach(
  { sql, lease, chat, backendFor }: KeptSessions,
  task: (backend: AgentBackend, session: { sessionId: string; cwd: string }) => Promise<void> | undefined,
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
    for (const backend of backends) await task(backend, { sessionId, cwd: chat.cwd });
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
