/**
 * Follows the files of one session while the program writes them: the main transcript and those of its sub-agents,
 * which appear later. The file system reports changes if it can; polling covers the rest, because a network file system
 * reports nothing.
 *
 * The program may move the files to another folder at any time, for example when it enters a worktree; the main
 * transcript says so. An open file continues to be read there; others are looked for in each of the folders.
 *
 * One pass at a time: it reads each file once, the main transcript first. Changes reported during a pass cause one
 * more.
 */
import { type FSWatcher, readdirSync, statSync, watch } from 'node:fs';
import { readdir } from 'node:fs/promises';
import { dirname, join } from 'node:path';
import type { SessionStoreEntry } from '@anthropic-ai/claude-agent-sdk';
import { createSerial } from '../../lib/serial.ts';
import { projectFolder, relocatedTo } from '../claude/files/transcript-file.ts';
import { FollowedFile, type TranscriptProblem } from './followed-file.ts';

export type { TranscriptProblem };

export interface FollowedLines {
  sessionId: string;
  /** '' for the main transcript, else the subpath in the SessionStore's notation, e.g. `subagents/agent-x`. */
  subpath: string;
  /** At least one, in file order. */
  entries: SessionStoreEntry[];
}

export interface TranscriptFollower {
  /** The folders in which the session's files may be, the given one first. */
  readonly directories: readonly string[];
  /** Reads everything that is in the files now; resolves once `onLines` was called for all of it. */
  catchUp(): Promise<void>;
  /**
   * Switches to another session in the same folder, as after `/clear`. Before this resolves, everything unread in the
   * old one is delivered, and nothing of the new one.
   */
  switchTo(sessionId: string, from?: 'start' | 'end'): Promise<void>;
  /** Runs a last `catchUp` first. Idempotent. */
  close(): Promise<void>;
}

export interface FollowOptions {
  /** The project folder; may not exist yet. */
  directory: string;
  /** The working directories that the program is known to have moved its files to. */
  relocatedTo?: readonly string[];
  sessionId: string;
  /**
   * `end`: what the files contain now is known, as after a reconciliation. Files that appear later are read from the
   * start.
   */
  from: 'start' | 'end';
  /** Synchronous, in file order. */
  onLines(lines: FollowedLines): void;
  /** Resolves once this many more bytes may be read. */
  room?: (bytes: number) => Promise<void> | undefined;
  onProblem(problem: TranscriptProblem): void;
  /** False if the file system should not be asked to report changes. */
  canWatch?: boolean;
}

/** Costs about 0.2 ms of a core each time. */
const pollMs = 250;
/** Until the folder exists and can be watched. */
const waitingPollMs = 50;

export function followTranscript(options: FollowOptions): TranscriptFollower {
  return new Follower(options);
}

interface FollowedSession {
  sessionId: string;
  main: FollowedFile;
  subs: Map<string, FollowedFile>;
  /** For the sub-agents' files that existed at first. */
  knownBytes: ReadonlyMap<string, number>;
}

class Follower implements TranscriptFollower {
  readonly #options: FollowOptions;
  readonly #directories: string[];
  readonly #serial = createSerial();
  readonly #watchers = new Map<string, FSWatcher>();
  #session: FollowedSession;
  /** The pass that has not started yet. */
  #next: Promise<void> | undefined;
  #nextIsWhole = false;
  #timer: NodeJS.Timeout | undefined;
  #closing: Promise<void> | undefined;

  constructor(options: FollowOptions) {
    this.#options = options;
    this.#directories = [options.directory];
    for (const cwd of options.relocatedTo ?? []) this.#noteFolder(cwd);
    this.#session = this.#sessionOf(options.sessionId, options.from);
    this.#poll();
  }

  get directories(): readonly string[] {
    return this.#directories;
  }

