/** The door `boocode/session-store`: durable sessions for the Claude Agent SDK in your own Postgres, without the server. */
import { foldSummary } from './agents/claude/fold-summary.ts';
import {
  PostgresSessionStore as StoreOfAnySummary,
  type PostgresSessionStoreOptions as OptionsOfAnySummary,
} from './store/postgres-session-store.ts';

export { openDatabase } from './store/database.ts';
export type { DatabaseOptions, Sql } from './store/database.ts';
export { migrateSessionStore as migrate } from './store/migrate.ts';
export type { SessionFence } from './store/postgres-session-store.ts';

export type PostgresSessionStoreOptions<T extends Record<string, unknown> = Record<string, unknown>> = Omit<
  OptionsOfAnySummary<T>,
  'foldSummary'
>;

/** The Claude Agent SDK's `SessionStore`, every optional method included. */
export class PostgresSessionStore<
  T extends Record<string, unknown> = Record<string, unknown>,
> extends StoreOfAnySummary<T> {
  constructor(options: PostgresSessionStoreOptions<T>) {
    super({ ...options, foldSummary });
  }
}
