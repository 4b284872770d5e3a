import { BooError } from '../protocol/error.ts';

/** A stale writer: the chat's epoch has moved on. Nothing was written; whoever gets this lets the chat go. */
export class FencedError extends Error {
  override readonly name = 'FencedError';
  constructor(chatId: string) {
    super(`Chat ${chatId} is now held by another host.`);
  }
}

export function codeOf(error: unknown): string {
  return error instanceof Error && 'code' in error && typeof error.code === 'string' ? error.code : '';
}

/** Postgres' own code for a connection that could not be made; of ours, the message is a sentence that says why. */
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

/** Whether trying again may help: the connection broke, the server restarts, or two transactions collided. */
export function isPassing(error: unknown): boolean {
  const code = codeOf(error);
  return lostConnection.has(code) || /^(08|57P0|40001|40P01|53300)/.test(code);
}

/**
 * How often a question is asked where that may help: the driver may give the last words of a connection that was ended to
 * the first question of the one that takes its place.
 */
export const attempts = 3;

/** Whether the driver or the server made it. */
export function isDatabaseError(error: unknown): boolean {
  return error instanceof Error && (error.name === 'PostgresError' || isPassing(error));
}

/** There is a row of this key already, in this table where one is named. */
export function isUniqueViolation(error: unknown, table?: string): boolean {
  if (codeOf(error) !== '23505') return false;
  return table === undefined || (error as { table_name?: string }).table_name === table;
}

/** A column that takes no null was given one. */
export function isMissingValue(error: unknown, table: string, column: string): boolean {
  if (codeOf(error) !== '23502') return false;
  const { table_name, column_name } = error as { table_name?: string; column_name?: string };
  return table_name === table && column_name === column;
}

export type StorageTrouble = 'unreachable' | 'read_only' | 'full' | 'refuses';

/** What keeps the database from taking a write; undefined for an error that says nothing of the kind. */
export function troubleOf(error: unknown): StorageTrouble | undefined {
  const code = codeOf(error);
  if (isPassing(error)) return 'unreachable';
  if (code === '25006') return 'read_only';
  if (code === '53100') return 'full';
  return /^(53|58)/.test(code) ? 'refuses' : undefined;
}

const sentences: Record<StorageTrouble, string> = {
  unreachable: 'The database cannot be reached. Try again shortly.',
  read_only: 'The database takes no writes now: it is read-only.',
  full: 'The database takes no writes now: its disk is full.',
  refuses: 'The database takes no writes now: its own log says why.',
};

/** The database's error as ours: out of reach and out of space are `storage_unavailable`, all else stays as it is. */
export function toStorageError(error: unknown): unknown {
  const trouble = troubleOf(error);
  return trouble
    ? new BooError('storage_unavailable', sentences[trouble], { cause: error, details: { trouble } })
    : error;
}