  async catchUp(): Promise<void> {
    await (this.#closing ?? this.#look(true));
  }

  switchTo(sessionId: string, from: 'start' | 'end' = 'start'): Promise<void> {
    if (this.#closing) return this.#closing;
    const fresh = this.#sessionOf(sessionId, from);
    return this.#serial(async () => {
      if (sessionId === this.#session.sessionId) return;
      const old = this.#session;
      await this.#readAll();
      this.#session = fresh;
      for (const directory of this.#directories) this.#unwatch(subFolder(directory, old.sessionId));
      await closeFiles(old);
      this.#wake(true);
    });
  }

  close(): Promise<void> {
    this.#closing ??= this.#serial(async () => {
      clearTimeout(this.#timer);
      for (const directory of this.#watchers.keys()) this.#unwatch(directory);
      await this.#readAll();
      await closeFiles(this.#session);
    });
    return this.#closing;
  }

  /** Requests a pass over the main transcript or all files. Resolves when it is done. */
  #look(isWhole: boolean): Promise<void> {
    this.#nextIsWhole ||= isWhole;
    this.#next ??= this.#serial(async () => {
      const isWhole = this.#nextIsWhole;
      this.#next = undefined;
      this.#nextIsWhole = false;
      await (isWhole ? this.#readAll() : this.#session.main.look());
    });
    return this.#next;
  }

  #wake(isWhole: boolean): void {
    if (this.#closing) return;
    this.#look(isWhole).catch((error: unknown) => this.#tell(this.#options.directory, error));
  }

  #poll(): void {
    for (const directory of this.#directories) {
      this.#watch(directory, (name) => {
        const { sessionId } = this.#session;
        if (name === null || name === sessionId) this.#wake(true);
        else if (name === `${sessionId}.jsonl`) this.#wake(false);
      });
    }
    this.#wake(true);
    const isWaiting = this.#options.canWatch !== false && this.#watchers.size === 0;
    this.#timer = setTimeout(() => this.#poll(), isWaiting ? waitingPollMs : pollMs);
    this.#timer.unref();
  }

  async #readAll(): Promise<void> {
    const session = this.#session;
    await session.main.look();
    for (const directory of this.#directories) {
      const folder = subFolder(directory, session.sessionId);
      await this.#findSubs(session, folder).catch((error: unknown) => this.#tell(folder, error));
    }
    for (const file of session.subs.values()) await file.look();
  }

  async #findSubs(session: FollowedSession, folder: string): Promise<void> {
    // Before it is read: later changes are reported.
    if (session === this.#session) this.#watch(folder, () => this.#wake(true));
    for (const subpath of subpathsOf(await readdir(folder, { recursive: true }).catch(noneIfMissing))) {
      if (session.subs.has(subpath)) continue;
      session.subs.set(subpath, this.#file(session.sessionId, subpath, session.knownBytes.get(subpath) ?? 0));
    }
  }

  #sessionOf(sessionId: string, from: 'start' | 'end'): FollowedSession {
    const { directory } = this.#options;
    const knownBytes = new Map<string, number>();
    if (from === 'end') {
      // Now, before the program to follow is started.
      const subpaths = subpathsOf(readNames(subFolder(directory, sessionId)));
      for (const subpath of ['', ...subpaths]) knownBytes.set(subpath, sizeOf(pathOf(directory, sessionId, subpath)));
    }
    const main = this.#file(sessionId, '', knownBytes.get('') ?? 0);
    return { sessionId, main, subs: new Map(), knownBytes };
  }

  #file(sessionId: string, subpath: string, knownBytes: number): FollowedFile {
    return new FollowedFile({
      path: () => this.#placeOf(sessionId, subpath),
      knownBytes,
      room: this.#options.room,
      onEntries: (entries) => {
        if (subpath === '') this.#noteFolders(entries);
        this.#options.onLines({ sessionId, subpath, entries });
      },
      onProblem: (problem) => this.#options.onProblem(problem),
    });
  }

  /** The file's current path. One that does not exist yet is expected in the given folder. */
  #placeOf(sessionId: string, subpath: string): string {
    const [expected, ...others] = this.#directories.map((directory) => pathOf(directory, sessionId, subpath));
    const isThere = (path: string): boolean => statSync(path, { throwIfNoEntry: false }) !== undefined;
    const path = expected as string;
    return others.length === 0 || isThere(path) ? path : (others.find(isThere) ?? path);
  }

  #noteFolders(entries: readonly SessionStoreEntry[]): void {
    for (const entry of entries) {
      const cwd = relocatedTo(entry);
      if (cwd !== undefined) this.#noteFolder(cwd);
    }
  }

  #noteFolder(cwd: string): void {
    const directory = join(dirname(this.#options.directory), projectFolder(cwd));
    if (!this.#directories.includes(directory)) this.#directories.push(directory);
  }

  /** If a directory cannot be watched or does not exist yet, polling has to be enough. */
  #watch(directory: string, onChange: (name: string | null) => void): void {
    if (this.#options.canWatch === false || this.#closing || this.#watchers.has(directory)) return;
    try {
      const watcher = watch(directory, { persistent: false }, (_kind, name) => onChange(name));
      watcher.on('error', () => this.#unwatch(directory));
      this.#watchers.set(directory, watcher);
    } catch {
      // Tried again at the next poll.
    }
  }

  #unwatch(directory: string): void {
    this.#watchers.get(directory)?.close();
    this.#watchers.delete(directory);
  }

  #tell(path: string, error: unknown): void {
    this.#options.onProblem({
      code: 'read_failed',
      path,
      message: error instanceof Error ? error.message : String(error),
    });
  }
}

async function closeFiles(session: FollowedSession): Promise<void> {
  for (const file of [session.main, ...session.subs.values()]) await file.close();
}

function subFolder(directory: string, sessionId: string): string {
  return join(directory, sessionId, 'subagents');
}

function pathOf(directory: string, sessionId: string, subpath: string): string {
  return subpath === '' ? join(directory, `${sessionId}.jsonl`) : join(directory, sessionId, `${subpath}.jsonl`);
}

function subpathsOf(names: readonly string[]): string[] {
  return names
    .filter((name) => name.endsWith('.jsonl'))
    .map((name) => `subagents/${name.slice(0, -'.jsonl'.length)}`)
    .toSorted();
}

function readNames(folder: string): string[] {
  try {
    return readdirSync(folder, { recursive: true, encoding: 'utf8' });
  } catch (error) {
    return noneIfMissing(error as NodeJS.ErrnoException);
  }
}

function sizeOf(path: string): number {
  return statSync(path, { throwIfNoEntry: false })?.size ?? 0;
}

function noneIfMissing(error: NodeJS.ErrnoException): [] {
  if (error.code === 'ENOENT' || error.code === 'ENOTDIR') return [];
  throw error;
}
