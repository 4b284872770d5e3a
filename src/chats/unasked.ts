/**
 * Prompts that a turn was started for but that never reached the agent: they wait again, and get another turn. A turn
 * without any sign of the agent is a hint; the agent's own transcript is the proof, so that nothing is done twice.
 */
import type { AgentDirectory } from '../agents/agent.ts';
import { BooError } from '../protocol/error.ts';
import { ask } from './storage.ts';
import { findStoredBefore } from '../store/session-transcripts.ts';
import type { ChatRow } from '../store/chats.ts';
import type { Sql } from '../store/database.ts';
import type { Lease } from '../store/events.ts';
import type { Log } from '../lib/log.ts';
import type { PromptRow } from '../store/prompts.ts';
import { findStoredSession } from './stored-session.ts';
import type { TurnEnd } from './turn.ts';

/** Whether a turn without a sign of the agent may have ended before its prompt reached the agent. */
export function mayBeUnasked({ outcome, error }: TurnEnd, wasInterrupted: boolean): boolean {
  // Interrupted by nobody: its session was closed, or is gone.
  return outcome === 'interrupted' ? !wasInterrupted : outcome === 'failed' && error?.code === 'agent_failed';
}

/**
 * Whether the prompt reached the agent, according to its transcript. The session is closed. If nobody can tell, it did.
 */
export async function wasAsked(
  parts: {
    sql: Sql;
    lease: Lease;
    chat: ChatRow;
    logger: Log;
    readonly agents: AgentDirectory;
  },
  turnId: string,
  { content }: Pick<PromptRow, 'content'>,
): Promise<boolean> {
  const { sql, lease, chat, agents, logger } = parts;
  try {
    const backend = agents.backendFor(chat.backend);
    if (!backend.wasAsked) return true;
    const session = await findStoredSession({ sql, lease, chat, agents, ask });
    if (!session) return false;
    const { sessionId } = session;
    const storedBefore = (uuids: readonly string[]): Promise<ReadonlySet<string>> =>
      ask(() => findStoredBefore(sql, { chatId: chat.id, sessionId, turnId }, uuids));
    return await backend.wasAsked(session, { turnId, content, storedBefore });
  } catch (error) {
    logger.warn({ chatId: chat.id, err: error }, 'Could not find out whether a prompt reached the agent.');
    return true;
  }
}

export const notTaken = (): BooError =>
  new BooError('agent_failed', 'The agent ended before it took the prompt, which waits again.');
