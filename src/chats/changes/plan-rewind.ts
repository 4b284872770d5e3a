/**
 * What has to change in a working tree for it to be as it was at a snapshot. Nothing is overwritten or removed of which the
 * present state is not recorded as well, and what the snapshot does not have for sure stays.
 */
import { lstat, mkdir, rm } from 'node:fs/promises';
import { join } from 'node:path';
import type { LeftOut } from '../../protocol/changes.ts';
import type { KeptFile, KeptReason } from '../../protocol/rewind.ts';
import { differences, type Entry, noMode, submodule } from './compare-trees.ts';
import { keyOf } from './named-files.ts';
import { shownPath, splitPaths } from './paths.ts';
import type { PrivateGit } from './private-git.ts';
import type { Snapshot } from './snapshot-refs.ts';
import { TreeFolder } from './tree-folder.ts';
import type { WorkingTree } from './working-tree.ts';

export interface RewindPlan {
  /** As they were then. */
  writes: Entry[];
  removals: Entry[];
  kept: KeptFile[];
  /** The working tree after it. */
  tree: string;
  /** An index with that tree. */
  index: string;
}

const isRemoval = ({ modes }: Entry): boolean => modes[1] === noMode;

export async function planRewind(git: PrivateGit, now: WorkingTree, then: Snapshot): Promise<RewindPlan> {
  const index = join(git.folder, 'rewind-index');
  const entries = await differences(git, now.tree, then.oid);
  const reasons = await findReasons(git, entries, [...now.leftOut, ...then.leftOut]);
  const all = (): Entry[] => entries.filter(({ path }) => !reasons.has(keyOf(path)));
  await writeIndex(git, index, now.tree, all());
  if (git.repository.hasFilters) {
    for (const where of [[], ['--cached']])
      for (const path of await filtered(git, index, all(), where)) reasons.set(path, 'filtered');
  }
  for (const path of await ignoredThen(git, index, all())) reasons.set(path, 'ignored');
  const changing = all();
  const tree = await writeIndex(git, index, now.tree, changing);
  const left = entries.flatMap(({ path }): KeptFile[] => {
    const reason = reasons.get(keyOf(path));
    return reason === undefined ? [] : [{ ...shownPath(path), reason }];
  });
  const others = [...now.leftOut, ...then.leftOut].map(({ path, pathBytes, reason }): KeptFile => {
    return { path, ...(pathBytes !== undefined && { pathBytes }), reason };
  });
  const kept = [...new Map([...others, ...left].map((file) => [file.pathBytes ?? file.path, file])).values()];
  return {
    writes: changing.filter((entry) => !isRemoval(entry)),
    removals: changing.filter(isRemoval),
    kept: kept.toSorted((one, other) => (one.path < other.path ? -1 : 1)),
    tree,
    index,
  };
}

/** Why files stay as they are, by path. */
async function findReasons(
  git: PrivateGit,
  entries: readonly Entry[],
  leftOut: readonly LeftOut[],
): Promise<Map<string, KeptReason>> {
  const links = entries.filter(({ modes }) => modes.includes(submodule)).map(({ path }) => keyOf(path));
  const large = new Map(
    leftOut.map(({ path, pathBytes, reason }) => [
      keyOf(pathBytes === undefined ? Buffer.from(path) : Buffer.from(pathBytes, 'base64url')),
      reason,
    ]),
  );
  const outside = await notCheckedOut(git);
  const folder = new TreeFolder(git.repository.top);
  const reasons = new Map<string, KeptReason>();
  for (const { path, modes } of entries) {
    const key = keyOf(path);
    const reason =
      large.get(key) ??
      (links.some((link) => key === link || key.startsWith(`${link}/`)) ? 'submodule' : undefined) ??
      (outside.has(key) ? 'outside' : undefined) ??
      (modes[0] === noMode && (await isTaken(folder, path)) ? 'ignored' : undefined);
    if (reason !== undefined) reasons.set(key, reason);
  }
  return reasons;
}

