import { mkdirSync, statSync } from 'node:fs';
import { dirname, resolve } from 'node:path';

/**
 * Creates a directory, private to its owner, with missing parents; returns what it created, outermost first. Step by
 * step, because Node's recursive mkdir never returns if the parent exists but accepts no directories, such as `/proc`.
 */
export function makeDirectory(path: string): string[] {
  const missing: string[] = [];
  for (let at = resolve(path); !isThere(at); at = dirname(at)) missing.unshift(at);
  return missing.filter((each) => {
    try {
      mkdirSync(each, { mode: 0o700 });
      return true;
    } catch (error) {
      // Another process was faster.
      if ((error as NodeJS.ErrnoException).code === 'EEXIST' && statSync(each).isDirectory()) return false;
      throw error;
    }
  });
}

function isThere(path: string): boolean {
  const found = statSync(path, { throwIfNoEntry: false });
  if (found === undefined) return false;
  if (found.isDirectory()) return true;
  throw Object.assign(new Error(`${path} is not a directory.`), { code: 'ENOTDIR' });
}
