/**
 * Detects a process that is alive but does not respond: stopped, or caught in an endless loop. It does not mistake a
 * slow model, a long tool call or a person who takes their time for that, because it asks the process itself for a sign
 * of life.
 */
import type { Log } from '../lib/log.ts';
import { BooError } from '../protocol/error.ts';
import { type Liveness, watchLiveness } from '../lib/liveness.ts';

export interface WatchLimits {
  /** The process is asked after this long without output. */
  silenceMs: number;
  /** A process that has not answered by then is ended; 0 means never. */
  answerMs: number;
}

export interface ProcessWatchParts {
  limits: WatchLimits;
  chatId: string;
  logger: Log;
  /** Asks the process for a sign of life. Call `hear` when one arrives. */
  readonly ask: () => void;
  /** Whether the silence has a cause outside the process; then it is not asked. */
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

  /** Why the process was ended, if it was. */
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

  /** Asks now, and watches until the answer arrives, even if `stop` is called meanwhile. */
  check(): void {
    this.start();
    this.#liveness?.check();
  }

  /** The process has shown a sign of life. */
  hear(): void {
    this.#isAsking = false;
    this.#liveness?.hear();
    if (this.#isUnneeded) this.close();
  }

  /** Nothing more is expected of the process, except the answer to a pending question. */
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
