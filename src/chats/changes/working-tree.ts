/**
 * Writes the working tree, as it is, as a tree object: tracked files and those that are not ignored. The index that this
 * needs is kept, so that only files are read whose size or times have changed. It begins as a copy of the person's own
 * index, which stays as it is, so that the first time costs no more.
 */
import { constants, type Stats } from 'node:fs';
import { access, copyFile, lstat, readFile, realpath, rm, stat, utimes, writeFile } from 'node:fs/promises';
import { join, relative } from 'node:path';
import type { LeftOut } from '../../protocol/changes.ts';
import { joined, keyOf } from './named-files.ts';
import { shownPath, splitPaths } from './paths.ts';
import type { PrivateGit } from './private-git.ts';
import { unchangedInIndex } from './racy-files.ts';
import { stamp } from './repository.ts';

export interface WorkingTree {
  tree: string;
  leftOut: LeftOut[];
}

export interface WorkingTreeOptions {
  /** The commit that is checked out; null if there is none yet. */
  head: () => Promise<string | null>;
  /** Never part of it: the server's own files. */
  dataDir: string;
  /** Larger files are left out. */
  maxFileBytes: number;
  /** Everything has been read. */
  onRead?: () => void;
}

/** Larger files are left out, unless something else is said. */
export const maxFileBytes = 50 * 1024 * 1024;
const maxPaths = 200_000;
const maxNested = 20;
const atOnce = 64;

export async function readWorkingTree(git: PrivateGit, options: WorkingTreeOptions): Promise<WorkingTree> {
  await git.unlock();
  await begin(git, options.head);
  // Once more if a file went away meanwhile.
  const leftOut = await update(git, options).catch(() => update(git, options));
  options.onRead?.();
  return { tree: await writeTree(git), leftOut };
}

/** Writing the tree of a large index takes long, also if it was written before. */
async function writeTree(git: PrivateGit): Promise<string> {
  const notePath = `${git.index}.tree`;
  const mark = async (): Promise<string> => stamp(await stat(git.index, { bigint: true }));
  const [known, tree = ''] = (await readFile(notePath, 'utf8').catch(() => '')).split('\n');
  // Its objects may have been removed since.
  if (known === (await mark()) && (await isThere(git, tree))) return tree;
  const written = (await git.run(['write-tree', '--missing-ok'])).stdout.toString('utf8').trim();
  await writeFile(notePath, `${await mark()}\n${written}`);
  return written;
}

async function isThere(git: PrivateGit, tree: string): Promise<boolean> {
  return (await git.run(['cat-file', '-e', tree], { mayEndWith: [0, 1, 128] })).code === 0;
}

/** Makes the index, if there is none that can be used. */
async function begin(git: PrivateGit, checkedOut: () => Promise<string | null>): Promise<void> {
  const { gitDirectory, hasFilters } = git.repository;
  const from = join(gitDirectory, 'index');
  const now = await stat(from, { bigint: true }).catch(() => null);
  const mark = now ? stamp(now) : 'none';
  const markPath = `${git.index}.from`;
  const isThere = (await stat(git.index).catch(() => null)) !== null;
  // What filters have made of a file is known only to the person's index.
  if (isThere && (!hasFilters || (await readFile(markPath, 'utf8').catch(() => '')) === mark)) return;
  const refresh = ['update-index', '-q', '--refresh', '--force-write-index'];
  try {
    await rm(git.index, { force: true });
    if (now) await copyIndex(from, git.index);
    await git.run(refresh, { mayEndWith: [0, 1] });
  } catch {
    // It may be split into several files.
    await git.unlock();
    await rm(git.index, { force: true });
    const head = await checkedOut();
    await git.run(head === null ? ['read-tree', '--empty'] : ['read-tree', head]);
    await git.run(refresh, { mayEndWith: [0, 1] });
  }
  await writeFile(markPath, mark);
}

