import { mkdirSync, statSync } from 'node:fs';
import { dirname, resolve } from 'node:path';

/**
 * Makes a directory, for its owner alone, with what is missing above it; returns what it made, outermost first. Step by
 * step: Node's own recursive one never comes back where the parent is there and takes no directory, as `/proc`.
 */
export function makeDirectory(path: string): string[] {
  const missing: string[] = [];
  for (let at = resolve(path); !isThere(at); at = dirname(at)) missing.unshift(at);
  return missing.filter((each) => {
    try {
      mkdirSync(each, { mode: 0o700 });
      return true;
    } catch (error) {
      // Another process was quicker.
      if ((error as NodeJS.ErrnoException).code === 'EEXIST' && statSync(each).isDirectory()) return false;
      throw error;
    }
  });
}

function isThere(path: string): boolean {
  const found = statSync(path, { throwIfNoEntry: false });
  if (found === undefined) return false;
  if (found.isDirectory()) return true;
  throw Object.assign(new Error(`${path} is no directory.`), { code: 'ENOTDIR' });
}
