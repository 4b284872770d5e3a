/**
 * One transcript file that another process writes. Every entry is delivered once, whatever happens to the file: it may
 * grow, shrink, be rewritten in place, or be replaced by another file of the same name.
 *
 * The file is kept open. So the rest of an old file is read before the new one, and no new file can have the old one's
 * inode number. Each read checks that the bytes before the current offset are unchanged: otherwise a file that shrank
 * and grew again beyond the offset would go unnoticed.
 */
import { createHash } from 'node:crypto';
import { type FileHandle, open, stat } from 'node:fs/promises';
import type { SessionStoreEntry } from '@anthropic-ai/claude-agent-sdk';
import { type Line, LineSplitter } from '../claude/native-sessions/line-splitter.ts';

export interface TranscriptProblem {
  code: 'line_unreadable' | 'file_replaced' | 'read_failed';
  path: string;
  message: string;
}

export interface FollowedFileOptions {
  /** Its current path, which may change. */
  path: () => string;
  /** This many bytes at its start are known: lines that end within them are not delivered. */
  knownBytes: number;
  onEntries(entries: SessionStoreEntry[]): void;
  /** Resolves once this many more bytes may be delivered. */
  room?: ((bytes: number) => Promise<void> | undefined) | undefined;
  onProblem(problem: TranscriptProblem): void;
}

const chunkBytes = 256 * 1024;
const checkedBytes = 256;

export class FollowedFile {
  readonly #options: FollowedFileOptions;
  #handle: FileHandle | undefined;
  #identity = '';
  #modifiedMs = 0;
  #offset = 0;
  /** The last bytes before the offset. */
  #tail: Buffer = Buffer.alloc(0);
  #lines = new LineSplitter();
  /** Increases when the file is read from its start again. */
  #round = 0;
  readonly #uuids = new Set<string>();
  /** Counts lines without a uuid by hash: how often they occurred in this round, and the most in any round. */
  readonly #others = new Map<string, { round: number; seen: number; delivered: number }>();
  #lastFailure = '';

  constructor(options: FollowedFileOptions) {
    this.#options = options;
  }

