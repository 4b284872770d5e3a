/**
 * The program's own copy of a session, a JSONL file in its config directory, and how it is reconciled with the stored
 * one.
 *
 * The program resumes from its file. Postgres holds the transcript, but a file on this machine may be ahead of it by
 * what the program wrote while the host was dying. So if a file contains everything that is stored, its surplus is
 * stored; any other file, or a missing one, is rewritten from the store.
 */
import { existsSync, statSync } from 'node:fs';
import { readdir, realpath, rm } from 'node:fs/promises';
import { homedir } from 'node:os';
import { join } from 'node:path';
import type { SessionKey, SessionStore, SessionStoreEntry } from '@anthropic-ai/claude-agent-sdk';
import { worktreeOf } from '../current-directory.ts';
import { titleOf } from '../mapping/session-title.ts';
import { TranscriptSchedules } from '../transcript-schedules.ts';
import { FreshFile } from '../native-sessions/fresh-file.ts';
import { OpenCalls } from './open-calls.ts';
import { appendEntries, storedEntries } from './stored-entries.ts';
import { ToldPaths } from './told-paths.ts';
import { compareTranscript, surplusOf, type TranscriptComparison } from './transcript-comparison.ts';
import { sizeOf, transcriptLines } from './transcript-lines.ts';

/** The store key of every session: the store is already bound to the chat. */
export const projectKey = 'chat';

export interface TranscriptPlace {
  /** The program's config directory. */
  configDir: string;
  cwd: string;
  sessionId: string;
}

/** Where the program stores its files in this environment. */
export function configDirOf(env: Readonly<Record<string, string | undefined>>): string {
  return env['CLAUDE_CONFIG_DIR'] ?? join(env['HOME'] ?? homedir(), '.claude');
}

/**
 * The program's folder for a working directory: every character except letters and digits becomes `-`, and names over
 * 200 characters are cut and get a hash. Measured on the program; its long-path test will catch a change.
 */
export function projectFolder(cwd: string): string {
  const folder = cwd.replaceAll(/[^a-zA-Z0-9]/g, '-');
  if (folder.length <= 200) return folder;
  let hash = 0;
  for (let index = 0; index < cwd.length; index += 1) hash = ((hash << 5) - hash + cwd.charCodeAt(index)) | 0;
  return `${folder.slice(0, 200)}-${Math.abs(hash).toString(36)}`;
}

/**
 * The folder with the transcripts of a working directory. If the directory is gone, the folder is named after the path
 * it had.
 */
export async function projectDirectory({ configDir, cwd }: TranscriptPlace): Promise<string> {
  return join(configDir, 'projects', projectFolder(await realpath(cwd).catch(() => cwd)));
}

/** The working directory that the program has moved its files to, if this entry says so. */
export function relocatedTo({ type, relocatedCwd }: SessionStoreEntry): string | undefined {
  return type === 'relocated' && typeof relocatedCwd === 'string' ? relocatedCwd : undefined;
}

/** What a session continues from. */
export interface ReconciledTranscript {
  /** The last entry with the session's running costs. */
  costState: SessionStoreEntry | undefined;
  /** The session's last name given by a person. */
  title: string | undefined;
  /** The working directories that the program moved its files to, such as worktrees. */
  relocatedTo: readonly string[];
  /** The session's worktree, which it continues in while that exists; null for none. */
  worktree: string | null;
  /** The calls without a result at its end. */
  calls: OpenCalls;
  /** What its agent has scheduled for itself. */
  schedules: TranscriptSchedules;
}

/**
 * Makes file and store agree before a session is opened. Null if nothing was said in the session yet: the program
 * refuses to resume it, and also to start it again while its file exists.
 *
 * A transcript may be very long: it is never held as a whole, and other work runs between two pieces.
 */
export async function reconcileTranscript(
  store: SessionStore,
  place: TranscriptPlace,
): Promise<ReconciledTranscript | null> {
  const transcript = await reconcileFiles(store, place);
  // The program may have moved them in the middle of the session and died there.
  return (await storeMoved(store, place, await projectDirectory(place))) ? reconcileFiles(store, place) : transcript;
}

