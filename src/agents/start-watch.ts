/**
 * Notices a program of which nothing comes after its start, and ends it: stopped, caught in a loop, or waiting for a disk
 * that does not answer. One that starts is slower than one that runs, so its limit is a longer one.
 */
import type { Log } from '../lib/log.ts';
import { BooError } from '../protocol/error.ts';

export interface StartWatchParts {
  /** One that has shown nothing by then is ended; 0 never. */
  startMs: number;
  chatId: string;
  logger: Log;
  /** Ends the process. */
  readonly end: () => Promise<void>;
}

/** The program itself gives a hook ten minutes, unless its settings say more. */
const hooksMs = 10 * 60_000;

export class StartWatch {
  readonly #parts: StartWatchParts;
  #timer: NodeJS.Timeout | undefined;
  #failure: BooError | undefined;

  constructor(parts: StartWatchParts) {
    this.#parts = parts;
  }

  /** Why it was ended, once it was. */
  get failure(): BooError | undefined {
    return this.#failure;
  }

  /** From now on, also where one before it was ended. */
  begin(): void {
    this.#failure = undefined;
    this.#arm(this.#parts.startMs);
  }

  /** Hooks of its start run, which take as long as they like; with none of them left the limit begins anew. */
  noteHooks(running: number): void {
    if (this.#timer) this.#arm(this.#parts.startMs + (running > 0 ? hooksMs : 0));
  }

  /** It has started, or is not to. */
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
    this.#failure = new BooError('agent_failed', `${why} --agent-start-seconds gives it more time.`);
    logger.warn({ chatId }, why);
    end().catch((error: unknown) => logger.error({ chatId, err: error }, 'The agent could not be ended.'));
  }
}
