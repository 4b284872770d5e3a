import type { SessionCost } from '../agents/agent-backend.ts';
import type { AgentName } from '../protocol/chat.ts';
import { addUsage } from '../store/agent-sessions.ts';
import type { Write } from '../store/events.ts';
import type { ChatLog } from './chat-log.ts';

/** The write that adds what a session has cost outside its turns, with a notice `session_cost`; null for nothing. */
export function costAdded(log: ChatLog, agent: AgentName, { costUsd, models }: SessionCost): Write | null {
  if (costUsd === 0 && Object.keys(models).length === 0) return null;
  const message = `The session cost $${costUsd.toFixed(4)} beyond what its turns told.`;
  return {
    events: [{ body: { type: 'notice', level: 'info', code: 'session_cost', message, data: { costUsd, models } } }],
    side: (db) => [addUsage(db, log.lease, agent, { costUsd, models })],
  };
}
