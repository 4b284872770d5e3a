/**
 * Notices a process that lives and answers nothing: stopped, or caught in an endless loop. A slow model, a long tool and a
 * person who thinks are none of its concern: the process is asked for a sign of life of its own.
 */
import type { Log } from '../lib/log.ts';
import { BooError } from '../protocol/error.ts';
import { type Liveness, watchLiveness } from '../lib/liveness.ts';

export interface WatchLimits {
  /** Without a word for so long, it is asked. */
  silenceMs: number;
  /** One that has given no sign by then is ended; 0 never. */
  answerMs: number;
}

export interface ProcessWatchParts {
  limits: WatchLimits;
  chatId: string;
  logger: Log;
  /** Has the process show that it lives; `hear` is called when it does. */
  readonly ask: () => void;
  /** There is a reason why it is not heard, other than its own: it is not asked. */
  readonly isExcused: () => boolean;
  /** Ends the process. */
  readonly end: () => Promise<void>;
}

export class ProcessWatch {
  readonly #parts: ProcessWatchParts;
  #liveness: Liveness | undefined;
  #failure: BooError | undefined;
  #isAsking = false;
  #isUnneeded = false;

  constructor(parts: ProcessWatchParts) {
    this.#parts = parts;
  }

  /** Why it was ended, once it was. */
  get failure(): BooError | undefined {
    return this.#failure;
  }

  /** Idempotent. */
  start(): void {
    const { limits, ask, isExcused } = this.#parts;
    if (limits.answerMs === 0 || this.#failure) return;
    this.#isUnneeded = false;
    this.#liveness ??= watchLiveness({
      ...limits,
      ask: () => {
        if (isExcused()) return this.hear();
        this.#isAsking = true;
        ask();
      },
      onDead: () => this.#onDead(),
    });
  }

  /** Asks now. Watches until the answer has come, whoever stops it. */
  check(): void {
    this.start();
    this.#liveness?.check();
  }

  /** It has said something. */
  hear(): void {
    this.#isAsking = false;
    this.#liveness?.hear();
    if (this.#isUnneeded) this.close();
  }

  /** Nothing is expected of it any more, but the answer to what it was asked. */
  stop(): void {
    this.#isUnneeded = true;
    if (!this.#isAsking) this.close();
  }

  close(): void {
    this.#liveness?.stop();
    this.#liveness = undefined;
    this.#isAsking = false;
  }

  #onDead(): void {
    const { limits, chatId, logger, isExcused, end } = this.#parts;
    if (isExcused()) return this.hear();
    this.close();
    const seconds = Math.round((limits.silenceMs + limits.answerMs) / 1000);
    const why = `The agent process gave no sign of life for ${seconds} s and was ended.`;
    this.#failure = new BooError('agent_failed', `${why} Send the prompt again.`);
    logger.warn({ chatId }, why);
    end().catch((error: unknown) => logger.error({ chatId, err: error }, 'The agent could not be ended.'));
  }
}
