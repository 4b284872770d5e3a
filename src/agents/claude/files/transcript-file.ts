/**
 * The program's own copy of a session, a JSONL file below its config directory, and how it meets the stored one.
 *
 * The program resumes from its file. Postgres is the transcript; but a file on this machine may be ahead of it, by what
 * the program wrote while the host was dying. So: a file that holds everything stored has its surplus stored; any other
 * file, or none, is written anew from the store.
 */
import { createReadStream } from 'node:fs';
import { readdir, realpath, rm, stat } from 'node:fs/promises';
import { homedir } from 'node:os';
import { join } from 'node:path';
import type { SessionKey, SessionStore, SessionStoreEntry } from '@anthropic-ai/claude-agent-sdk';
import { FreshFile } from './fresh-file.ts';
import { type Line, LineSplitter } from './line-splitter.ts';
import { isRecordOfRequest } from './read-lines.ts';

/** What every session is stored under: the store is bound to the chat. */
export const projectKey = 'chat';

export interface TranscriptPlace {
  /** The program's config directory. */
  configDir: string;
  cwd: string;
  sessionId: string;
}

/** Where the program with this environment keeps its files. */
export function configDirOf(env: Readonly<Record<string, string | undefined>>): string {
  return env['CLAUDE_CONFIG_DIR'] ?? join(env['HOME'] ?? homedir(), '.claude');
}

/**
 * The folder the program gives a working directory: every character but letters and digits becomes `-`, and what is
 * longer than 200 is cut and told apart by a hash. Measured on the program; its long-path test will tell of a change.
 */
export function projectFolder(cwd: string): string {
  const folder = cwd.replaceAll(/[^a-zA-Z0-9]/g, '-');
  if (folder.length <= 200) return folder;
  let hash = 0;
  for (let index = 0; index < cwd.length; index += 1) hash = ((hash << 5) - hash + cwd.charCodeAt(index)) | 0;
  return `${folder.slice(0, 200)}-${Math.abs(hash).toString(36)}`;
}

/** The folder with the transcripts of a working directory, which must exist. */
export async function projectDirectory({ configDir, cwd }: TranscriptPlace): Promise<string> {
  return join(configDir, 'projects', projectFolder(await realpath(cwd)));
}

/** What a session goes on from. */
export interface ReconciledTranscript {
  /** The last entry that holds the session's running costs. */
  costState: SessionStoreEntry | undefined;
}

/**
 * Makes file and store agree before a session is opened. Null for a session in which nothing was said yet: the program
 * refuses to resume it, and to begin it anew while its file is there.
 *
 * A transcript may be very long: neither side is ever held as a whole, and between two pieces others get their turn.
 */
export async function reconcileTranscript(
  store: SessionStore,
  place: TranscriptPlace,
): Promise<ReconciledTranscript | null> {
  const { sessionId } = place;
  const directory = await projectDirectory(place);
  const file = join(directory, `${sessionId}.jsonl`);
  const main = await reconcileFile(store, { projectKey, sessionId }, file);
  if (!main.isBegun) {
    await rm(file, { force: true });
    return null;
  }
  for (const [key, file] of await subTranscripts(store, directory, sessionId)) await reconcileFile(store, key, file);
  return { costState: main.costState };
}

/**
 * Stores what the files hold beyond the store. For a session that is open: the program writes to its files, so that
 * nobody else may.
 */
export async function storeSurplus(store: SessionStore, place: TranscriptPlace): Promise<void> {
  const { sessionId } = place;
  const directory = await projectDirectory(place);
  const main: Transcript = [{ projectKey, sessionId }, join(directory, `${sessionId}.jsonl`)];
  for (const [key, file] of [main, ...(await subTranscripts(store, directory, sessionId))]) {
    // Up to where the file is now: what the program writes, and the mirror stores, meanwhile is then no surplus.
    const size = await sizeOf(file);
    if (size === null) continue;
    const missing = new Missing();
    for await (const entry of storedEntries(store, key)) missing.add(entry);
    const surplus: SessionStoreEntry[] = [];
    for await (const { entry } of linesOf(file, size)) if (entry && missing.isSurplus(entry)) surplus.push(entry);
    await appendAll(store, key, surplus);
  }
}

type Transcript = [key: SessionKey, file: string];

/** The transcripts of the session's sub-agents, stored or on this machine. */
async function subTranscripts(store: SessionStore, directory: string, sessionId: string): Promise<Transcript[]> {
  const folder = join(directory, sessionId, '/');
  const stored = (await store.listSubkeys?.({ projectKey, sessionId })) ?? [];
  const local = await listSubpaths(folder);
  return [...new Set([...stored, ...local])].flatMap((subpath): Transcript[] => {
    const file = join(folder, `${subpath}.jsonl`);
    // A subpath is the program's own word, but it came back from the store: it must stay below the session.
    return file.startsWith(folder) ? [[{ projectKey, sessionId, subpath }, file]] : [];
  });
}

/** Removes the program's copy; the working directory itself may be gone. */
export async function removeTranscript(place: TranscriptPlace): Promise<void> {
  const cwd = await realpath(place.cwd).catch(() => place.cwd);
  const directory = join(place.configDir, 'projects', projectFolder(cwd));
  await rm(join(directory, `${place.sessionId}.jsonl`), { force: true });
  await rm(join(directory, place.sessionId), { recursive: true, force: true });
}