async function reconcileFiles(store: SessionStore, place: TranscriptPlace): Promise<ReconciledTranscript | null> {
  const { sessionId } = place;
  const directory = await projectDirectory(place);
  const file = join(directory, `${sessionId}.jsonl`);
  const summary = new Summary();
  const told = new ToldPaths(place.configDir, directory);
  await reconcileFile(store, { projectKey, sessionId }, { file, told }, (entry, isSurplus) =>
    summary.add(entry, isSurplus),
  );
  if (!summary.isBegun) {
    await rm(file, { force: true });
    return null;
  }
  for (const [key, file] of await subTranscripts(store, directory, sessionId)) {
    await reconcileFile(store, key, { file, told });
  }
  const { costState, title, relocatedTo, worktree, calls, schedules } = summary;
  return { costState, title, relocatedTo, worktree, calls, schedules };
}

class Summary implements ReconciledTranscript {
  /** It contains messages. */
  isBegun = false;
  costState: SessionStoreEntry | undefined;
  title: string | undefined;
  worktree: string | null = null;
  readonly calls = new OpenCalls();
  readonly schedules = new TranscriptSchedules();
  readonly #relocatedTo = new Set<string>();

  get relocatedTo(): string[] {
    return [...this.#relocatedTo];
  }

  add(entry: SessionStoreEntry, isSurplus: boolean): void {
    this.schedules.add(entry, isSurplus);
    this.isBegun ||= entry.type === 'user' || entry.type === 'assistant';
    if (entry.type === 'cost-state') this.costState = entry;
    this.title = titleOf(entry) ?? this.title;
    this.calls.add(entry);
    const worktree = worktreeOf(entry);
    if (worktree !== undefined) this.worktree = worktree;
    const cwd = relocatedTo(entry);
    if (cwd !== undefined) this.#relocatedTo.add(cwd);
  }
}

/**
 * Stores the files' surplus over the store. Only for an open session: no one else may write to files that the program
 * is writing. `onEntry` is called with what the main transcript had more.
 */
export async function storeSurplus(
  store: SessionStore,
  place: TranscriptPlace,
  onEntry?: (entry: SessionStoreEntry) => void,
): Promise<void> {
  // The program moves its files when it enters a worktree, so the current ones were written last.
  const [directory] = await sessionFolders(place);
  if (directory === undefined) return;
  for (const [key, file] of await localTranscripts(directory, place.sessionId)) {
    const compared = await compareTranscript(store, key, file);
    await appendEntries(store, key, surplusOf(compared, key.subpath === undefined ? onEntry : undefined));
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
    // The program chose the subpath, but it came back from the store: it must stay inside the session.
    return file.startsWith(folder) ? [[{ projectKey, sessionId, subpath }, file]] : [];
  });
}

/** The transcripts that have a file in this folder, the session's own first. */
async function localTranscripts(directory: string, sessionId: string): Promise<Transcript[]> {
  const file = join(directory, `${sessionId}.jsonl`);
  const main: Transcript[] = (await sizeOf(file)) === null ? [] : [[{ projectKey, sessionId }, file]];
  const folder = join(directory, sessionId);
  const subs = (await listSubpaths(folder)).map((subpath): Transcript => [
    { projectKey, sessionId, subpath },
    join(folder, `${subpath}.jsonl`),
  ]);
  return [...main, ...subs];
}

/** The session's own transcript, wherever the program has moved it; undefined if this machine has none. */
export async function findTranscriptFile(place: TranscriptPlace): Promise<string | undefined> {
  const files = (await sessionFolders(place)).map((directory) => join(directory, `${place.sessionId}.jsonl`));
  return files.find((file) => statSync(file, { throwIfNoEntry: false }) !== undefined);
}

/** All folders that contain files of the session, whatever their working directory, last written first. */
export async function sessionFolders({ configDir, sessionId }: TranscriptPlace): Promise<string[]> {
  const projects = join(configDir, 'projects');
  const names = await readdir(projects).catch((error: NodeJS.ErrnoException): string[] => {
    if (error.code === 'ENOENT') return [];
    throw error;
  });
  // There may be thousands of projects, and every start of a session looks here: checking for existence is cheapest.
  const found = names.flatMap((name) => {
    const own = `${projects}/${name}/${sessionId}`;
    const paths = [`${own}.jsonl`, own].filter((path) => existsSync(path));
    const times = paths.flatMap((path) => statSync(path, { throwIfNoEntry: false })?.mtimeMs ?? []);
    return times.length === 0 ? [] : [{ directory: join(projects, name), at: Math.max(...times) }];
  });
  return found.toSorted((one, other) => other.at - one.at).map(({ directory }) => directory);
}

/**
 * Stores the files' surplus over the store, in every folder except `own`, if they contain everything that is stored;
 * others are older or have diverged. Returns whether there was any.
 */
