import { createHash, type Hash } from 'node:crypto';
import { type FileHandle, open } from 'node:fs/promises';
import { pipeline } from 'node:stream';
import { createGunzip } from 'node:zlib';
import type { z } from 'zod';
import type { BooError } from '../protocol/error.ts';
import {
  type BackedUpTable,
  type Backup,
  backupEnd,
  type BackupHeader,
  backupHeader,
  type BackupOptions,
  type BackupProgress,
  badBackup,
  firstLine,
  formatVersion,
  tableFoot,
  tableHead,
} from './backup-format.ts';
import { BackupLines, CutOffError } from './backup-lines.ts';
import { countLines } from './count-lines.ts';

const pieceBytes = 64 * 1024;

/** What a backup consists of, in order. */
export type BackupPart =
  | { kind: 'header'; header: BackupHeader }
  | { kind: 'table'; name: string; columns: string[] }
  | { kind: 'rows'; rows: Buffer }
  | { kind: 'tableEnd'; table: BackedUpTable };

/** A backup that is open for reading: more than once, and always the same file. */
export class BackupFile {
  readonly path: string;
  readonly bytes: number;
  readonly #handle: FileHandle;

  private constructor(path: string, bytes: number, handle: FileHandle) {
    this.path = path;
    this.bytes = bytes;
    this.#handle = handle;
  }

  /** Throws `invalid_request` if there is no such file, or it cannot be read. */
  static async open(path: string): Promise<BackupFile> {
    const handle = await open(path).catch((cause: NodeJS.ErrnoException) => {
      const why = cause.code === 'ENOENT' ? 'does not exist' : `cannot be read (${cause.code})`;
      throw badBackup(`The file ${path} ${why}.`, cause);
    });
    try {
      const found = await handle.stat();
      if (!found.isFile()) throw badBackup(`${path} is not a file.`);
      return new BackupFile(path, found.size, handle);
    } catch (error) {
      await handle.close();
      throw error;
    }
  }

  /** Reads all of it, and checks everything. */
  async verify({ onProgress, signal }: BackupOptions = {}): Promise<Backup> {
    let header: BackupHeader | undefined;
    const tables: BackedUpTable[] = [];
    const tally = createTally('verify', onProgress);
    for await (const part of this.parts(signal)) {
      tally(part);
      if (part.kind === 'header') header = part.header;
      if (part.kind === 'tableEnd') tables.push(part.table);
    }
    return { file: this.path, bytes: this.bytes, header: header!, tables };
  }

  /**
   * The parts from the beginning. Ends only if every number and every checksum is right and nothing follows; throws
   * `invalid_request` otherwise.
   */
  async *parts(signal?: AbortSignal): AsyncGenerator<BackupPart, void, undefined> {
    await this.#assertGzip();
    const gunzip = createGunzip();
    // What goes wrong is thrown where the output is read.
    pipeline(this.#read(), gunzip, () => undefined);
    try {
      yield* readParts(new BackupLines(gunzip), signal);
      if (gunzip.bytesWritten !== this.bytes) throw damaged(this.path, 'something follows its end');
    } catch (error) {
      throw this.#inWords(error);
    } finally {
      gunzip.destroy();
    }
  }

  async close(): Promise<void> {
    await this.#handle.close();
  }

  /** From the beginning, whatever was read before. A stream of the handle would close it. */
  async *#read(): AsyncGenerator<Buffer, void, undefined> {
    for (let position = 0; ;) {
      const { buffer, bytesRead } = await this.#handle.read(Buffer.allocUnsafe(pieceBytes), 0, pieceBytes, position);
      if (bytesRead === 0) return;
      position += bytesRead;
      yield buffer.subarray(0, bytesRead);
    }
  }

