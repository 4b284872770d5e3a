import postgres from 'postgres';
import { arrayTypes } from './array-types.ts';

/** A pool of connections to Postgres, with our types: `int8` as number, `json` and `jsonb` as text. */
export type Sql = postgres.Sql<{ bigint: number; json: string }>;

export interface DatabaseOptions {
  /** Connections at the most. */
  max?: number;
  onNotice?: (text: string) => void;
  /**
   * One statement at a time on each connection: what waits behind another on a dying one might never be answered. The
   * driver's transactions do not work then, and its types do not know the option.
   */
  oneAtATime?: boolean;
}

/**
 * Opens the pool. JSON columns come back as text, and are parsed where they are used: the driver's own parsing would
 * cost a second pass, and what we write must be the text we made.
 */
export function openDatabase(url: string, options: DatabaseOptions = {}): Sql {
  return postgres(url, {
    ...(options.oneAtATime === true ? ({ max_pipeline: 0 } as object) : {}),
    max: options.max ?? 10,
    connect_timeout: 5,
    idle_timeout: 0,
    // The driver's own grows to 20 s and would keep callers waiting long after the server is back.
    backoff: () => 0.05,
    onnotice: (notice) => options.onNotice?.(String(notice['message'] ?? '')),
    connection: {
      application_name: 'boocode',
      // A frozen host must not hold a chat's row; a slow store must not hold a turn.
      idle_in_transaction_session_timeout: 1500,
      statement_timeout: 30_000,
    },
    // The driver would ask every new connection for the types of arrays, and nobody holds that question: where the
    // connection breaks just then, it is a rejection that ends the process.
    fetch_types: false,
    types: {
      ...arrayTypes,
      // Counters and seqs stay far below 2^53.
      bigint: { to: 20, from: [20], serialize: String, parse: Number },
      json: { to: 114, from: [114, 3802], serialize: (text: string) => text, parse: (text: string) => text },
    },
  });
}