async function storeMoved(store: SessionStore, place: TranscriptPlace, own?: string): Promise<boolean> {
  let hasStored = false;
  for (const directory of await sessionFolders(place)) {
    if (directory === own) continue;
    for (const [key, file] of await localTranscripts(directory, place.sessionId)) {
      const compared = await compareTranscript(store, key, file);
      // Its sub-agents moved with it.
      if (!compared.holdsStored && key.subpath === undefined) break;
      if (!compared.holdsStored || compared.surplus.size === 0) continue;
      await appendEntries(store, key, surplusOf(compared));
      hasStored = true;
    }
  }
  return hasStored;
}

/** Stores what a closed session's files contain beyond the store, wherever the program has moved them. */
export async function storeLeft(store: SessionStore, place: TranscriptPlace): Promise<void> {
  await storeMoved(store, place);
}

/**
 * Prepares a session to continue elsewhere: the surplus of the program's files is stored, and then they are removed, so
 * that none of them is ever mistaken for the session. A file that has diverged and contains entries that are not stored
 * is kept. The working directory itself may be gone.
 */
export async function leaveDirectory(store: SessionStore, place: TranscriptPlace): Promise<void> {
  const { sessionId } = place;
  await storeMoved(store, place);
  await leaveWorktree(store, sessionId);
  for (const directory of await sessionFolders(place)) {
    let holdsMore = false;
    for (const [key, file] of await localTranscripts(directory, sessionId)) {
      holdsMore ||= (await compareTranscript(store, key, file)).surplus.size > 0;
    }
    if (!holdsMore) await removeFiles(directory, sessionId);
  }
}

/**
 * A session in a worktree of the old directory would continue there; this entry is the program's own way to leave it.
 */
async function leaveWorktree(store: SessionStore, sessionId: string): Promise<void> {
  const key = { projectKey, sessionId };
  let state: SessionStoreEntry | undefined;
  for await (const entry of storedEntries(store, key)) if (entry.type === 'worktree-state') state = entry;
  if (!state || state['worktreeSession'] === null) return;
  await store.append(key, [{ type: 'worktree-state', worktreeSession: null, sessionId }]);
}

/** Removes the program's copies, wherever it has moved them. */
export async function removeTranscript(place: TranscriptPlace): Promise<void> {
  for (const directory of await sessionFolders(place)) await removeFiles(directory, place.sessionId);
}

async function removeFiles(directory: string, sessionId: string): Promise<void> {
  await rm(join(directory, `${sessionId}.jsonl`), { force: true });
  await rm(join(directory, sessionId), { recursive: true, force: true });
}

/** Calls `onEntry` with every entry of the reconciled transcript, in order. */
async function reconcileFile(
  store: SessionStore,
  key: SessionKey,
  { file, told }: { file: string; told: ToldPaths },
  onEntry: (entry: SessionStoreEntry, isSurplus: boolean) => void = () => {},
): Promise<void> {
  const compared = await compareTranscript(store, key, file, (entry) => {
    told.add(entry);
    onEntry(entry, false);
  });
  // A file that lacks stored entries is rewritten; a missing one lacks them all.
  if (!compared.holdsStored) return writeFile(file, toldHere(storedEntries(store, key), told));
  await appendEntries(
    store,
    key,
    surplusOf(compared, (entry) => onEntry(entry, true)),
  );
  if (!compared.isWhole) await writeFile(file, entriesIn(compared));
}

async function* toldHere(
  entries: AsyncIterable<SessionStoreEntry>,
  told: ToldPaths,
): AsyncGenerator<SessionStoreEntry, void, undefined> {
  for await (const entry of entries) yield told.here(entry);
}

async function* entriesIn({
  file,
  size,
  cutAt,
}: TranscriptComparison): AsyncGenerator<SessionStoreEntry, void, undefined> {
  for await (const { entry, number } of transcriptLines(file, size)) if (entry && number < cutAt) yield entry;
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

/** Paths of the sub-agents' transcripts inside a session's folder, as the store names them. */
async function listSubpaths(directory: string): Promise<string[]> {
  try {
    const names = await readdir(directory, { recursive: true });
    return names.filter((name) => name.endsWith('.jsonl')).map((name) => name.slice(0, -'.jsonl'.length));
  } catch (error) {
    if ((error as NodeJS.ErrnoException).code === 'ENOENT') return [];
    throw error;
  }
}