/** Its time says which files may have changed since without being noticed, so the copy has it too. */
export async function copyIndex(from: string, to: string): Promise<void> {
  const { mtimeMs } = await stat(from);
  await copyFile(from, to);
  const seconds = Math.floor(mtimeMs / 1_000);
  await utimes(to, seconds, seconds);
}

/** Brings the index up to date. */
async function update(git: PrivateGit, { dataDir, maxFileBytes }: WorkingTreeOptions): Promise<LeftOut[]> {
  const [tracked, others] = await Promise.all([
    git.run(['diff-files', '-z', '--name-status', '--no-renames', '--ignore-submodules=dirty']),
    git.run(['ls-files', '-z', '--others', '--exclude-standard']),
  ]);
  if (tracked.isCut || others.isCut) throw tooMany();
  const own = relative(git.repository.top, await realpath(dataDir));
  const isOurs = (path: Buffer): boolean => {
    const text = path.toString('utf8');
    return text === own || text.startsWith(`${own}/`);
  };
  const untracked = splitPaths(others.stdout).filter((path) => !isOurs(path));
  const removed: Buffer[] = [];
  const modified: Buffer[] = [];
  const entries = splitPaths(tracked.stdout);
  for (let at = 0; at + 1 < entries.length; at += 2) {
    const path = entries[at + 1]!;
    if (!isOurs(path)) (entries[at]!.toString('latin1') === 'D' ? removed : modified).push(path);
  }
  const unchanged = await unchangedInIndex(git, modified);
  const added = [
    ...untracked.filter((path) => !isNested(path)),
    ...modified.filter((path) => !unchanged.has(keyOf(path))),
  ];
  if (removed.length + added.length > maxPaths) throw tooMany();
  const { taken, leftOut } = await sift(git.repository.top, added, maxFileBytes);
  if (removed.length > 0) {
    const none = '0'.repeat(git.repository.objectFormat === 'sha256' ? 64 : 40);
    const lines = removed.map((path) => Buffer.concat([Buffer.from(`0 ${none}\t`), path]));
    await git.run(['update-index', '-z', '--index-info'], { input: joined(lines) });
  }
  if (taken.length > 0) {
    await git.run(['update-index', '--add', '--remove', '--replace', '-z', '--stdin'], { input: joined(taken) });
  }
  // Another repository inside, which may have no commit.
  for (const path of untracked.filter(isNested).slice(0, maxNested)) {
    const input = joined([path.subarray(0, -1)]);
    await git.run(['update-index', '--add', '--replace', '-z', '--stdin'], { input, mayEndWith: [0, 1, 128] });
  }
  return leftOut;
}

const isNested = (path: Buffer): boolean => path.at(-1) === 0x2f;
const tooMany = (): Error => new Error(`More than ${maxPaths} files have changed or are not tracked`);

/** Which files can be read, and are not too large. */
async function sift(
  top: string,
  paths: readonly Buffer[],
  maxFileBytes: number,
): Promise<{ taken: Buffer[]; leftOut: LeftOut[] }> {
  const verdicts: (LeftOut | null)[] = [];
  const base = Buffer.from(`${top}/`);
  let next = 0;
  const work = async (): Promise<void> => {
    for (let at = next++; at < paths.length; at = next++) {
      const path = paths[at]!;
      verdicts[at] = await verdict(path, Buffer.concat([base, path]), maxFileBytes);
    }
  };
  await Promise.all(Array.from({ length: atOnce }, work));
  return {
    taken: paths.filter((_, at) => verdicts[at] === null),
    leftOut: verdicts.filter((each) => each !== null),
  };
}

async function verdict(path: Buffer, full: Buffer, maxFileBytes: number): Promise<LeftOut | null> {
  const found: Stats | null = await lstat(full).catch(() => null);
  if (!found?.isFile()) return null;
  if (found.size > maxFileBytes) return { ...shownPath(path), bytes: found.size, reason: 'too_large' };
  const isReadable = await access(full, constants.R_OK).then(
    () => true,
    () => false,
  );
  return isReadable ? null : { ...shownPath(path), bytes: found.size, reason: 'unreadable' };
}
