/**
 * The program's own copy of a session, a JSONL file below its config directory, and how it meets the stored one.
 *
 * The program resumes from its file. Postgres is the transcript; but a file on this machine may be ahead of it, by what
 * the program wrote while the host was dying. So: a file that holds everything stored has its surplus stored; any other
 * file, or none, is written anew from the store.
 */
import { statSync } from 'node:fs';
import { mkdir, readdir, readFile, realpath, rename, rm, writeFile } from 'node:fs/promises';
import { homedir } from 'node:os';
import { dirname, join } from 'node:path';
import type { SessionKey, SessionStore, SessionStoreEntry } from '@anthropic-ai/claude-agent-sdk';

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

/**
 * Makes file and store agree before a session is opened. Returns the entries, or null for a session in which nothing was
 * said yet: the program refuses to resume it, and to begin it anew while its file is there.
 */
export async function reconcileTranscript(
  store: SessionStore,
  place: TranscriptPlace,
): Promise<SessionStoreEntry[] | null> {
  const entries = await reconcileFiles(store, place);
  // The program may have moved them in mid-session, and died there.
  return (await storeMoved(store, place, await projectDirectory(place))) ? reconcileFiles(store, place) : entries;
}

async function reconcileFiles(store: SessionStore, place: TranscriptPlace): Promise<SessionStoreEntry[] | null> {
  const { sessionId } = place;
  const directory = await projectDirectory(place);
  const file = join(directory, `${sessionId}.jsonl`);
  const main = await reconcileFile(store, { projectKey, sessionId }, file);
  if (!main?.some((entry) => entry.type === 'user' || entry.type === 'assistant')) {
    await rm(file, { force: true });
    return null;
  }
  for (const [key, file] of await subTranscripts(store, directory, sessionId)) await reconcileFile(store, key, file);
  return main;
}

/**
 * Stores what the files hold beyond the store. For a session that is open: the program writes to its files, so that
 * nobody else may.
 */
export async function storeSurplus(store: SessionStore, place: TranscriptPlace): Promise<void> {
  const { sessionId } = place;
  // The program takes its files along when it enters a worktree: those it writes to were written last.
  const directory = (await foldersOf(place))[0] ?? (await projectDirectory(place));
  for (const [key, file] of await transcriptsIn(store, directory, sessionId)) {
    // The file first: what the mirror stores meanwhile is then no surplus.
    const local = await readEntries(file);
    const { surplus } = compareEntries(local?.entries ?? [], (await store.load(key)) ?? []);
    if (surplus.length > 0) await store.append(key, surplus);
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

function transcriptsIn(store: SessionStore, directory: string, sessionId: string): Promise<Transcript[]> {
  const main: Transcript = [{ projectKey, sessionId }, join(directory, `${sessionId}.jsonl`)];
  return subTranscripts(store, directory, sessionId).then((subs) => [main, ...subs]);
}

/** The folders that hold files of the session, of whichever working directory, the one written to last first. */
async function foldersOf({ configDir, sessionId }: TranscriptPlace): Promise<string[]> {
  const projects = join(configDir, 'projects');
  const names = await readdir(projects).catch((error: NodeJS.ErrnoException): string[] => {
    if (error.code === 'ENOENT') return [];
    throw error;
  });
  const found = names.flatMap((name) => {
    const directory = join(projects, name);
    const times = [`${sessionId}.jsonl`, sessionId].flatMap(
      (own) => statSync(join(directory, own), { throwIfNoEntry: false })?.mtimeMs ?? [],
    );
    return times.length === 0 ? [] : [{ directory, at: Math.max(...times) }];
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
    for (const [key, file] of await transcriptsIn(store, directory, place.sessionId)) {
      const local = await readEntries(file);
      if (local === null) continue;
      const { surplus, holdsStored } = compareEntries(local.entries, (await store.load(key)) ?? []);
      // Its sub-agents went the same way.
      if (!holdsStored && key.subpath === undefined) break;
      if (!holdsStored || surplus.length === 0) continue;
      await store.append(key, surplus);
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
    for (const [key, file] of await transcriptsIn(store, directory, sessionId)) {
      const local = await readEntries(file);
      const { surplus } = compareEntries(local?.entries ?? [], (await store.load(key)) ?? []);
      if (surplus.length > 0) holdsMore = true;
    }
    if (!holdsMore) await removeFiles(directory, sessionId);
  }
}

/** A session that is in a worktree of the old directory would go on there: the program's own word for leaving it. */
async function leaveWorktree(store: SessionStore, sessionId: string): Promise<void> {
  const key = { projectKey, sessionId };
  const state = (await store.load(key))?.findLast((entry) => entry.type === 'worktree-state');
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

async function reconcileFile(store: SessionStore, key: SessionKey, file: string): Promise<SessionStoreEntry[] | null> {
  const [stored, local] = await Promise.all([store.load(key), readEntries(file)]);
  if (local === null) {
    if (stored !== null) await writeEntries(file, stored);
    return stored;
  }
  const { surplus, holdsStored } = compareEntries(local.entries, stored ?? []);
  if (!holdsStored) {
    await writeEntries(file, stored ?? []);
    return stored;
  }
  const whole = [...(stored ?? []), ...surplus];
  if (surplus.length > 0) await store.append(key, surplus);
  if (!local.isWhole) await writeEntries(file, local.entries);
  return whole;
}

/** What `local` holds beyond `stored`, in order, and whether it holds all that is stored. */
export function compareEntries(
  local: readonly SessionStoreEntry[],
  stored: readonly SessionStoreEntry[],
): { surplus: SessionStoreEntry[]; holdsStored: boolean } {
  const identity = (entry: SessionStoreEntry): string => entry.uuid ?? JSON.stringify(entry);
  const missing = new Map<string, number>();
  for (const entry of stored) missing.set(identity(entry), (missing.get(identity(entry)) ?? 0) + 1);
  const surplus = local.filter((entry) => {
    const count = missing.get(identity(entry)) ?? 0;
    if (count > 1) missing.set(identity(entry), count - 1);
    else missing.delete(identity(entry));
    return count === 0 && !isLocal(entry);
  });
  return { surplus, holdsStored: missing.size === 0 };
}

/** The program's records of its own requests: large, of no use to a resume, and never mirrored. */
function isLocal(entry: SessionStoreEntry): boolean {
  return entry.type.startsWith('api-request');
}

/** `isWhole` is false when the file ends in the middle of a line, as a killed program leaves it. */
async function readEntries(file: string): Promise<{ entries: SessionStoreEntry[]; isWhole: boolean } | null> {
  let text: string;
  try {
    text = await readFile(file, 'utf8');
  } catch (error) {
    if ((error as NodeJS.ErrnoException).code === 'ENOENT') return null;
    throw error;
  }
  let isWhole = text === '' || text.endsWith('\n');
  const entries = text.split('\n').flatMap((line) => {
    if (line.trim() === '') return [];
    try {
      return [JSON.parse(line) as SessionStoreEntry];
    } catch {
      isWhole = false;
      return [];
    }
  });
  return { entries, isWhole };
}

async function writeEntries(file: string, entries: readonly SessionStoreEntry[]): Promise<void> {
  await mkdir(dirname(file), { recursive: true, mode: 0o700 });
  const fresh = `${file}.${process.pid}.tmp`;
  await writeFile(fresh, entries.map((entry) => `${JSON.stringify(entry)}\n`).join(''), { mode: 0o600 });
  await rename(fresh, file);
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
