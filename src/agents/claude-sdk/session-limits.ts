import type { WatchLimits } from '../process-watch.ts';
import { spoolBytes } from '../spool.ts';

export interface SessionLimits extends WatchLimits {
  /** A program that has not started by then is ended; 0 means never. */
  startMs: number;
  /** A turn that the program has not continued by then, although it was started to, has failed. */
  continueMs: number;
  /** An interrupt that has not ended the turn by then ends the process. */
  interruptMs: number;
  /**
   * How long a session that is closed may take to end its turn, then to exit by itself, then to exit after SIGTERM.
   * Their sum is less than the time between a host's release of a chat and another host's claim.
   */
  closeMs: { turn: number; exit: number; term: number };
  /** The delay before storing is tried again. */
  repairMs: number;
  /** How often to ask about MCP servers that are starting. */
  mcpAskAgainMs: number;
  /** How much of what the program says may wait to be stored. */
  spoolBytes: number;
}

export const defaultLimits: SessionLimits = {
  spoolBytes,
  interruptMs: 10_000,
  closeMs: { turn: 1_500, exit: 2_500, term: 1_500 },
  repairMs: 10_000,
  startMs: 60_000,
  continueMs: 30_000,
  silenceMs: 30_000,
  answerMs: 60_000,
  mcpAskAgainMs: 1_000,
};
