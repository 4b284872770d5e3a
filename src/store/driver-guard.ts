import type { Log } from '../lib/log.ts';
import { isDatabaseError } from './storage-error.ts';

/**
 * A promise inside the driver that nobody holds may reject when a connection breaks; Node would end the process for it.
 * Whoever waits for a statement is told of the same break by that statement, so such a rejection is noted and no more.
 * Every other one still ends the process. Returns what takes the guard away.
 */
export function guardDriver(log: Log): () => void {
  const onRejection = (error: unknown): void => {
    if (!isDatabaseError(error)) throw error;
    log.error({ err: error }, 'The database driver rejected a promise that nobody holds.');
  };
  process.on('unhandledRejection', onRejection);
  return () => void process.off('unhandledRejection', onRejection);
}