/** There is a file of which nothing is recorded. */
async function isTaken(folder: TreeFolder, path: Buffer): Promise<boolean> {
  const found = await folder.at(path, (at) => lstat(at.path).catch(() => null));
  return found !== null && !found.isDirectory();
}

async function notCheckedOut(git: PrivateGit): Promise<ReadonlySet<string>> {
  const isSparse = git.repository.settings.some(([name, value]) => name === 'core.sparsecheckout' && value !== 'false');
  if (!isSparse) return new Set();
  const listed = splitPaths((await git.run(['ls-files', '-z', '-t'])).stdout);
  return new Set(listed.flatMap((line) => (line[0] === 0x53 ? [keyOf(line.subarray(2))] : [])));
}

/** The present tree with the changes made. */
async function writeIndex(git: PrivateGit, index: string, from: string, entries: readonly Entry[]): Promise<string> {
  await Promise.all([rm(index, { force: true }), rm(`${index}.lock`, { force: true })]);
  await git.run(['read-tree', from], { index });
  const none = '0'.repeat(git.repository.objectFormat === 'sha256' ? 64 : 40);
  // First what goes, because a file may be where a directory was.
  const lines = entries
    .toSorted((one, other) => Number(isRemoval(other)) - Number(isRemoval(one)))
    .map(({ modes, objects, path }) => {
      const line = modes[1] === noMode ? `0 ${none}\t` : `${modes[1]} ${objects[1]}\t`;
      return Buffer.concat([Buffer.from(line), path, Buffer.of(0)]);
    });
  if (lines.length > 0)
    await git.run(['update-index', '--replace', '-z', '--index-info'], { index, input: Buffer.concat(lines) });
  return (await git.run(['write-tree', '--missing-ok'], { index })).stdout.toString('utf8').trim();
}

/** A filter may store something else than what is in the working tree. */
async function filtered(
  git: PrivateGit,
  index: string,
  entries: readonly Entry[],
  where: readonly string[],
): Promise<string[]> {
  if (entries.length === 0) return [];
  const told = await git.run(['check-attr', ...where, '-z', '--stdin', 'filter'], { index, input: joined(entries) });
  const parts = splitPaths(told.stdout);
  return parts.flatMap((path, at) => {
    const value = parts[at + 2]?.toString('latin1');
    return at % 3 === 0 && value !== 'unspecified' && value !== 'unset' ? [keyOf(path)] : [];
  });
}

/** Files that would go, but were ignored then, so that it is not known whether they were there. */
async function ignoredThen(git: PrivateGit, index: string, entries: readonly Entry[]): Promise<string[]> {
  const rules = (path: Buffer): boolean => /(^|\/)\.gitignore$/.test(keyOf(path));
  const removals = entries.filter(isRemoval);
  if (removals.length === 0 || !entries.some(({ path }) => rules(path))) return [];
  const workTree = join(git.folder, 'rules');
  await rm(workTree, { recursive: true, force: true });
  await mkdir(workTree, { mode: 0o700 });
  try {
    const listed = splitPaths((await git.run(['ls-files', '-z'], { index })).stdout).filter(rules);
    const input = Buffer.concat(listed.flatMap((path) => [path, Buffer.of(0)]));
    await git.run(['checkout-index', '-z', '--stdin', '-q', `--prefix=${workTree}/`], { index, input });
    const ignored = await git.run(['check-ignore', '--no-index', '-z', '--stdin'], {
      index,
      workTree,
      input: joined(removals),
      mayEndWith: [0, 1],
    });
    return splitPaths(ignored.stdout).map(keyOf);
  } finally {
    await rm(workTree, { recursive: true, force: true });
  }
}

const joined = (entries: readonly Entry[]): Buffer =>
  Buffer.concat(entries.flatMap(({ path }) => [path, Buffer.of(0)]));
