/**
 * The directories of a working tree, for who writes there. No symbolic link is ever followed, also if one is put in the place
 * of a directory meanwhile: on Linux every step begins at an open directory.
 */
import { constants, existsSync } from 'node:fs';
import { type FileHandle, lstat, mkdir, open } from 'node:fs/promises';

const slash = 0x2f;
const isPinned = process.platform === 'linux' && existsSync('/proc/self/fd');
const asDirectory = constants.O_RDONLY | constants.O_DIRECTORY | constants.O_NOFOLLOW;

export interface InFolder {
  /** The path of the file itself. */
  readonly path: Buffer;
}

export class TreeFolder {
  readonly #top: Buffer;

  constructor(top: string) {
    this.#top = Buffer.from(top);
  }

  /**
   * Runs the task in the directory of this file, which is created if wanted. Null if there is none, or something else is in
   * its place.
   */
  async at<T>(path: Buffer, task: (at: InFolder) => Promise<T>, { creates = false } = {}): Promise<T | null> {
    const names = namesOf(path);
    if (!names) return null;
    const handles: FileHandle[] = [];
    try {
      let here = await enter(this.#top, handles);
      for (const name of names.slice(0, -1)) {
        const next = join(here, name);
        let found = await enterIfThere(next, handles);
        if (found === null && creates && (await isFree(next))) {
          await mkdir(next);
          found = await enterIfThere(next, handles);
        }
        if (found === null) return null;
        here = found;
      }
      return await task({ path: join(here, names.at(-1)!) });
    } finally {
      await Promise.all(handles.map((handle) => handle.close()));
    }
  }
}

async function enter(path: Buffer, handles: FileHandle[]): Promise<Buffer> {
  if (!isPinned) {
    if (!(await lstat(path)).isDirectory()) throw Object.assign(new Error('not a directory'), { code: 'ENOTDIR' });
    return path;
  }
  const handle = await open(path, asDirectory);
  handles.push(handle);
  return Buffer.from(`/proc/self/fd/${handle.fd}`);
}

async function enterIfThere(path: Buffer, handles: FileHandle[]): Promise<Buffer | null> {
  try {
    return await enter(path, handles);
  } catch (error) {
    const { code } = error as NodeJS.ErrnoException;
    if (code === 'ENOENT' || code === 'ENOTDIR' || code === 'ELOOP') return null;
    throw error;
  }
}

const isFree = async (path: Buffer): Promise<boolean> => (await lstat(path).catch(() => null)) === null;

const join = (directory: Buffer, name: Buffer): Buffer => Buffer.concat([directory, Buffer.of(slash), name]);

/** Null if the path leads elsewhere, or into a git directory. */
function namesOf(path: Buffer): Buffer[] | null {
  const names: Buffer[] = [];
  for (let from = 0; from <= path.length;) {
    const end = path.indexOf(slash, from);
    names.push(path.subarray(from, end < 0 ? path.length : end));
    if (end < 0) break;
    from = end + 1;
  }
  const isPlain = (name: Buffer): boolean => !['', '.', '..', '.git'].includes(name.toString('latin1').toLowerCase());
  return names.every(isPlain) ? names : null;
}
