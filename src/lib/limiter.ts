/** Lets at most `limit` tasks run at once; the others wait in line. */
export type Limiter = <T>(task: () => Promise<T>) => Promise<T>;

export function createLimiter(limit: number): Limiter {
  let running = 0;
  const waiting: (() => void)[] = [];
  return async (task) => {
    if (running >= limit) await new Promise<void>((go) => waiting.push(go));
    else running += 1;
    try {
      return await task();
    } finally {
      // The place is handed on, so that nobody who comes now can jump the line.
      const next = waiting.shift();
      if (next) next();
      else running -= 1;
    }
  };
}
