import { existsSync } from 'node:fs';
import { rm, rmdir } from 'node:fs/promises';
import { dirname } from 'node:path';
import type { RemovedWorktree } from '../../protocol/worktree.ts';
import type { StoredWorktree } from '../../store/chats.ts';
import { complaint } from '../workspaces/git.ts';
import { findBranch, type GitWork } from './git-work.ts';
import { assertMayGo, type Removal } from './losses.ts';
import { inCommon } from './make.ts';
import { refused } from './refused.ts';

export type { Removal } from './losses.ts';

/** Throws `worktree_refused` if something would be lost, and removes nothing then. */
export async function remove(
  work: GitWork,
  place: StoredWorktree,
  { keepsBranch, discards }: Removal,
): Promise<RemovedWorktree> {
  const { path, branch, commonDirectory, repository } = place;
  if (!existsSync(commonDirectory)) {
    if (discards !== true && existsSync(path))
      throw refused('missing', `The repository ${repository} is gone, so nobody can tell what is in ${path}.`);
    await removeFiles(path);
    return { branch, commit: null, isBranchKept: false };
  }
  const cwd = existsSync(repository) ? repository : commonDirectory;
  await assertMayGo(work, { ...place, repository: cwd }, { keepsBranch, discards });
  const commit = await findBranch({ ...work, env: { ...work.env, GIT_DIR: commonDirectory } }, commonDirectory, branch);
  if (existsSync(path)) {
    const removed = await inCommon(work, place, ['worktree', 'remove', '--force', path]);
    if (removed.code !== 0) {
      const why = complaint(removed);
      throw refused(/locked/.test(why) ? 'locked' : 'git_failed', `git could not remove ${path}: ${why}`);
    }
    await removeFiles(path);
  } else {
    // Not `prune`, which also forgets working trees on disks that are away at the moment.
    await inCommon(work, place, ['worktree', 'remove', '--force', '--force', path]);
  }
  if (keepsBranch || commit === null) return { branch, commit, isBranchKept: commit !== null };
  const deleted = await inCommon(work, place, ['update-ref', '-d', `refs/heads/${branch}`, commit]);
  return { branch, commit, isBranchKept: deleted.code !== 0 };
}

async function removeFiles(path: string): Promise<void> {
  await rm(path, { recursive: true, force: true });
  await rmdir(dirname(path)).catch(() => undefined);
}
