/**
 * The program's own copy of a session, a JSONL file below its config directory, and how it meets the stored one.
 *
 * The program resumes from its file. Postgres is the transcript; but a file on this machine may be ahead of it, by what
 * the program wrote while the host was dying. So: a file that holds everything stored has its surplus stored; any other
 * file, or none, is written anew from the store.
 */
import { existsSync, statSync } from 'node:fs';
import { readdir, realpath, rm } from 'node:fs/promises';
import { homedir } from 'node:os';
import { join } from 'node:path';
import type { SessionKey, SessionStore, SessionStoreEntry } from '@anthropic-ai/claude-agent-sdk';
import { worktreeOf } from '../current-directory.ts';
import { titleOf } from '../mapping/session-title.ts';
import { FreshFile } from '../native-sessions/fresh-file.ts';
import { appendEntries, storedEntries } from './stored-entries.ts';
import { compareTranscript, surplusOf } from './transcript-comparison.ts';
import { sizeOf, transcriptLines } from './transcript-lines.ts';

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

/** The folder with the transcripts of a working directory. That may be gone: then it is known by the path it had. */
export async function projectDirectory({ configDir, cwd }: TranscriptPlace): Promise<string> {
  return join(configDir, 'projects', projectFolder(await realpath(cwd).catch(() => cwd)));
}

/** The working directory that the program has taken its files to, where this entry says so. */
export function relocatedTo({ type, relocatedCwd }: SessionStoreEntry): string | undefined {
  return type === 'relocated' && typeof relocatedCwd === 'string' ? relocatedCwd : undefined;
}

/** What a session goes on from. */
export interface ReconciledTranscript {
  /** The last entry that holds the session's running costs. */
  costState: SessionStoreEntry | undefined;
  /** The name that a person gave the session last. */
  title: string | undefined;
  /** The working directories that the program took its files along to, as into a worktree. */
  relocatedTo: readonly string[];
  /** The worktree that the session is in, and goes on in as long as that is there; null where it is in none. */
  worktree: string | null;
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
  const transcript = await reconcileFiles(store, place);
  // The program may have moved them in mid-session, and died there.
  return (await storeMoved(store, place, await projectDirectory(place))) ? reconcileFiles(store, place) : transcript;
}

async function reconcileFiles(store: SessionStore, place: TranscriptPlace): Promise<ReconciledTranscript | null> {
  const { sessionId } = place;
  const directory = await projectDirectory(place);
  const file = join(directory, `${sessionId}.jsonl`);
  const summary = new Summary();
  await reconcileFile(store, { projectKey, sessionId }, file, (entry) => summary.add(entry));
  if (!summary.isBegun) {
    await rm(file, { force: true });
    return null;
  }
  for (const [key, file] of await subTranscripts(store, directory, sessionId)) await reconcileFile(store, key, file);
  const { costState, title, relocatedTo, worktree } = summary;
  return { costState, title, relocatedTo, worktree };
}

class Summary implements ReconciledTranscript {
  /** Something was said in it. */
  isBegun = false;
  costState: SessionStoreEntry | undefined;
  title: string | undefined;
  worktree: string | null = null;
  readonly #relocatedTo = new Set<string>();