  /** All that gzip itself does not check, except for the byte that names the system. */
  async #assertGzip(): Promise<void> {
    const { buffer, bytesRead } = await this.#handle.read(Buffer.alloc(9), 0, 9, 0);
    const isOurs = buffer.subarray(0, 8).equals(Buffer.from([0x1f, 0x8b, 8, 0, 0, 0, 0, 0])) && buffer[8]! % 2 === 0;
    if (bytesRead < 9 || !isOurs) throw badBackup(`${this.path} is not a backup of BooCode.`);
  }

  #inWords(error: unknown): unknown {
    const { code } = error as { code?: unknown };
    const isCutOff = error instanceof CutOffError || code === 'Z_BUF_ERROR';
    if (isCutOff) return badBackup(`The backup ${this.path} is cut off: its end is missing.`, error);
    if (error instanceof DamagedError) return damaged(this.path, error.message);
    if (typeof code === 'string' && code.startsWith('Z_'))
      return damaged(this.path, 'it cannot be decompressed', error);
    return error;
  }
}

class DamagedError extends Error {}

const damaged = (path: string, what: string, cause?: unknown): BooError =>
  badBackup(`The backup ${path} is damaged or was changed: ${what}.`, cause);

async function* readParts(
  lines: BackupLines,
  signal: AbortSignal | undefined,
): AsyncGenerator<BackupPart, void, undefined> {
  const whole = createHash('sha256');
  let line = await lines.line();
  const format = /^BooCode backup (\d{1,9})$/.exec(line)?.[1];
  if (format === undefined) throw new DamagedError('it does not begin as a backup does');
  if (line !== firstLine(formatVersion)) {
    throw badBackup(
      `The backup has the format ${format}, but this BooCode reads only format ${formatVersion}: use a newer BooCode.`,
    );
  }
  whole.update(`${line}\n`);
  line = await lines.line();
  whole.update(`${line}\n`);
  yield { kind: 'header', header: parse(backupHeader, line) };
  for (let tables = 0; ; tables += 1) {
    line = await lines.line();
    if (line.startsWith('{"end"')) {
      const end = parse(backupEnd, line);
      if (end.tables !== tables || end.sha256 !== whole.digest('hex')) throw new DamagedError('its end does not fit');
      if (!(await lines.isAtEnd())) throw new DamagedError('something follows its end');
      return;
    }
    whole.update(`${line}\n`);
    const { table: name, columns } = parse(tableHead, line);
    yield { kind: 'table', name, columns };
    const counted = { name, rows: 0, bytes: 0 };
    const hash = createHash('sha256');
    for await (const rows of lines.rows()) {
      signal?.throwIfAborted();
      add(counted, hash, rows);
      yield { kind: 'rows', rows };
    }
    line = await lines.line();
    whole.update(`${line}\n`);
    const foot = parse(tableFoot, line);
    const sha256 = hash.digest('hex');
    if (foot.sha256 !== sha256) throw new DamagedError(`the checksum of ${name} is wrong`);
    if (foot.rows !== counted.rows) throw new DamagedError(`${name} has ${counted.rows} rows instead of ${foot.rows}`);
    yield { kind: 'tableEnd', table: { ...counted, sha256 } };
  }
}

function add(counted: { rows: number; bytes: number }, hash: Hash, rows: Buffer): void {
  hash.update(rows);
  counted.rows += countLines(rows);
  counted.bytes += rows.length;
}

function parse<T>(schema: z.ZodType<T>, line: string): T {
  try {
    return schema.parse(JSON.parse(line));
  } catch {
    throw new DamagedError('a line that describes it is not readable');
  }
}

/** Reports how far it is with each part. */
export function createTally(
  phase: BackupProgress['phase'],
  onProgress: BackupOptions['onProgress'],
): (part: BackupPart) => void {
  const progress: BackupProgress = { phase, table: '', rows: 0, bytes: 0 };
  return (part) => {
    if (part.kind === 'table') progress.table = part.name;
    if (part.kind !== 'rows') return;
    progress.rows += countLines(part.rows);
    progress.bytes += part.rows.length;
    onProgress?.({ ...progress });
  };
}
