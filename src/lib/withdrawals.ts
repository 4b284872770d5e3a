/** Work that is withdrawn all at once when nobody is there for it any more. */
export class Withdrawals {
  readonly #closed = new AbortController();
  readonly #running = new Set<Promise<unknown>>();

  get isEmpty(): boolean {
    return this.#running.size === 0;
  }

  /** The work's signal is aborted by the given one, and by `close`. */
  async run<T>(work: (signal: AbortSignal) => Promise<T>, signal: AbortSignal): Promise<T> {
    const running = work(AbortSignal.any([signal, this.#closed.signal]));
    this.#running.add(running);
    try {
      return await running;
    } finally {
      this.#running.delete(running);
    }
  }

  /** Resolves once all of it has settled. Idempotent. */
  async close(reason?: Error): Promise<void> {
    this.#closed.abort(reason);
    await Promise.allSettled(this.#running);
  }
}
