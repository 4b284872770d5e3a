/**
 * How long to wait before a retry: doubles from `minMs` up to `maxMs`, each time a random value between half and all of
 * it.
 */
export interface RetryDelay {
  next(): number;
  /** After a success: the next delay is short again. */
  reset(): void;
}

export interface RetryRange {
  minMs: number;
  maxMs: number;
}

export function createRetryDelay(range: RetryRange, random: () => number = Math.random): RetryDelay {
  let ceilingMs = range.minMs;
  return {
    next() {
      const delayMs = ceilingMs * (0.5 + random() / 2);
      ceilingMs = Math.min(range.maxMs, ceilingMs * 2);
      return Math.round(delayMs);
    },
    reset() {
      ceilingMs = range.minMs;
    },
  };
}

/** Resolves after the delay, or as soon as the signal is aborted. Never rejects. */
export function wait(delayMs: number, signal?: AbortSignal): Promise<void> {
  return new Promise((resolve) => {
    if (signal?.aborted) return resolve();
    const finish = (): void => {
      clearTimeout(timer);
      signal?.removeEventListener('abort', finish);
      resolve();
    };
    const timer = setTimeout(finish, delayMs);
    signal?.addEventListener('abort', finish);
  });
}
