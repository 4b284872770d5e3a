/**
 * The database's notifications: a host that has changed something rings, and others listen. They carry no truth, and may
 * get lost: what counts is stored.
 */
import { openDatabase, type Sql } from './database.ts';
import { inTime } from './in-time.ts';

const channel = 'boocode';

export interface Listener {
  /** Rejects if the database cannot be reached. */
  readonly ready: Promise<void>;
  /** Idempotent. */
  close(): Promise<void>;
}

export interface ListenerHandlers {
  readonly onHeard: (text: string) => void;
  /** The connection is lost, or was never made: nothing is heard any more. */
  readonly onLost: () => void;
}

export type OpenListener = (handlers: ListenerHandlers) => Listener;

/**
 * Listens on a connection of its own. Nothing else may use it: behind a pooler that assigns connections by transaction,
 * notifications arrive while a statement runs, and never otherwise.
 */
export function listen(url: string, { isPooled, onHeard, onLost }: ListenerHandlers & { isPooled: boolean }): Listener {
  let closed: Promise<void> | undefined;
  const sql = openDatabase(url, {
    max: 1,
    isPooled,
    onNotify: (from, text) => {
      if (from === channel && !closed) onHeard(text);
    },
    onClosed: () => {
      if (!closed) onLost();
    },
  });
  return {
    ready: inTime(sql`listen ${sql(channel)}`).then(() => undefined),
    close: () => (closed ??= sql.end({ timeout: 0 })),
  };
}

/** Up to 8,000 bytes. */
export async function notify(db: Sql, text: string): Promise<void> {
  await db`select pg_notify(${channel}, ${text})`;
}
