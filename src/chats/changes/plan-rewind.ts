/**
 * What has to change in a working tree for it to be as it was at a snapshot. Nothing is overwritten or removed of which the
 * present state is not recorded as well, and what the snapshot does not have for sure stays.
 */
import { lstat, mkdir, rm } from 'node:fs/promises';
import { join } from 'node:path';
import { createLimiter } from '../../lib/limiter.ts';
import type { LeftOut } from '../../protocol/changes.ts';
import type { KeptFile, KeptReason } from '../../protocol/rewind.ts';
import { differences, type Entry, noMode, submodule } from './compare-trees.ts';
import { type AttributeQuery, filteredOf } from './filters.ts';
import { joined, keyOf } from './named-files.ts';
import { bytesOfShown, shownPath, splitPaths } from './paths.ts';
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

const atOnce = 64;
const pathOf = ({ path }: Entry): Buffer => path;
const isRemoval = ({ modes }: Entry): boolean => modes[1] === noMode;

export async function planRewind(git: PrivateGit, now: WorkingTree, then: Snapshot): Promise<RewindPlan> {
  const index = join(git.folder, 'rewind-index');
  const entries = await differences(git, now.tree, then.oid);
  const reasons = await findReasons(git, entries, [...now.leftOut, ...then.leftOut]);
  const all = (): Entry[] => entries.filter(({ path }) => !reasons.has(keyOf(path)));
  await writeIndex(git, index, now.tree, all());
  if (git.repository.hasFilters) {
    const attributes: AttributeQuery = async (args, input) => (await git.run(args, { index, input })).stdout;
    for (const by of ['working tree', 'index'] as const)
      for (const { path } of await filteredOf(attributes, all().map(pathOf), by)) reasons.set(keyOf(path), 'filtered');
  }
  for (const path of await ignoredThen(git, index, all())) reasons.set(path, 'ignored');
  for (const path of await olderThan(git, then, all())) reasons.set(keyOf(path), 'older');
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
  const large = new Map(leftOut.map(({ path, pathBytes, reason }) => [keyOf(bytesOfShown(path, pathBytes)), reason]));
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

/**
 * Files that would go, but were there before: something ignored them then that nothing recorded, such as a `.gitignore` that
 * ignores itself. What was moved here from another place in the working tree is as old, and known by its content.
 */
async function olderThan(git: PrivateGit, then: Snapshot, entries: readonly Entry[]): Promise<Buffer[]> {
  const since = then.at;
  if (since === null) return [];
  const moved = new Set(entries.flatMap(({ modes, objects }) => (modes[1] === noMode ? [] : [objects[1]])));
  const top = Buffer.from(`${git.repository.top}/`);
  const limit = createLimiter(atOnce);
  const going = entries.filter(({ modes, objects }) => modes[1] === noMode && !moved.has(objects[0]));
  const isOlder = await Promise.all(
    going.map(({ path }) =>
      limit(async () => {
        const bornMs = (await lstat(Buffer.concat([top, path])).catch(() => null))?.birthtimeMs ?? 0;
        // Some file systems do not know it. That moment was rounded down to a millisecond.
        return bornMs > 0 && bornMs < since + 1;
      }),
    ),
  );
  return going.flatMap(({ path }, at) => (isOlder[at] ? [path] : []));
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
    const args = ['checkout-index', '-z', '--stdin', '-q', `--prefix=${workTree}/`];
    await git.run(args, { index, input: joined(listed) });
    const ignored = await git.run(['check-ignore', '--no-index', '-z', '--stdin'], {
      index,
      workTree,
      input: joined(removals.map(pathOf)),
      mayEndWith: [0, 1],
    });
    return splitPaths(ignored.stdout).map(keyOf);
  } finally {
    await rm(workTree, { recursive: true, force: true });
  }
}
