/** Runs at most `limit` tasks at once; the others queue. */
export interface Limiter {
  <T>(task: () => Promise<T>): Promise<T>;
  /** A task would have to wait. */
  readonly isFull: boolean;
}

export function createLimiter(limit: number): Limiter {
  let running = 0;
  const waiting: (() => void)[] = [];
  const run = async <T>(task: () => Promise<T>): Promise<T> => {
    if (running >= limit) await new Promise<void>((go) => waiting.push(go));
    else running += 1;
    try {
      return await task();
    } finally {
      // The slot is passed on directly, so a newcomer cannot jump the queue.
      const next = waiting.shift();
      if (next) next();
      else running -= 1;
    }
  };
  return Object.defineProperty(run, 'isFull', { get: () => running >= limit }) as Limiter;
}
