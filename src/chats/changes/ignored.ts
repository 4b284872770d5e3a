/** Files that the repository ignores: named, directories of them as one, and read only one at a time. */
import { lstat } from 'node:fs/promises';
import { relative } from 'node:path';
import type { ChangeDiff, ShownPath } from '../../protocol/changes.ts';
import { diffOfFile } from './compare-trees.ts';
import { joined } from './named-files.ts';
import { shownPath, splitPaths } from './paths.ts';
import { maxComparedBytes, type PrivateGit } from './private-git.ts';
import { emptyTrees } from './repository.ts';

const maxListed = 3_000;
const maxBytes = 4 * 1024 * 1024;

export async function listIgnored(
  git: PrivateGit,
  dataDir: string,
): Promise<{ files: ShownPath[]; isTruncated: boolean }> {
  const args = ['ls-files', '-z', '--others', '--ignored', '--exclude-standard', '--directory'];
  const { stdout, isCut } = await git.run(args, { maxBytes });
  const own = relative(git.repository.top, dataDir);
  const all = splitPaths(stdout)
    .map(shownPath)
    .filter(({ path }) => path !== `${own}/`);
  return { files: all.slice(0, maxListed), isTruncated: isCut || all.length > maxListed };
}

/** All of it, as if it were new; null if it is not ignored, or no file. */
export async function diffOfIgnored(
  git: PrivateGit,
  path: Buffer,
): Promise<Pick<ChangeDiff, 'file' | 'diff' | 'isTruncated' | 'isLossy'> | null> {
  const input = joined([path]);
  const found = await git.run(['check-ignore', '-z', '--stdin'], { input, mayEndWith: [0, 1] });
  if (found.code !== 0) return null;
  const full = Buffer.concat([Buffer.from(`${git.repository.top}/`), path]);
  const { size } = await lstat(full).catch(() => ({ size: null }));
  if (size === null) return null;
  if (size > maxComparedBytes) {
    const counts = {
      status: 'added',
      added: null,
      removed: null,
      isBinary: true,
      isSubmodule: false,
      content: null,
    } as const;
    return { file: { ...shownPath(path), ...counts }, diff: '', isTruncated: true, isLossy: false };
  }
  const index = `${git.folder}/ignored`;
  await git.run(['read-tree', '--empty'], { index });
  await git.run(['update-index', '--add', '-z', '--stdin'], { index, input });
  const tree = (await git.run(['write-tree'], { index })).stdout.toString('utf8').trim();
  return diffOfFile(git, emptyTrees[git.repository.objectFormat], tree, path);
}
