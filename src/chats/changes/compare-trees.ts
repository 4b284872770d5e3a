/** What differs between two trees, with lines counted and renames found as long as there are not too many files. */
import { isUtf8 } from 'node:buffer';
import { rm } from 'node:fs/promises';
import { join } from 'node:path';
import type { ChangedFile } from '../../protocol/changes.ts';
import { keyOf } from './named-files.ts';
import { shownPath, splitPaths } from './paths.ts';
import type { PrivateGit } from './private-git.ts';

/** A file on both sides; renamed, it has two paths. */
export interface Entry {
  modes: [string, string];
  objects: [string, string];
  letter: string;
  oldPath: Buffer;
  path: Buffer;
}

export interface Comparison {
  files: ChangedFile[];
  count: number;
  isTruncated: boolean;
}

const maxFiles = 3_000;
const maxDiffBytes = 1024 * 1024;
const maxAllBytes = 4 * 1024 * 1024;
const plain = ['diff-tree', '-r', '-z', '--raw', '--no-abbrev', '--no-renames'];
const withRenames = ['-M', `-l${maxFiles}`, '--no-rename-empty'];
// Nothing that these name is known here, so this only says it once more.
const harmless = ['--no-ext-diff', '--no-textconv', '--no-color', '--src-prefix=a/', '--dst-prefix=b/'];
const statuses: Readonly<Record<string, ChangedFile['status']>> = {
  A: 'added',
  C: 'added',
  D: 'deleted',
  M: 'modified',
  R: 'renamed',
  T: 'type_changed',
};

export async function compareTrees(git: PrivateGit, from: string, to: string): Promise<Comparison> {
  const { entries, isTruncated } = await entriesOf(git, from, to);
  if (isTruncated) {
    const files = entries.slice(0, maxFiles).map((entry) => fileOf(entry, null));
    return { files, count: entries.length, isTruncated };
  }
  if (entries.length === 0) return { files: [], count: 0, isTruncated };
  const counted = await git.run(['diff-tree', '-r', '-z', '--numstat', ...withRenames, ...harmless, from, to]);
  const counts = readCounts(splitPaths(counted.stdout));
  return {
    files: entries.map((entry) => fileOf(entry, counts.get(keyOf(entry.path)) ?? null)),
    count: entries.length,
    isTruncated,
  };
}

/** The unified diff of one file. It compares two trees with that file alone, so no path is ever a pattern. */
export async function diffOfFile(git: PrivateGit, from: string, to: string, path: Buffer) {
  const { entries } = await entriesOf(git, from, to);
  const entry = entries.find((each) => each.path.equals(path));
  if (!entry) return { file: null, ...textOf(Buffer.alloc(0), false) };
  const [one, other] = [
    await treeWith(git, entry.modes[0], entry.objects[0], entry.oldPath),
    await treeWith(git, entry.modes[1], entry.objects[1], entry.path),
  ];
  const { files } = await compareTrees(git, one, other);
  const diff = await git.run(['diff-tree', '-r', '-p', ...withRenames, ...harmless, one, other], {
    maxBytes: maxDiffBytes,
  });
  return { file: files[0] ?? fileOf(entry, null), ...textOf(diff.stdout, diff.isCut) };
}

/** The unified diff of all files. */
export async function diffOfAll(git: PrivateGit, from: string, to: string) {
  const { isTruncated } = await entriesOf(git, from, to);
  const renames = isTruncated ? ['--no-renames'] : withRenames;
  const diff = await git.run(['diff-tree', '-r', '-p', ...renames, ...harmless, from, to], { maxBytes: maxAllBytes });
  return { file: null, ...textOf(diff.stdout, diff.isCut) };
}

/** Git reads an index even to compare two trees, which takes long for a large one. Only attributes are looked up there. */
const withoutIndex = (git: PrivateGit) => ({ index: join(git.folder, 'no-index') });

/** All that differs, without renames. */
export async function differences(git: PrivateGit, from: string, to: string): Promise<Entry[]> {
  const raw = await git.run([...plain, from, to], withoutIndex(git));
  if (raw.isCut) throw new Error('Too many files have changed');
  return readEntries(splitPaths(raw.stdout));
}

