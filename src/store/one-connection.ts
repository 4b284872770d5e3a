/**
 * One connection with an open transaction. The driver would replace a lost one and go on outside of the transaction;
 * `assertKept` tells.
 */
import { BooError } from '../protocol/error.ts';
import { openDatabase, type Sql } from './database.ts';

export interface OneConnection {
  readonly sql: Sql;
  /** Throws `storage_unavailable` if the connection, and with it the transaction, was lost. Asks the server. */
  assertKept(): Promise<void>;
  /** Ends the connection, and what is still running on it. Idempotent. */
  close(): Promise<void>;
}

/** For a transaction that may take, and wait, as long as it needs. */
export const unhurried = 'set local statement_timeout = 0; set local idle_in_transaction_session_timeout = 0;';

/** Opens it and starts the transaction with `begin`, statements that end with one. It may stay idle for any time. */
export async function openTransaction(url: string, isPooled: boolean, begin: string): Promise<OneConnection> {
  let state: 'open' | 'lost' | 'closed' = 'open';
  const onClosed = (): void => {
    if (state === 'open') state = 'lost';
  };
  const sql = openDatabase(url, { max: 1, isPooled, onClosed });
  const one: OneConnection = {
    sql,
    async assertKept() {
      let cause: unknown;
      await sql`select 1`.catch((error: unknown) => (cause = error));
      if (state !== 'lost' && cause === undefined) return;
      throw new BooError('storage_unavailable', 'The connection to the database was lost: try again.', { cause });
    },
    async close() {
      state = 'closed';
      await sql.end({ timeout: 0 });
    },
  };
  try {
    await sql.unsafe(`${begin}; ${unhurried}`);
    return one;
  } catch (error) {
    await one.close();
    throw error;
  }
}
