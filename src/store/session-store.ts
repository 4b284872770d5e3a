/**
 * The entry point `boocode/session-store`: durable sessions for the Claude Agent SDK in your own Postgres, without the
 * server.
 */
export { openDatabase } from './database.ts';
export type { DatabaseOptions, Sql } from './database.ts';
export { migrateSessionStore as migrate } from './migrate.ts';
export { PostgresSessionStore } from './postgres-session-store.ts';
export type { PostgresSessionStoreOptions, SessionFence } from './postgres-session-store.ts';
