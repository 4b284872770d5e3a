/** Makes worktrees, and takes them back. Nothing is made that is not recorded before. */
import { existsSync } from 'node:fs';
import { lstat, mkdir, realpath, rm, rmdir } from 'node:fs/promises';
import { basename, dirname, join, relative } from 'node:path';
import { branchPrefix } from '../../protocol/worktree-name.ts';
import type { NewWorktree } from '../../protocol/worktree.ts';
import type { StoredWorktree } from '../../store/chats.ts';
import type { Repository } from '../changes/repository.ts';
import { TreeFolder } from '../changes/tree-folder.ts';
import { complaint } from '../workspaces/git.ts';
import {
  ask,
  findBranch,
  findCommit,
  findRepository,
  type GitWork,
  listTrees,
  must,
  withPrivateGit,
} from './git-work.ts';
import { refused } from './refused.ts';
import { readSettings, type WorktreeSettings } from './repository-settings.ts';

export interface Plan {
  place: StoredWorktree;
  /** Where the chat will work. */
  cwd: string;
  repository: Repository;
  settings: WorktreeSettings;
}

interface Wanted {
  directory: string;
  wanted: NewWorktree;
  /** The name, unless one is wanted. */
  spare: string;
  seenBy: string;
  /** The directory is trusted. */
  trusted: boolean;
}

/** Checks everything, and makes nothing. Throws `worktree_refused`. */
export async function plan(work: GitWork, { directory, wanted, spare, seenBy, trusted }: Wanted): Promise<Plan> {
  const repository = await findRepository(work, directory);
  const { top, commonDirectory } = repository;
  const name = wanted.name ?? spare;
  const branch = `${branchPrefix}${name}`;
  const checked = await ask(work, top, ['check-ref-format', `refs/heads/${branch}`]);
  if (checked.code !== 0 || name.startsWith('-'))
    throw refused('invalid_name', `${branch} is no name that git accepts for a branch.`);
  const { commit: baseCommit, branch: base } = await findBase(work, top, wanted.base);
  if ((await findBranch(work, top, branch)) !== null)
    throw refused('branch_exists', `There is a branch ${branch} already.`);
  const settings = await readSettings(work, top, trusted);
  const root = settings.place ?? (await besideRepository(top));
  const path = join(root, ...(settings.place === null ? [] : [basename(top)]), name.replaceAll('/', '-'));
  await work.places.assert(path);
  if (!relative(top, path).startsWith('..'))
    throw refused('place_taken', `${path} is inside of the repository ${top}.`);
  if (await lstat(path).catch(() => null)) throw refused('place_taken', `${path} exists already: choose another name.`);
  const place = { path, branch, base, baseCommit, repository: top, directory, commonDirectory, seenBy };
  return { place, cwd: join(path, relative(top, directory)), repository, settings };
}

async function findBase(
  work: GitWork,
  top: string,
  given: string | undefined,
): Promise<{ commit: string; branch: string | null }> {
  const commit = await findCommit(work, top, given ?? 'HEAD');
  if (commit === null) {
    if (given !== undefined) throw refused('unknown_base', `There is no branch, tag or commit ${given}.`);
    throw refused('no_commit', `The repository ${top} has no commit yet, so nothing can be branched from it.`);
  }
  if (given === undefined) {
    const head = await ask(work, top, ['symbolic-ref', '--quiet', '--short', 'HEAD']);
    return { commit, branch: head.code === 0 ? head.stdout.trim() : null };
  }
  return { commit, branch: (await findBranch(work, top, given)) === null ? null : given };
}

/**
 * Beside the repository, so that whatever looks for files further up finds the same ones; beside the outermost one if it is inside
 * another, whose working tree it would be part of.
 */
async function besideRepository(top: string): Promise<string> {
  let outermost = top;
  for (let at = dirname(top); dirname(at) !== at; at = dirname(at)) {
    if (existsSync(join(at, '.git'))) outermost = at;
  }
  const prefix = outermost === top ? basename(top) : relative(dirname(outermost), top).replaceAll('/', '-');
  return join(await realpath(dirname(outermost)), `${prefix}.worktrees`);
}

/** Throws `worktree_refused`. What has been made by then is to be taken back. */
export async function make(work: GitWork, { place, cwd, repository }: Plan, trusted: boolean): Promise<void> {
  const { path, branch, baseCommit } = place;
  try {
    await mkdir(dirname(path), { recursive: true });
    await mkdir(path);
  } catch (error) {
    throw refused(
      'place_taken',
      `${path} cannot be made: ${(error as Error).message}. Set boocode.worktrees with git config.`,
      {
        cause: error,
      },
    );
  }
  const added = await ask(work, repository.top, [
    'worktree',
    'add',
    '--quiet',
    '--no-checkout',
    '-b',
    branch,
    path,
    baseCommit,
  ]);
  if (added.code !== 0) {
    const why = complaint(added);
    throw refused(
      /already exists/.test(why) ? 'branch_exists' : 'git_failed',
      `git could not make the worktree: ${why}`,
    );
  }
  if (trusted) {
    // With the filters that are configured, such as those of Git LFS.
    await must(work, path, ['reset', '--hard', '--quiet'], { timeoutMs: 600_000 });
  } else {
    const own = await findRepository(work, path);
    await withPrivateGit(work, own, (git) =>
      git.run(['read-tree', '-u', '--reset', baseCommit], { index: join(own.gitDirectory, 'index') }),
    );
  }
  // A directory that the commit does not have, or that is a link there.
  if (cwd === path) return;
  const inside = Buffer.from(join(relative(path, cwd), 'file'));
  const made = await new TreeFolder(path).at(inside, () => Promise.resolve(true), { creates: true });
  if (!made) throw refused('place_taken', `In the commit, ${cwd} is no directory.`);
}

/**
 * Takes back what `make` has made, also if it was cut off. Leaves alone what somebody has committed or put there: a working tree
 * with another branch is another chat's, or a person's.
 */
export async function takeBack(
  work: GitWork,
  place: StoredWorktree,
  { ownsPath = true, ownsBranch = true } = {},
): Promise<void> {
  const { path, branch, baseCommit, commonDirectory } = place;
  const isThere = existsSync(commonDirectory);
  if (ownsPath) {
    const trees = isThere ? await listTrees(inside(work, place), commonDirectory) : [];
    const there = trees.find((tree) => tree.path === path);
    if (there && (there.branch === branch || there.isUnborn)) {
      await inCommon(work, place, ['worktree', 'remove', '--force', '--force', path]).catch(() => undefined);
      await rm(path, { recursive: true, force: true });
    } else await rmdir(path).catch(() => undefined);
    await rmdir(dirname(path)).catch(() => undefined);
  }
  if (isThere && ownsBranch) await inCommon(work, place, ['update-ref', '-d', `refs/heads/${branch}`, baseCommit]);
}

const inside = (work: GitWork, { commonDirectory }: StoredWorktree): GitWork => ({
  ...work,
  env: { ...work.env, GIT_DIR: commonDirectory },
});

/** Also if the working tree that it was made from is gone. */
export const inCommon = (work: GitWork, place: StoredWorktree, args: readonly string[]) =>
  ask(inside(work, place), place.commonDirectory, args);