async function reconcileFile(
  store: SessionStore,
  key: SessionKey,
  file: string,
): Promise<ReconciledTranscript & { isBegun: boolean }> {
  const missing = new Missing();
  let [isBegun, costState]: [boolean, SessionStoreEntry | undefined] = [false, undefined];
  const note = (entry: SessionStoreEntry): void => {
    isBegun ||= entry.type === 'user' || entry.type === 'assistant';
    if (entry.type === 'cost-state') costState = entry;
  };
  for await (const entry of storedEntries(store, key)) {
    missing.add(entry);
    note(entry);
  }
  const size = await sizeOf(file);
  const surplus: SessionStoreEntry[] = [];
  let isWhole = true;
  for await (const { entry, isEnded } of size === null ? [] : linesOf(file, size)) {
    if (entry && missing.isSurplus(entry)) surplus.push(entry);
    isWhole &&= isEnded && entry !== null;
  }
  // A file that lacks something that is stored is written anew; one that is not there lacks it all.
  if (!missing.isEmpty) {
    await writeFile(file, storedEntries(store, key));
    return { isBegun, costState };
  }
  surplus.forEach(note);
  await appendAll(store, key, surplus);
  if (!isWhole && size !== null) await writeFile(file, whole(linesOf(file, size)));
  return { isBegun, costState };
}

/** What is stored and was not met in the file yet. */
class Missing {
  readonly #counts = new Map<string, number>();

  get isEmpty(): boolean {
    return this.#counts.size === 0;
  }

  add(stored: SessionStoreEntry): void {
    const identity = identityOf(stored);
    this.#counts.set(identity, (this.#counts.get(identity) ?? 0) + 1);
  }

  /** Takes out what the file has; true for what the store lacks, but the program's records of its own requests. */
  isSurplus(local: SessionStoreEntry): boolean {
    const identity = identityOf(local);
    const count = this.#counts.get(identity) ?? 0;
    if (count > 1) this.#counts.set(identity, count - 1);
    else this.#counts.delete(identity);
    return count === 0 && !isRecordOfRequest(local);
  }
}

const identityOf = (entry: SessionStoreEntry): string => entry.uuid ?? JSON.stringify(entry);

/** A store that can be read in pieces. */
interface PagedStore extends SessionStore {
  loadPages(key: SessionKey): AsyncIterable<SessionStoreEntry[]>;
}

async function* storedEntries(
  store: SessionStore,
  key: SessionKey,
): AsyncGenerator<SessionStoreEntry, void, undefined> {
  if ('loadPages' in store) {
    for await (const page of (store as PagedStore).loadPages(key)) yield* page;
  } else {
    yield* (await store.load(key)) ?? [];
  }
}

const appendAtOnce = 500;

async function appendAll(store: SessionStore, key: SessionKey, entries: readonly SessionStoreEntry[]): Promise<void> {
  for (let at = 0; at < entries.length; at += appendAtOnce) {
    await store.append(key, entries.slice(at, at + appendAtOnce));
  }
}

/** Null when there is none. */
async function sizeOf(file: string): Promise<number | null> {
  try {
    return (await stat(file)).size;
  } catch (error) {
    if ((error as NodeJS.ErrnoException).code === 'ENOENT') return null;
    throw error;
  }
}

interface FileLine {
  /** Null for what is none. */
  entry: SessionStoreEntry | null;
  /** False for half a line at the end, as a killed program leaves it. */
  isEnded: boolean;
}

const chunkBytes = 128 * 1024;

/** The lines that hold anything, in the first bytes of a file. */
async function* linesOf(file: string, size: number): AsyncGenerator<FileLine, void, undefined> {
  if (size === 0) return;
  const splitter = new LineSplitter();
  const parse = ({ bytes }: Line, isEnded: boolean): FileLine[] => {
    const text = bytes?.toString('utf8').trim();
    return text === '' ? [] : [{ entry: text === undefined ? null : parseLine(text), isEnded }];
  };
  for await (const chunk of createReadStream(file, { highWaterMark: chunkBytes, end: size - 1 })) {
    for (const line of splitter.push(chunk as Buffer)) yield* parse(line, true);
  }
  if (splitter.openLine) for (const line of splitter.push(Buffer.from('\n'))) yield* parse(line, false);
}

function parseLine(text: string): SessionStoreEntry | null {
  try {
    return JSON.parse(text) as SessionStoreEntry;
  } catch {
    return null;
  }
}

async function* whole(lines: AsyncIterable<FileLine>): AsyncGenerator<SessionStoreEntry, void, undefined> {
  for await (const { entry } of lines) if (entry) yield entry;
}

async function writeFile(file: string, entries: AsyncIterable<SessionStoreEntry>): Promise<void> {
  const fresh = await FreshFile.create(file);
  try {
    for await (const entry of entries) await fresh.addLine(JSON.stringify(entry));
    await fresh.putInPlace();
  } finally {
    await fresh.discard();
  }
}

/** Paths of the sub-agents' transcripts below a session's folder, as the store names them. */
async function listSubpaths(directory: string): Promise<string[]> {
  try {
    const names = await readdir(directory, { recursive: true });
    return names.filter((name) => name.endsWith('.jsonl')).map((name) => name.slice(0, -'.jsonl'.length));
  } catch (error) {
    if ((error as NodeJS.ErrnoException).code === 'ENOENT') return [];
    throw error;
  }
}