export async function entriesOf(
  git: PrivateGit,
  from: string,
  to: string,
): Promise<{ entries: Entry[]; isTruncated: boolean }> {
  const all = readEntries(splitPaths((await git.run([...plain, from, to], withoutIndex(git))).stdout));
  if (all.length > maxFiles) return { entries: all, isTruncated: true };
  const isOneSided = all.some(({ letter }) => letter === 'A') && all.some(({ letter }) => letter === 'D');
  if (!isOneSided) return { entries: all, isTruncated: false };
  const found = await git.run(
    ['diff-tree', '-r', '-z', '--raw', '--no-abbrev', ...withRenames, from, to],
    withoutIndex(git),
  );
  return { entries: readEntries(splitPaths(found.stdout)), isTruncated: false };
}

export function readEntries(parts: readonly Buffer[]): Entry[] {
  const entries: Entry[] = [];
  for (let at = 0; at < parts.length;) {
    const [before = '', after = '', one = '', other = '', how = ''] = parts[at++]!.toString('latin1')
      .slice(1)
      .split(' ');
    const letter = how.slice(0, 1);
    const oldPath = parts[at++];
    const path = letter === 'R' || letter === 'C' ? parts[at++] : oldPath;
    if (oldPath && path) entries.push({ modes: [before, after], objects: [one, other], letter, oldPath, path });
  }
  return entries;
}

type Counts = [added: number, removed: number] | 'binary';

/** By path. A renamed file has an empty path, and both follow. */
function readCounts(parts: readonly Buffer[]): Map<string, Counts> {
  const counts = new Map<string, Counts>();
  for (let at = 0; at < parts.length;) {
    const text = parts[at++]!.toString('latin1');
    const [, added = '', removed = '', rest = ''] = /^(\S+)\t(\S+)\t([^]*)$/.exec(text) ?? [];
    if (rest === '') at += 1;
    const path = rest === '' ? keyOf(parts[at++] ?? Buffer.alloc(0)) : rest;
    counts.set(path, added === '-' ? 'binary' : [Number(added), Number(removed)]);
  }
  return counts;
}

export const submodule = '160000';

function fileOf({ modes, objects, letter, oldPath, path }: Entry, counts: Counts | null): ChangedFile {
  const isSubmodule = modes.includes(submodule);
  const [added, removed] = counts === null || counts === 'binary' || isSubmodule ? [null, null] : counts;
  const old = letter === 'R' ? shownPath(oldPath) : undefined;
  return {
    ...shownPath(path),
    ...(old && { oldPath: old.path, ...(old.pathBytes !== undefined && { oldPathBytes: old.pathBytes }) }),
    status: statuses[letter] ?? 'modified',
    added,
    removed,
    isBinary: counts === 'binary',
    isSubmodule,
    content: modes[1] === noMode ? null : objects[1],
  };
}

export const noMode = '000000';

export async function treeWith(git: PrivateGit, mode: string, object: string, path: Buffer): Promise<string> {
  const index = join(git.folder, 'one-file');
  await Promise.all([rm(index, { force: true }), rm(`${index}.lock`, { force: true })]);
  if (mode === noMode) await git.run(['read-tree', '--empty'], { index });
  else {
    const input = Buffer.concat([Buffer.from(`${mode} ${object}\t`), path, Buffer.of(0)]);
    await git.run(['update-index', '-z', '--index-info'], { index, input });
  }
  const tree = await git.run(['write-tree', '--missing-ok'], { index });
  await rm(index, { force: true });
  return tree.stdout.toString('utf8').trim();
}

function textOf(output: Buffer, isCut: boolean) {
  // Whole lines only.
  const whole = isCut ? output.subarray(0, output.lastIndexOf(0x0a) + 1) : output;
  const isLossy = !isUtf8(whole);
  const diff = whole.toString('utf8');
  return { diff, isTruncated: isCut, isLossy, ...(isLossy && { diffBytes: whole.toString('base64') }) };
}
