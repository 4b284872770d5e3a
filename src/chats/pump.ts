/**
 * What a chat does in turn: one thing after another, as long as something waits. Turns are the most of it; a job is
 * what must not happen in the middle of one, and somebody waits for its outcome.
 */
import { FencedError } from '../store/storage-error.ts';

export interface PumpParts {
  /** Does the next thing that waits; false when there was nothing. A throw gives the chat up. */
  next(): Promise<boolean>;
  /** Nothing is done any more that was not begun. */
  isStopped(): boolean;
  onStart(): void;
  onRest(): void;
  onFailure(error: unknown): void;
}

interface Job {
  run(): Promise<void>;
  refuse(error: unknown): void;
}

export class Pump {
  readonly #parts: PumpParts;
  readonly #jobs: Job[] = [];
  #running: Promise<void> | undefined;
  #wanted = false;

  constructor(parts: PumpParts) {
    this.#parts = parts;
  }

  get isRunning(): boolean {
    return this.#running !== undefined;
  }

  get hasJob(): boolean {
    return this.#jobs.length > 0;
  }

  /** Does whatever waits, after what is to be done first. Safe to call at any time, without a first thing. */
  wake(first?: () => Promise<void>): void {
    this.#wanted = true;
    if (this.#running || this.#parts.isStopped()) return;
    this.#parts.onStart();
    this.#running = this.#run(first)
      .catch((error: unknown) => this.#parts.onFailure(error))
      .finally(() => {
        this.#running = undefined;
        if (this.#wanted && !this.#parts.isStopped()) this.wake();
        else this.#parts.onRest();
      });
  }

  /**
   * Has a job done, between turns and in the order they were given. The signal takes back one that has not begun. Not
   * once the pump is stopped.
   */
  between<T>(task: () => Promise<T>, signal?: AbortSignal): Promise<T> {
    const done = new Promise<T>((resolve, reject) => {
      const job: Job = {
        refuse: reject,
        async run() {
          signal?.removeEventListener('abort', takeBack);
          try {
            resolve(await task());
          } catch (error) {
            reject(error);
            // The chat is another host's now: nothing more is to be done with it.
            if (error instanceof FencedError) throw error;
          }
        },
      };
      const takeBack = (): void => {
        this.#jobs.splice(this.#jobs.indexOf(job), 1);
        reject(signal?.reason);
      };
      signal?.addEventListener('abort', takeBack, { once: true });
      this.#jobs.push(job);
    });
    this.wake();
    return done;
  }

  /** Does the job whose turn it is; false when there is none. */
  async doJob(): Promise<boolean> {
    const job = this.#jobs.shift();
    await job?.run();
    return job !== undefined;
  }

  /** After the stop: waits for what was begun, and tells all others who wait that nothing will be done for them. */
  async ended(refusal: () => Error): Promise<void> {
    await this.#running;
    for (const job of this.#jobs.splice(0)) job.refuse(refusal());
  }

  async #run(first?: () => Promise<void>): Promise<void> {
    await first?.();
    while (this.#wanted) {
      this.#wanted = false;
      while (await this.#parts.next());
    }
  }
}
