/**
 * One transcript file that another process writes. Every entry is delivered once, whatever happens to the file: it may
 * grow, get shorter, be written anew in place, or be replaced by another file of its name.
 *
 * The file is kept open. So what the old file still holds is read before the new one, and no new file can have the old
 * one's inode number. That the bytes before the place read to are still the same is checked at each read: a file that
 * got shorter and grew again beyond that place would not be noticed otherwise.
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
  /** Where it is now: it may be moved. */
  path: () => string;
  /** So many bytes at its start are known: lines that end within them are not delivered. */
  knownBytes: number;
  onEntries(entries: SessionStoreEntry[]): void;
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
  /** Grows when the file is read from its start again. */
  #round = 0;
  readonly #uuids = new Set<string>();
  /** Lines without a uuid, by their hash: how often they were seen in this round, and in the fullest one. */
  readonly #others = new Map<string, { round: number; seen: number; delivered: number }>();
  #lastFailure = '';

  constructor(options: FollowedFileOptions) {
    this.#options = options;
  }

  /** Reads and delivers what is in the file now. Not to be called while another call is under way. */
  async look(): Promise<void> {
    try {
      await this.#look();
      this.#lastFailure = '';
    } catch (error) {
      const message = error instanceof Error ? error.message : String(error);
      // Looked at again and again: told once.
      if (message !== this.#lastFailure) this.#tell('read_failed', message);
      this.#lastFailure = message;
    }
  }

  /** Tells of a line that was never ended. */
  async close(): Promise<void> {
    const open = this.#lines.openLine;
    if (open) this.#tell('line_unreadable', `The last line, ${place(open)}, has no end.`);
    this.#lines = new LineSplitter();
    await this.#closeHandle();
  }

  async #look(): Promise<void> {
    const path = this.#options.path();
    const found = await stat(path).catch(nullIfMissing);
    if (this.#handle && found && identityOf(found) !== this.#identity) {
      await this.#read(this.#handle);
      await this.#closeHandle();
      this.#restart('Another file took its place; it is read from its start.');
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
      const start = this.#offset - this.#tail.length;
      // In one piece, so that nothing is changed between the check and what is read.
      const length = this.#tail.length + Math.min(chunkBytes, Math.max(0, size - this.#offset));
      const { bytesRead, buffer } = await handle.read(Buffer.allocUnsafe(length), 0, length, start);
      const bytes = buffer.subarray(0, bytesRead);
      if (!bytes.subarray(0, this.#tail.length).equals(this.#tail)) {
        this.#restart('It was shortened or written anew; it is read from its start.');
        continue;
      }
      const fresh = bytes.subarray(this.#tail.length);
      this.#offset += fresh.length;
      // A file that grows between the two calls has another size or another time at the next one.
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
    // The program's records of its own requests: large, of no use to a resume, and never mirrored.
    if (entry.type.startsWith('api-request')) return [];
    const isFirst = this.#note(entry, line.bytes);
    return isFirst && !(this.#round === 0 && line.end <= this.#options.knownBytes) ? [entry] : [];
  }

  /** Whether this entry is seen for the first time. The same line without a uuid may be written many times. */
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

  /** A line that is met again, in a file that is read from its start, is told of again: it may be another one. */
  #unreadable(line: Line, why: string): [] {
    this.#tell('line_unreadable', `${place(line)} ${why}; it is left out.`);
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
