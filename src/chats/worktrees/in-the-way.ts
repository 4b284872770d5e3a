/**
 * What a step would overwrite or remove without anybody having committed it. Git keeps untracked files, but since 2.34 it takes
 * ignored ones for worthless, also a whole directory in whose place a file comes.
 */
import { lstat, readdir } from 'node:fs/promises';
import { differences } from '../changes/compare-trees.ts';
import { keyOf } from '../changes/named-files.ts';
import type { PrivateGit } from '../changes/private-git.ts';

const slash = 0x2f;

/** Paths in the working tree that are in the way of what the second commit adds to the first. */
export async function findInTheWay(own: PrivateGit, from: string, to: string): Promise<Buffer[]> {
  const entries = await differences(own, from, to);
  const removed = new Set(entries.filter(({ letter }) => letter === 'D').map(({ path }) => keyOf(path)));
  const found = new Map<string, Buffer>();
  for (const { letter, path } of entries) {
    if (letter !== 'A') continue;
    const other = await obstacle(own.repository.top, path, removed);
    if (other !== null) found.set(keyOf(other), other);
  }
  return [...found.values()];
}

async function obstacle(top: string, path: Buffer, removed: ReadonlySet<string>): Promise<Buffer | null> {
  for (let end = path.indexOf(slash); end >= 0; end = path.indexOf(slash, end + 1)) {
    const parent = path.subarray(0, end);
    const there = await lookAt(top, parent);
    if (there === null) return null;
    if (!there.isDirectory()) return removed.has(keyOf(parent)) ? null : parent;
  }
  const there = await lookAt(top, path);
  if (there === null) return null;
  return there.isDirectory() ? keptIn(top, path, removed) : path;
}

/** A file below the directory that would not be removed by the step itself. */
async function keptIn(top: string, directory: Buffer, removed: ReadonlySet<string>): Promise<Buffer | null> {
  for (const entry of await readdir(at(top, directory), { withFileTypes: true, encoding: 'buffer' })) {
    const path = Buffer.concat([directory, Buffer.of(slash), entry.name]);
    const kept = entry.isDirectory() ? await keptIn(top, path, removed) : removed.has(keyOf(path)) ? null : path;
    if (kept !== null) return kept;
  }
  return null;
}

const at = (top: string, path: Buffer): Buffer => Buffer.concat([Buffer.from(`${top}/`), path]);

const lookAt = (top: string, path: Buffer) => lstat(at(top, path)).catch(() => null);
