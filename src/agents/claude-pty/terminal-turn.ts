/** A turn in the terminal, with what its lines have said so far. */
import type { AgentEvent } from '../agent-backend.ts';
import { type ClaudeTurn, createTurn } from '../claude/claude-turn.ts';

export interface TerminalTurn extends ClaudeTurn {
  /** What the agent made of the prompt was told. */
  hasTold: boolean;
  /** The model API failed for good. */
  apiError: { status: number | undefined } | undefined;
  /** By its line. */
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

/** Says nothing of what the agent made of the prompt. */
function isSilent({ type }: AgentEvent): boolean {
  return ['session_started', 'user_message', 'notice', 'current_mode_update', 'usage_update'].includes(type);
}
