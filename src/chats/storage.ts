/** Talking to the database, with its troubles told as ours. */
import { BooError } from '../protocol/error.ts';
import { inTime } from '../store/in-time.ts';
import { attempts, FencedError, isPassing, toStorageError } from '../store/storage-error.ts';

const askLimitMs = 5_000;

/**
 * A question that is asked again over a fresh connection where the first one broke. What got no answer in time is asked
 * once more only: it may just be slow.
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

/** A write that knows by itself how often to try. */
export async function write<T>(task: () => Promise<T>): Promise<T> {
  try {
    return await task();
  } catch (error) {
    if (error instanceof FencedError) throw new BooError('chat_elsewhere', error.message, { cause: error });
    throw toStorageError(error);
  }
}

export function elsewhere(chatId: string): BooError {
  return new BooError('chat_elsewhere', `Another host holds chat ${chatId}. Try again shortly.`);
}

/** For so long that whoever ran a turn had to let it go. */
export function databaseLost(): BooError {
  return new BooError('storage_unavailable', 'The database did not answer in time.');
}

export function unknownChat(): BooError {
  return new BooError('not_found', 'There is no such chat.');
}

export function shuttingDown(): BooError {
  return new BooError('shutting_down', 'This host is shutting down.');
}

export function lettingGo(): BooError {
  return new BooError('shutting_down', 'This host is letting the chat go. Try again shortly.');
}
