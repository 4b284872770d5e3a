/**
 * Files inside a directory, read and written without following any link: an agent may have put one there. Windows has no
 * flag for that.
 */
import { constants, type Stats } from 'node:fs';
import { type FileHandle, lstat, mkdir, open, readdir, rename, rm } from 'node:fs/promises';
import { dirname, join, relative, sep } from 'node:path';

export interface PlainFile {
  /** Relative to the listed directory, with '/' between its parts. */
  name: string;
  path: string;
  /** In bytes. */
  size: number;
  mtimeMs: number;
}

/** All plain files below `directory`; none if it, or a directory between it and `base`, is a link or missing. */
export async function listPlainFiles(base: string, directory: string): Promise<PlainFile[]> {
  if (!(await isPlainDirectory(base, directory))) return [];
  const entries = await readdir(directory, { recursive: true, withFileTypes: true }).catch(ifMissing<never[]>([]));
  const files: PlainFile[] = [];
  for (const entry of entries) {
    if (!entry.isFile()) continue;
    const path = join(entry.parentPath, entry.name);
    const found = await stateOf(path);
    if (found?.isFile() !== true) continue;
    const name = relative(directory, path).split(sep).join('/');
    files.push({ name, path, size: found.size, mtimeMs: found.mtimeMs });
  }
  return files;
}

/** The file; null if there is none, or only behind a link. */
export async function findPlainFile(base: string, path: string): Promise<Stats | null> {
  const found = (await isPlainDirectory(base, dirname(path))) ? await stateOf(path) : null;
  return found?.isFile() === true ? found : null;
}

/** What is there, without following a link; null for nothing. */
function stateOf(path: string): Promise<Stats | null> {
  return lstat(path).catch(ifMissing(null));
}

/** Null if it is no plain file, or longer than that. */
export async function readPlainFile(path: string, maxBytes: number): Promise<Buffer | null> {
  const handle = await open(path, constants.O_RDONLY | noFollow | (constants.O_NONBLOCK ?? 0));
  try {
    const found = await handle.stat();
    return found.isFile() && found.size <= maxBytes ? await readStart(handle, found.size) : null;
  } finally {
    await handle.close();
  }
}

/** What it was when its size was read: it may still grow. */
async function readStart(handle: FileHandle, size: number): Promise<Buffer> {
  const content = Buffer.alloc(size);
  let length = 0;
  while (length < size) {
    const { bytesRead } = await handle.read(content, length, size - length, length);
    if (bytesRead === 0) break;
    length += bytesRead;
  }
  return content.subarray(0, length);
}

/**
 * Writes the file, readable by its owner only, and the directories between it and `base`. Rejects if one of them is a
 * link, or if something else than a plain file is in its place.
 */
export async function writePlainFile(base: string, path: string, content: Uint8Array, mtimeMs: number): Promise<void> {
  await makePlainDirectory(base, dirname(path));
  const found = await stateOf(path);
  if (found && !found.isFile()) throw new Error(`${path} is not a plain file.`);
  const fresh = `${path}.${process.pid}.tmp`;
  await rm(fresh, { force: true });
  const handle = await open(fresh, constants.O_WRONLY | constants.O_CREAT | constants.O_EXCL | noFollow, 0o600);
  try {
    await handle.writeFile(content);
    await handle.utimes(mtimeMs / 1000, mtimeMs / 1000);
    await handle.close();
    await rename(fresh, path);
  } catch (error) {
    await handle.close().catch(() => undefined);
    await rm(fresh, { force: true });
    throw error;
  }
}

const noFollow = constants.O_NOFOLLOW ?? 0;

async function isPlainDirectory(base: string, directory: string): Promise<boolean> {
  for (const path of pathsDown(base, directory)) {
    if ((await stateOf(path))?.isDirectory() !== true) return false;
  }
  return true;
}

async function makePlainDirectory(base: string, directory: string): Promise<void> {
  await mkdir(base, { recursive: true, mode: 0o700 });
  for (const path of pathsDown(base, directory)) {
    const found = await stateOf(path);
    if (found === null) await mkdir(path, { mode: 0o700 });
    else if (!found.isDirectory()) throw new Error(`${path} is a link, or not a directory.`);
  }
}

/** The directories below `base`, down to and including `directory`. */
function pathsDown(base: string, directory: string): string[] {
  let path = base;
  return relative(base, directory)
    .split(sep)
    .filter(Boolean)
    .map((name) => (path = join(path, name)));
}

function ifMissing<T>(instead: T): (error: NodeJS.ErrnoException) => T {
  return (error) => {
    if (error.code === 'ENOENT' || error.code === 'ENOTDIR') return instead;
    throw error;
  };
}