  get relocatedTo(): string[] {
    return [...this.#relocatedTo];
  }

  add(entry: SessionStoreEntry): void {
    this.isBegun ||= entry.type === 'user' || entry.type === 'assistant';
    if (entry.type === 'cost-state') this.costState = entry;
    this.title = titleOf(entry) ?? this.title;
    const worktree = worktreeOf(entry);
    if (worktree !== undefined) this.worktree = worktree;
    const cwd = relocatedTo(entry);
    if (cwd !== undefined) this.#relocatedTo.add(cwd);
  }
}

/**
 * Stores what the files hold beyond the store. For a session that is open: the program writes to its files, so that
 * nobody else may.
 */
export async function storeSurplus(store: SessionStore, place: TranscriptPlace): Promise<void> {
  // The program takes its files along when it enters a worktree: those it writes to were written last.
  const [directory] = await foldersOf(place);
  if (directory === undefined) return;
  for (const [key, file] of await localTranscripts(directory, place.sessionId)) {
    await appendEntries(store, key, surplusOf(await compareTranscript(store, key, file)));
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

/** The session's own transcript, wherever the program has taken it; undefined where this machine has none. */
export async function findTranscriptFile(place: TranscriptPlace): Promise<string | undefined> {
  const files = (await foldersOf(place)).map((directory) => join(directory, `${place.sessionId}.jsonl`));
  return files.find((file) => statSync(file, { throwIfNoEntry: false }) !== undefined);
}

/** The folders that hold files of the session, of whichever working directory, the one written to last first. */
async function foldersOf({ configDir, sessionId }: TranscriptPlace): Promise<string[]> {
  const projects = join(configDir, 'projects');
  const names = await readdir(projects).catch((error: NodeJS.ErrnoException): string[] => {
    if (error.code === 'ENOENT') return [];
    throw error;
  });
  // Somebody may have thousands of projects, and each opening of a session looks here: whether it is there costs least.
  const found = names.flatMap((name) => {
    const own = `${projects}/${name}/${sessionId}`;
    const paths = [`${own}.jsonl`, own].filter((path) => existsSync(path));
    const times = paths.flatMap((path) => statSync(path, { throwIfNoEntry: false })?.mtimeMs ?? []);
    return times.length === 0 ? [] : [{ directory: join(projects, name), at: Math.max(...times) }];
  });
  return found.toSorted((one, other) => other.at - one.at).map(({ directory }) => directory);
}

/**
 * Stores what the files hold beyond the store, in every folder but `own`, if they hold all that is stored: others are
 * older, or went another way. Tells whether there was anything.
 */
async function storeMoved(store: SessionStore, place: TranscriptPlace, own?: string): Promise<boolean> {
  let hasStored = false;
  for (const directory of await foldersOf(place)) {
    if (directory === own) continue;
    for (const [key, file] of await localTranscripts(directory, place.sessionId)) {
      const compared = await compareTranscript(store, key, file);
      // Its sub-agents went the same way.
      if (!compared.holdsStored && key.subpath === undefined) break;
      if (!compared.holdsStored || compared.surplus.size === 0) continue;
      await appendEntries(store, key, surplusOf(compared));
      hasStored = true;
    }
  }
  return hasStored;
}

/**
 * The session goes on elsewhere: what the program's files hold beyond the store is stored, and then they are removed,
 * so that none of them is ever taken for the session. One that went another way, and holds what is not stored, is left.
 * The working directory itself may be gone.
 */
export async function leaveDirectory(store: SessionStore, place: TranscriptPlace): Promise<void> {
  const { sessionId } = place;
  await storeMoved(store, place);
  await leaveWorktree(store, sessionId);
  for (const directory of await foldersOf(place)) {
    let holdsMore = false;
    for (const [key, file] of await localTranscripts(directory, sessionId)) {
      holdsMore ||= (await compareTranscript(store, key, file)).surplus.size > 0;
    }
    if (!holdsMore) await removeFiles(directory, sessionId);
  }
}

/** A session that is in a worktree of the old directory would go on there: the program's own word for leaving it. */
async function leaveWorktree(store: SessionStore, sessionId: string): Promise<void> {
  const key = { projectKey, sessionId };
  let state: SessionStoreEntry | undefined;
  for await (const entry of storedEntries(store, key)) if (entry.type === 'worktree-state') state = entry;
  if (!state || state['worktreeSession'] === null) return;
  await store.append(key, [{ type: 'worktree-state', worktreeSession: null, sessionId }]);
}

/** Removes the program's copies, wherever it has moved them. */
export async function removeTranscript(place: TranscriptPlace): Promise<void> {
  for (const directory of await foldersOf(place)) await removeFiles(directory, place.sessionId);
}

async function removeFiles(directory: string, sessionId: string): Promise<void> {
  await rm(join(directory, `${sessionId}.jsonl`), { force: true });
  await rm(join(directory, sessionId), { recursive: true, force: true });
}

/** `onEntry` is called with every entry of the transcript as it is then, in order. */
async function reconcileFile(
  store: SessionStore,
  key: SessionKey,
  file: string,
  onEntry: (entry: SessionStoreEntry) => void = () => {},
): Promise<void> {
  const compared = await compareTranscript(store, key, file, onEntry);
  // A file that lacks something that is stored is written anew; one that is not there lacks it all.
  if (!compared.holdsStored) return writeFile(file, storedEntries(store, key));
  await appendEntries(store, key, surplusOf(compared, onEntry));
  if (!compared.isWhole) await writeFile(file, entriesIn(file, compared.size));
}

async function* entriesIn(file: string, size: number): AsyncGenerator<SessionStoreEntry, void, undefined> {
  for await (const { entry } of transcriptLines(file, size)) if (entry) yield entry;
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
