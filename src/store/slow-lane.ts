import type { PendingQuery, Row } from 'postgres';
import { BooError } from '../protocol/error.ts';
import type { Sql } from './database.ts';
import { attempts, codeOf, isPassing, toStorageError } from './storage-error.ts';

export interface SlowQuestion {
  /** The caller stops waiting once it is aborted. */
  signal?: AbortSignal | undefined;
  /** Milliseconds, including the wait for a free connection. Default 10,000. */
  limitMs?: number;
  /** The message when it took longer. */
  late?: string;
}

const cancelled = '57014';

/**
 * The few connections for slow work: searches, transcripts, imports, deletions. However much of it there is, the
 * connections of turns and readers stay free.
 */
export class SlowLane {
  readonly sql: Sql;

  constructor(sql: Sql) {
    this.sql = sql;
  }

  /**
   * Retries if the connection broke. A query nobody waits for any more, after the limit or the signal, is also
   * cancelled at the server. Throws `query_timeout` after either, and `storage_unavailable`.
   */
  async ask<T extends readonly (Row | undefined)[]>(
    question: (db: Sql) => PendingQuery<T & Row[]>,
    { signal, limitMs = 10_000, late = 'The database took too long.' }: SlowQuestion = {},
  ): Promise<T> {
    let end = (_reason: unknown): void => {};
    let running: PendingQuery<T & Row[]> | undefined;
    let isOver = false;
    const ended = new Promise<never>((_, reject) => {
      end = (reason) => {
        isOver = true;
        running?.cancel();
        reject(reason as Error);
      };
    });
    ended.catch(() => undefined);
    const onLate = (): void =>
      end(new BooError('query_timeout', `${late} It was cancelled after ${Math.round(limitMs / 100) / 10} seconds.`));
    const onAbort = (): void => end(new BooError('query_timeout', 'The client no longer waits for the answer.'));
    const timer = setTimeout(onLate, limitMs);
    signal?.addEventListener('abort', onAbort);
    if (signal?.aborted === true) onAbort();
    const attempt = async (left: number): Promise<T> => {
      try {
        running = question(this.sql);
        return await running;
      } catch (error) {
        // A cancellation meant for an earlier query on this connection, finished by then, hit this one.
        const isPassed = isPassing(error) || codeOf(error) === cancelled;
        if (isOver || left === 0 || !isPassed) throw error;
        return attempt(left - 1);
      }
    };
    try {
      return await Promise.race([isOver ? ended : attempt(attempts - 1), ended]);
    } catch (error) {
      throw toStorageError(error);
    } finally {
      clearTimeout(timer);
      signal?.removeEventListener('abort', onAbort);
    }
  }
}
