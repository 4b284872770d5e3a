import { BooError } from '../protocol/error.ts';
import { type StorageTrouble, troubleAdvice } from '../protocol/storage-trouble.ts';

/** A stale writer: the chat's epoch has moved on. Nothing was written; whoever catches this releases the chat. */
export class FencedError extends Error {
  override readonly name = 'FencedError';
  constructor(chatId: string, message = `Chat ${chatId} is now held by another host.`) {
    super(message);
  }
}

export function codeOf(error: unknown): string {
  return error instanceof Error && 'code' in error && typeof error.code === 'string' ? error.code : '';
}

/** Postgres's own code for a connection that could not be made; for ours, the message is a sentence with the reason. */
export const cannotConnect = '08001';

const lostConnection = new Set([
  'ANSWER_LOST',
  'CONNECTION_CLOSED',
  'CONNECTION_ENDED',
  'CONNECTION_DESTROYED',
  'CONNECT_TIMEOUT',
  'ECONNREFUSED',
  'ECONNRESET',
  'EPIPE',
  'ENOENT',
  'ETIMEDOUT',
  'ENOTFOUND',
  'EAI_AGAIN',
]);

/** Whether a retry may help: the connection broke, the server restarts, or two transactions collided. */
export function isPassing(error: unknown): boolean {
  const code = codeOf(error);
  return lostConnection.has(code) || /^(08|57P0|40001|40P01|53300)/.test(code);
}

/** Fewer than nine seconds of retries, for which leases may be trusted: a database that is full may still renew them. */
const refusedAttempts = 12;

/**
 * Whether the write of a chat is tried again, after this many attempts: while the connection is broken, and for a while
 * if the database refuses, which often passes as well (a failover, a disk that is cleared).
 */
export function isRetried(error: unknown, attempt: number): boolean {
  return isPassing(error) || (attempt <= refusedAttempts && troubleOf(error) !== undefined);
}

/**
 * How often a query is tried where that may help: the driver may give a closed connection's last message to the first
 * query on its replacement.
 */
export const attempts = 3;

/** Whether the driver or the server created it. */
export function isDatabaseError(error: unknown): boolean {
  return error instanceof Error && (error.name === 'PostgresError' || isPassing(error));
}

/** A row with this key already exists, in this table if one is named. */
export function isUniqueViolation(error: unknown, table?: string): boolean {
  if (codeOf(error) !== '23505') return false;
  return table === undefined || (error as { table_name?: string }).table_name === table;
}

/** A null in a column that does not allow it. */
export function isMissingValue(error: unknown, table: string, column: string): boolean {
  if (codeOf(error) !== '23502') return false;
  const { table_name, column_name } = error as { table_name?: string; column_name?: string };
  return table_name === table && column_name === column;
}

/** Why the database cannot serve; undefined for any other error. */
export function troubleOf(error: unknown): StorageTrouble | undefined {
  const code = codeOf(error);
  if (code === '53300' || isPoolerFull(error)) return 'no_connections';
  // 57014: cancelled by the statement_timeout; 40: others were faster each time.
  if (code === 'ANSWER_LOST' || code === '57014' || /^40(001|P01)/.test(code)) return 'slow';
  if (isPassing(error)) return 'unreachable';
  if (code === '25006') return 'read_only';
  if (code === '53100') return 'full';
  // 28 and 3D: a user or database that there was at the start.
  return /^(28|3D|53|58)/.test(code) ? 'refuses' : undefined;
}

/** How pgbouncer says so, with a code for everything that it refuses. */
function isPoolerFull(error: unknown): boolean {
  return codeOf(error) === '08P01' && /no more connections|query_wait_timeout/.test((error as Error).message);
}

/** The database's error as ours: what `troubleOf` knows becomes `storage_unavailable`; everything else stays unchanged. */
export function toStorageError(error: unknown): unknown {
  const trouble = troubleOf(error);
  return trouble
    ? new BooError('storage_unavailable', troubleAdvice(trouble), { cause: error, details: { trouble } })
    : error;
}
