/**
 * The format of a backup: one gzip file. `zcat` shows what is in it, line by line.
 *
 *     BooCode backup 1                                    the format's version
 *     {"version":"0.1.0","takenAt":…,"schema":…}          the header
 *     {"table":"chats","columns":["id","title",…]}        for each table
 *     …                                                   its rows, in the text format of Postgres's COPY
 *     \.
 *     {"rows":12,"sha256":"…"}                            the number of its rows, and their checksum
 *     {"end":true,"tables":11,"sha256":"…"}               the checksum of all lines above that are not rows
 *
 * COPY's text format does not change between versions of Postgres, and no row of it is a `\.`. Tables come in an order in
 * which they can be filled.
 */
import { z } from 'zod';
import { BooError } from '../protocol/error.ts';

export const formatVersion = 1;
export const firstLine = (format: number): string => `BooCode backup ${format}`;
export const endOfRows = Buffer.from('\\.\n');

const versions = z.array(z.number().int().positive());

export const backupHeader = z.object({
  /** Of the BooCode that made it. */
  version: z.string(),
  /** An ISO string. */
  takenAt: z.iso.datetime(),
  /** The migrations that the database had had. */
  schema: z.object({ server: versions, sessionStore: versions }),
  /** Of the database. */
  encoding: z.string(),
  postgresVersion: z.string(),
});
export type BackupHeader = z.infer<typeof backupHeader>;

export const tableHead = z.object({ table: z.string(), columns: z.array(z.string()).min(1) });
export const tableFoot = z.object({ rows: z.number().int().nonnegative(), sha256: z.string() });
export const backupEnd = z.object({
  end: z.literal(true),
  tables: z.number().int().nonnegative(),
  sha256: z.string(),
});

export interface BackedUpTable {
  name: string;
  rows: number;
  /** Of its rows, before compression. */
  bytes: number;
  /** Of its rows, in hexadecimal. */
  sha256: string;
}

export interface Backup {
  file: string;
  /** Of the file. */
  bytes: number;
  header: BackupHeader;
  tables: BackedUpTable[];
}

/** How far it is. `verify` comes before a restore, and after a backup was written. */
export interface BackupProgress {
  phase: 'write' | 'verify' | 'restore';
  table: string;
  /** Of all tables so far. */
  rows: number;
  /** Of the rows so far, before compression. */
  bytes: number;
}

export interface BackupOptions {
  signal?: AbortSignal | undefined;
  onProgress?: ((progress: BackupProgress) => void) | undefined;
}

/** What is wrong with a backup file, in one sentence. */
export const badBackup = (sentence: string, cause?: unknown): BooError =>
  new BooError('invalid_request', sentence, { cause });