  /** Reads and delivers what is in the file now. Do not call it during another call. */
  async look(): Promise<void> {
    try {
      await this.#look();
      this.#lastFailure = '';
    } catch (error) {
      const message = error instanceof Error ? error.message : String(error);
      // Checked repeatedly, but reported once.
      if (message !== this.#lastFailure) this.#tell('read_failed', message);
      this.#lastFailure = message;
    }
  }

  /** Reports a line that was never completed. */
  async close(): Promise<void> {
    const open = this.#lines.openLine;
    if (open) this.#tell('line_unreadable', `The last line, ${place(open)}, is incomplete.`);
    this.#lines = new LineSplitter();
    await this.#closeHandle();
  }

  async #look(): Promise<void> {
    const path = this.#options.path();
    const found = await stat(path).catch(nullIfMissing);
    if (this.#handle && found && identityOf(found) !== this.#identity) {
      await this.#read(this.#handle);
      await this.#closeHandle();
      this.#restart('Another file took its place; reading it from its start.');
    }
    if (this.#handle && found && found.size === this.#offset && found.mtimeMs === this.#modifiedMs) return;
    if (!this.#handle && found) {
      const handle = await open(path, 'r').catch(nullIfMissing);
      if (!handle) return;
      this.#handle = handle;
      this.#identity = identityOf(await handle.stat());
    }
    if (this.#handle) await this.#read(this.#handle);
  }

  async #read(handle: FileHandle): Promise<void> {
    for (;;) {
      const { size, mtimeMs } = await handle.stat();
      if (size === this.#offset && mtimeMs === this.#modifiedMs) return;
      if (size > this.#offset) await this.#options.room?.(Math.min(chunkBytes, size - this.#offset));
      const start = this.#offset - this.#tail.length;
      // Synchronous, so that nothing changes between the check and the read.
      const length = this.#tail.length + Math.min(chunkBytes, Math.max(0, size - this.#offset));
      const { bytesRead, buffer } = await handle.read(Buffer.allocUnsafe(length), 0, length, start);
      const bytes = buffer.subarray(0, bytesRead);
      if (!bytes.subarray(0, this.#tail.length).equals(this.#tail)) {
        this.#restart('It was shortened or rewritten; reading it from its start.');
        continue;
      }
      const fresh = bytes.subarray(this.#tail.length);
      this.#offset += fresh.length;
      // A file that grows between the two calls has a different size or time at the next one.
      if (this.#offset >= size) this.#modifiedMs = mtimeMs;
      if (fresh.length > 0) {
        this.#tail = Buffer.from(bytes.subarray(-checkedBytes));
        this.#deliver(this.#lines.push(fresh));
      }
    }
  }

  #restart(message: string): void {
    this.#tell('file_replaced', message);
    this.#offset = 0;
    this.#modifiedMs = 0;
    this.#tail = Buffer.alloc(0);
    this.#lines = new LineSplitter();
    this.#round += 1;
  }

  #deliver(lines: readonly Line[]): void {
    const entries = lines.flatMap((line) => this.#entryOf(line));
    if (entries.length > 0) this.#options.onEntries(entries);
  }

  #entryOf(line: Line): SessionStoreEntry[] {
    if (line.bytes === null) return this.#unreadable(line, 'is too long');
    const text = line.bytes.toString('utf8');
    if (text.trim() === '') return [];
    let entry: unknown;
    try {
      entry = JSON.parse(text);
    } catch {
      return this.#unreadable(line, 'is not JSON');
    }
    if (!isEntry(entry)) return this.#unreadable(line, 'is not an entry of a transcript');
    // The program's records of its own requests: large, useless for resuming, and never mirrored.
    if (entry.type.startsWith('api-request')) return [];
    const isFirst = this.#note(entry, line.bytes);
    return isFirst && !(this.#round === 0 && line.end <= this.#options.knownBytes) ? [entry] : [];
  }

  /** Whether this entry is new. The same line without a uuid may be written many times. */
  #note(entry: SessionStoreEntry, bytes: Buffer): boolean {
    if (typeof entry.uuid === 'string' && entry.uuid !== '') {
      const isFirst = !this.#uuids.has(entry.uuid);
      this.#uuids.add(entry.uuid);
      return isFirst;
    }
    const hash = createHash('sha1').update(bytes).digest('base64');
    const known = this.#others.get(hash) ?? { round: this.#round, seen: 0, delivered: 0 };
    const seen = known.round === this.#round ? known.seen + 1 : 1;
    this.#others.set(hash, { round: this.#round, seen, delivered: Math.max(seen, known.delivered) });
    return seen > known.delivered;
  }

  /** An unreadable line is reported again when the file is read from its start: it may be another line. */
  #unreadable(line: Line, why: string): [] {
    this.#tell('line_unreadable', `${place(line)} ${why}; it is skipped.`);
    return [];
  }

  #tell(code: TranscriptProblem['code'], message: string): void {
    this.#options.onProblem({ code, path: this.#options.path(), message });
  }

  async #closeHandle(): Promise<void> {
    const handle = this.#handle;
    this.#handle = undefined;
    await handle?.close();
  }
}

function isEntry(value: unknown): value is SessionStoreEntry {
  return typeof value === 'object' && value !== null && 'type' in value && typeof value.type === 'string';
}

function place({ number, offset }: { number: number; offset: number }): string {
  return `line ${number} at byte ${offset}`;
}

function identityOf({ dev, ino }: { dev: number; ino: number }): string {
  return `${dev}:${ino}`;
}

function nullIfMissing(error: NodeJS.ErrnoException): null {
  if (error.code === 'ENOENT') return null;
  throw error;
}
