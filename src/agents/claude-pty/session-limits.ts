import type { WatchLimits } from '../process-watch.ts';
import { spoolBytes } from '../spool.ts';

export interface SessionLimits extends WatchLimits {
  /**
   * A program that does not accept input by then may be showing a screen of its own: the session opens all the same.
   */
  readyMs: number;
  /** A program that has drawn nothing by then is ended; 0 means never. */
  startMs: number;
  /** An interrupt that has not ended the turn by then ends the program. */
  interruptMs: number;
  /** How long a session that is closed may take to end its turn, and then to exit. */
  closeMs: { turn: number; exit: number };
  /** After a prompt was typed: when Enter is pressed once more, and when to give up. */
  takenMs: { again: number; failed: number };
  /** The delay before storing is tried again. */
  repairMs: number;
  /** A question's dialog accepts no keys from viewers before it has been on the screen this long. */
  unseenMs: number;
  /** How much of what the program says may wait to be stored. */
  spoolBytes: number;
}

export const defaultLimits: SessionLimits = {
  spoolBytes,
  readyMs: 5_000,
  startMs: 60_000,
  interruptMs: 8_000,
  closeMs: { turn: 2_000, exit: 3_000 },
  takenMs: { again: 4_000, failed: 12_000 },
  repairMs: 10_000,
  // The same delay as for browsers' permission prompts.
  unseenMs: 500,
  silenceMs: 30_000,
  answerMs: 60_000,
};
