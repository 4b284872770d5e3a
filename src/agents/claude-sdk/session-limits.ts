import type { WatchLimits } from '../process-watch.ts';

export interface SessionLimits extends WatchLimits {
  /** A program that has not answered its start by then is ended; 0 never. */
  startMs: number;
  /** An interrupt that has not ended the turn by then ends the process. */
  interruptMs: number;
  /**
   * How long a session that is closed may take to end its turn, then to leave by itself, then to leave after SIGTERM.
   * The three together stay below the time between a host's letting go of a chat and another's taking it.
   */
  closeMs: { turn: number; exit: number; term: number };
  /** Between two attempts to store what the mirror lost. */
  repairMs: number;
  /** Between two questions about MCP servers that start. */
  mcpAskAgainMs: number;
}

export const defaultLimits: SessionLimits = {
  interruptMs: 10_000,
  closeMs: { turn: 1_500, exit: 2_500, term: 1_500 },
  repairMs: 10_000,
  startMs: 60_000,
  silenceMs: 30_000,
  answerMs: 60_000,
  mcpAskAgainMs: 1_000,
};
