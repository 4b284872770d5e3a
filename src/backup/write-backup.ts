import { createHash } from 'node:crypto';
import { constants, createWriteStream, existsSync } from 'node:fs';
import { access, open, rename, rm } from 'node:fs/promises';
import { dirname } from 'node:path';
import { pipeline } from 'node:stream/promises';
import { createGzip } from 'node:zlib';
import { BooError } from '../protocol/error.ts';
import { openSnapshot, type Snapshot, unreadable } from '../store/snapshot.ts';
import {
  type Backup,
  type BackupHeader,
  type BackupOptions,
  type BackupProgress,
  badBackup,
  endOfRows,
  firstLine,
  formatVersion,
} from './backup-format.ts';
import { countLines } from './count-lines.ts';
import { BackupFile } from './read-backup.ts';

export interface WriteBackup extends BackupOptions {
  /** Of the database. */
  url: string;
  /** Must not exist yet. */
  file: string;
  /** Of this BooCode. */
  version: string;
}

/**
 * Writes a backup of the database as it is at one moment. The file appears under its name only when it is complete, on the
 * disk, and was read back without a fault. Readable by its owner only, since it contains conversations. Throws
 * `invalid_request` if the file exists or cannot be written, and as `openSnapshot` does.
 */
export async function writeBackup(options: WriteBackup): Promise<Backup> {
  const { url, file, version, signal } = options;
  await assertWritable(file);
  const draft = `${file}.${process.pid}.tmp`;
  const snapshot = await openSnapshot(url, signal);
  try {
    const { takenAt, schema, encoding, postgresVersion } = snapshot;
    const header: BackupHeader = { version, takenAt, schema, encoding, postgresVersion };
    const lines = backupText(snapshot, header, options);
    await pipeline(lines, createGzip(), createWriteStream(draft, { mode: 0o600, flags: 'wx', flush: true }), {
      signal,
    });
    await snapshot.close();
    const backup = await verifyBackup(draft, options);
    assertNew(file);
    await rename(draft, file);
    await flushDirectory(dirname(file));
    return { ...backup, file };
  } catch (error) {
    await rm(draft, { force: true });
    throw inWords(signal?.aborted === true ? signal.reason : error, file);
  } finally {
    await snapshot.close();
  }
}

/** Checks a backup without a database. Throws `invalid_request` with what is wrong with it. */
export async function verifyBackup(path: string, options: BackupOptions = {}): Promise<Backup> {
  const file = await BackupFile.open(path);
  try {
    return await file.verify(options);
  } finally {
    await file.close();
  }
}

async function* backupText(
  snapshot: Snapshot,
  header: BackupHeader,
  { onProgress }: BackupOptions,
): AsyncGenerator<Buffer, void, undefined> {
  const whole = createHash('sha256');
  const line = (text: string): Buffer => {
    const bytes = Buffer.from(`${text}\n`);
    whole.update(bytes);
    return bytes;
  };
  yield line(firstLine(formatVersion));
  yield line(JSON.stringify(header));
  const progress: BackupProgress = { phase: 'write', table: '', rows: 0, bytes: 0 };
  for (const table of snapshot.tables) {
    yield line(JSON.stringify({ table: table.name, columns: table.columns }));
    progress.table = table.name;
    const before = progress.rows;
    const hash = createHash('sha256');
    for await (const rows of snapshot.read(table)) {
      hash.update(rows);
      progress.rows += countLines(rows);
      progress.bytes += rows.length;
      onProgress?.({ ...progress });
      yield rows;
    }
    yield endOfRows;
    yield line(JSON.stringify({ rows: progress.rows - before, sha256: hash.digest('hex') }));
  }
  await snapshot.assertWhole();
  yield Buffer.from(`${JSON.stringify({ end: true, tables: snapshot.tables.length, sha256: whole.digest('hex') })}\n`);
}

async function assertWritable(file: string): Promise<void> {
  assertNew(file);
  const directory = dirname(file);
  await access(directory, constants.W_OK).catch((cause: NodeJS.ErrnoException) => {
    const why = cause.code === 'ENOENT' ? 'does not exist' : `is not writable (${cause.code})`;
    throw badBackup(`The directory ${directory} ${why}.`, cause);
  });
}

function assertNew(file: string): void {
  if (existsSync(file)) throw badBackup(`The file ${file} exists already: choose another name, or remove it.`);
}

/** So that the name, too, survives a crash of the machine. */
async function flushDirectory(path: string): Promise<void> {
  const handle = await open(path);
  try {
    await handle.sync();
  } finally {
    await handle.close();
  }
}

function inWords(error: unknown, file: string): BooError {
  if (error instanceof BooError) return error;
  const { code, syscall } = error as NodeJS.ErrnoException;
  if (code === 'ENOSPC' || code === 'EDQUOT') {
    return badBackup(`There is no space left for ${file}: nothing was kept of it.`, error);
  }
  if (syscall !== undefined && syscall !== 'connect') return badBackup(`${file} cannot be written (${code}).`, error);
  return unreadable(error);
}
