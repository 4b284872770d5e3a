import { inTime } from './in-time.ts';
import { attempts, isPassing, toStorageError } from './storage-error.ts';

const askLimitMs = 5_000;

/**
 * A query that is repeated on a fresh connection if the first one broke. One that timed out is repeated only once,
 * because it may just be slow. Reports the database's problems as BooErrors.
 */
export async function ask<T>(question: () => PromiseLike<T>): Promise<T> {
  const started = performance.now();
  for (let left = attempts - 1; ; left -= 1) {
    try {
      return await inTime(question(), askLimitMs);
    } catch (error) {
      if (left === 0 || !isPassing(error) || performance.now() - started > askLimitMs * 1.5)
        throw toStorageError(error);
    }
  }
}
