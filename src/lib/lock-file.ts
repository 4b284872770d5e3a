import { randomUUID } from 'node:crypto';
import { linkSync, readdirSync, readFileSync, renameSync, rmSync, writeFileSync } from 'node:fs';
import { join } from 'node:path';
import { identifyProcess, isAlive, type ProcessIdentity } from './process-identity.ts';

/**
 * A lock between processes that a dead holder cannot keep.
 *
 * Removing a dead holder's file and creating your own are two steps, and another process can come between them. So no
 * file is ever taken over: the lock is a series of files `NAME.1`, `NAME.2` …, of which the newest counts. Whoever
 * finds the newest one's holder dead, or its lock released, creates the next number, which only one process can; then
 * it removes the older ones. The newest file stays when the lock is released, so numbers never start over.
 */
export function takeLock(directory: string, name: string): LockResult {
  const own = identifyProcess(process.pid);
  if (own === null) throw new Error('This process could not identify itself.');
  const draft = join(directory, `${name}.draft-${randomUUID()}`);
  // Linked into place atomically, so nobody ever reads half a file.
  writeFileSync(draft, JSON.stringify(own), { mode: 0o600, flag: 'wx' });
  try {
    for (;;) {
      const newest = newestNumber(directory, name);
      if (newest > 0) {
        const holder = readHolder(join(directory, `${name}.${newest}`));
        if (holder === undefined) continue;
        if (holder !== null && isAlive(holder)) return { taken: false, holder };
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

export type LockResult = { taken: true; release(): void } | { taken: false; holder: ProcessIdentity };

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
function readHolder(path: string): ProcessIdentity | null | undefined {
  try {
    return JSON.parse(readFileSync(path, 'utf8')) as ProcessIdentity | null;
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
