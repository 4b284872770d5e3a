/** What follows when a host ends in the middle of a turn. */
import type { AgentDirectory } from '../agents/agent.ts';
import type { ChatRow, Continuation } from '../store/chats.ts';

/** How often a turn is continued whose host ends each time. */
export const maxContinuations = 2;

export interface AfterInterruption {
  /** Null if the turn does not continue by itself. */
  continuation: Continuation | null;
  /** What happens next, for people: full sentences. */
  next: string;
}

export const sendAgain = 'Send the prompt again to continue.';
export const tooOften = `It had been continued ${maxContinuations} times before, and the host ended each time, so it is not continued again.`;

/** What follows after the host of this turn has ended. `starts`: of the continuation, if the turn is one. */
export function afterInterruption(
  agents: AgentDirectory,
  { onInterrupted, backend }: Pick<ChatRow, 'onInterrupted' | 'backend'>,
  { turnId, starts }: Continuation,
): AfterInterruption {
  if (onInterrupted === 'stop') return { continuation: null, next: sendAgain };
  if (!canContinueTurns(agents, backend)) {
    return { continuation: null, next: `Turns on the chat’s engine do not continue by themselves. ${sendAgain}` };
  }
  if (starts >= maxContinuations) return { continuation: null, next: `${tooOften} ${sendAgain}` };
  return { continuation: { turnId, starts }, next: 'The turn continues by itself.' };
}

function canContinueTurns(agents: AgentDirectory, backend: string): boolean {
  return agents.describe().backends.some(({ name, capabilities }) => name === backend && capabilities.continuesTurns);
}
