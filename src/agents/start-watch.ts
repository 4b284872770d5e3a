/**
 * Detects a program that shows nothing after its start, and ends it: stopped, caught in a loop, or waiting for a disk
 * that does not respond. Starting takes longer than answering, so the limit is longer too.
 */
import type { Log } from '../lib/log.ts';
import { BooError } from '../protocol/error.ts';

export interface StartWatchParts {
  /** A program that has shown nothing by then is ended; 0 means never. */
  startMs: number;
  chatId: string;
  logger: Log;
  /** Ends the process. */
  readonly end: () => Promise<void>;
}

/** The program's own limit for a hook is ten minutes, unless its settings say more. */
const hooksMs = 10 * 60_000;

export class StartWatch {
  readonly #parts: StartWatchParts;
  #timer: NodeJS.Timeout | undefined;
  #failure: BooError | undefined;

  constructor(parts: StartWatchParts) {
    this.#parts = parts;
  }

  /** Why the process was ended, if it was. */
  get failure(): BooError | undefined {
    return this.#failure;
  }

  /** Starts the limit, also for another process after one that was ended. */
  begin(): void {
    this.#failure = undefined;
    this.#arm(this.#parts.startMs);
  }

  /** Start hooks may take as long as they like; when none is left, the limit starts again. */
  noteHooks(running: number): void {
    if (this.#timer) this.#arm(this.#parts.startMs + (running > 0 ? hooksMs : 0));
  }

  /** The program has started, or is not going to. */
  close(): void {
    clearTimeout(this.#timer);
    this.#timer = undefined;
  }

  #arm(limitMs: number): void {
    this.close();
    if (this.#parts.startMs === 0) return;
    this.#timer = setTimeout(() => this.#onLate(limitMs), limitMs);
  }

  #onLate(limitMs: number): void {
    const { chatId, logger, end } = this.#parts;
    this.close();
    const why = `The agent process gave no sign of life for ${Math.round(limitMs / 1000)} s while it started and was ended.`;
    this.#failure = new BooError('agent_failed', `${why} Use --agent-start-seconds to give it more time.`);
    logger.warn({ chatId }, why);
    end().catch((error: unknown) => logger.error({ chatId, err: error }, 'The agent could not be ended.'));
  }
}
