/** A turn in the terminal, with what its lines have said so far. */
import type { AgentEvent } from '../agent-backend.ts';
import { type ClaudeTurn, createTurn } from '../claude/claude-turn.ts';

export interface TerminalTurn extends ClaudeTurn {
  /** An event has shown something the agent did with the prompt. */
  hasTold: boolean;
  /** The model API has failed for good. */
  apiError: { status: number | undefined } | undefined;
  /** The line that says a person interrupted the turn. */
  interruption: { isInRequest: boolean } | undefined;
}

export function createTerminalTurn(id: string | null, isForDecisions = false): TerminalTurn {
  return { ...createTurn(id, isForDecisions), hasTold: false, apiError: undefined, interruption: undefined };
}

export function tellIn(turn: TerminalTurn, event: AgentEvent): void {
  turn.hasTold ||= !isSilent(event);
  turn.out.push(event);
}

/** The program writes no line at the end of this turn: it was interrupted, or its request failed. */
export function endsWithoutLine(turn: TerminalTurn): boolean {
  return turn.interruption !== undefined || turn.apiError !== undefined || turn.isInterrupted;
}

/** Shows nothing the agent did with the prompt, or nothing that is certain. */
function isSilent({ type }: AgentEvent): boolean {
  return [
    'session_started',
    'user_message',
    'notice',
    'current_mode_update',
    'usage_update',
    'agent_message_chunk',
  ].includes(type);
}
