import type { Log } from '../lib/log.ts';
import { isDatabaseError } from './storage-error.ts';

/**
 * A promise inside the driver that nobody holds may reject when a connection breaks, and Node would end the process.
 * Whoever awaits a statement learns of the same break from that statement, so such a rejection is only logged. Any
 * other one still ends the process. Returns a function that removes the guard.
 */
export function guardDriver(log: Log): () => void {
  const onRejection = (error: unknown): void => {
    if (!isDatabaseError(error)) throw error;
    log.error({ err: error }, 'The database driver rejected an unhandled promise.');
  };
  process.on('unhandledRejection', onRejection);
  return () => void process.off('unhandledRejection', onRejection);
}
