/** Time, handed in, so that tests need not wait for it. */
export interface Clock {
  now(): Date;
  /** Milliseconds that never step back, whatever happens to the wall clock. */
  monotonicMs(): number;
  /** Calls once after the delay; the returned function takes it back. Does not keep the process alive. */
  after(delayMs: number, call: () => void): () => void;
}

export const systemClock: Clock = {
  now: () => new Date(),
  monotonicMs: () => performance.now(),
  after(delayMs, call) {
    const timer = setTimeout(call, delayMs);
    timer.unref();
    return () => clearTimeout(timer);
  },
};
