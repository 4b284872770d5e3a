/** Files for parsers that read files. The directory is made with the first one: the list is also read without running any. */
import { mkdirSync, mkdtempSync, rmSync } from 'node:fs';
import { tmpdir } from 'node:os';
import { dirname, join } from 'node:path';

let directory: string | undefined;

export function place(...names: string[]): string {
  directory ??= mkdtempSync(join(tmpdir(), 'boocode-fuzz-'));
  const path = join(directory, ...names);
  mkdirSync(dirname(path), { recursive: true });
  return path;
}

export function removePlaces(): void {
  if (directory !== undefined) rmSync(directory, { recursive: true, force: true });
  directory = undefined;
}
