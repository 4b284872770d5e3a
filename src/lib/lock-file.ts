import { randomUUID } from 'node:crypto';
import {
  linkSync,
  readdirSync,
  readFileSync,
  realpathSync,
  renameSync,
  rmSync,
  statSync,
  writeFileSync,
} from 'node:fs';
import { join } from 'node:path';
import { identifyProcess, isAlive, type ProcessIdentity } from './process-identity.ts';

/**
 * A lock between processes that a dead holder cannot keep.
 *
 * Removing a dead holder's file and creating your own are two steps, and another process can come between them. So no
 * file is ever taken over: the lock is a series of files `NAME.1`, `NAME.2` …, of which the newest counts. Whoever
 * finds the newest one's holder dead, or its lock released, creates the next number, which only one process can; then
 * it removes the older ones. The newest file stays when the lock is released, so numbers never start over.
 *
 * The file also says which directory is locked. A copy of a directory contains the lock of the original, if that was locked
 * when it was copied; it is never taken. A directory that was moved or mounted elsewhere keeps its inode, and one that is
 * where it was is taken for the same, because not every file system keeps inodes.
 */
export function takeLock(directory: string, name: string): LockResult {
  const own = identifyProcess(process.pid);
  if (own === null) throw new Error('This process could not identify itself.');
  const here = identifyDirectory(directory);
  const draft = join(directory, `${name}.draft-${randomUUID()}`);
  // Linked into place atomically, so nobody ever reads half a file.
  writeFileSync(draft, JSON.stringify({ ...own, directory: here }), { mode: 0o600, flag: 'wx' });
  try {
    for (;;) {
      const newest = newestNumber(directory, name);
      if (newest > 0) {
        const holder = readHolder(join(directory, `${name}.${newest}`));
        if (holder === undefined) continue;
        if (holder !== null) {
          const { directory: locked = here, ...identity } = holder;
          if (locked.path !== here.path && locked.inode !== here.inode) {
            return { taken: false, copyOf: locked.path, file: join(directory, `${name}.${newest}`) };
          }
          if (isAlive(identity)) return { taken: false, holder: identity };
        }
      }
      const path = join(directory, `${name}.${newest + 1}`);
      if (!link(draft, path)) continue;
      if (newestNumber(directory, name) !== newest + 1) {
        // We were slow: others have moved on, and this number had become free again.
        rmSync(path, { force: true });
        continue;
      }
      removeOlder(directory, name, newest + 1);
      return { taken: true, release: () => giveBack(path) };
    }
  } finally {
    rmSync(draft, { force: true });
  }
}

export type LockResult =
  | { taken: true; release(): void }
  | { taken: false; holder: ProcessIdentity; copyOf?: undefined }
  /** The directory is a copy of this one, made while that was locked. `file` says so. */
  | { taken: false; copyOf: string; file: string };

interface DirectoryIdentity {
  path: string;
  inode: string;
}

function identifyDirectory(path: string): DirectoryIdentity {
  return { path: realpathSync(path), inode: String(statSync(path, { bigint: true }).ino) };
}

/** Earlier versions did not say which directory they had locked. */
type Holder = ProcessIdentity & { directory?: DirectoryIdentity };

function numbers(directory: string, name: string): number[] {
  return readdirSync(directory).flatMap((entry) => {
    const number = entry.startsWith(`${name}.`) ? entry.slice(name.length + 1) : '';
    return /^\d+$/.test(number) ? [Number(number)] : [];
  });
}

function newestNumber(directory: string, name: string): number {
  return Math.max(0, ...numbers(directory, name));
}

function removeOlder(directory: string, name: string, newest: number): void {
  for (const number of numbers(directory, name)) {
    if (number < newest) rmSync(join(directory, `${name}.${number}`), { force: true });
  }
}

function link(from: string, to: string): boolean {
  try {
    linkSync(from, to);
    return true;
  } catch (error) {
    if ((error as NodeJS.ErrnoException).code === 'EEXIST') return false;
    throw error;
  }
}

/** Null: released. Undefined: the file is gone, because a newer one exists. */
function readHolder(path: string): Holder | null | undefined {
  try {
    return JSON.parse(readFileSync(path, 'utf8')) as Holder | null;
  } catch (error) {
    if ((error as NodeJS.ErrnoException).code === 'ENOENT') return undefined;
    // A power failure may leave an empty file. Its holder is dead.
    if (error instanceof SyntaxError) return null;
    throw error;
  }
}

function giveBack(path: string): void {
  const free = `${path}.free-${randomUUID()}`;
  writeFileSync(free, 'null', { mode: 0o600, flag: 'wx' });
  renameSync(free, path);
}
