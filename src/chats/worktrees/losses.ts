/** What would be lost with a worktree. */
import { readdir, stat } from 'node:fs/promises';
import { join } from 'node:path';
import { countOf } from '../../protocol/count-text.ts';
import { BooError } from '../../protocol/error.ts';
import type { StoredWorktree } from '../../store/chats.ts';
import type { Repository } from '../changes/repository.ts';
import { readWorkingTree } from '../changes/working-tree.ts';
import { treeOf } from './commits.ts';
import {
  ask,
  assertFree,
  differing,
  findBranch,
  findRepository,
  type GitWork,
  listTrees,
  must,
  trackedChanges,
  withPrivateGit,
} from './git-work.ts';
import { named, refused } from './refused.ts';

const maxFileBytes = 50 * 1024 * 1024;

/** Throws `worktree_refused` if there is something in the worktree that no commit has. */
export async function assertCommitted(work: GitWork, { path }: StoredWorktree): Promise<void> {
  await assertClean(work, await findRepository(work, path));
}

async function assertClean(work: GitWork, repository: Repository): Promise<void> {
  await assertFree(repository, 'in_progress');
  const { top } = repository;
  await withPrivateGit(work, repository, async (own) => {
    const head = await must(work, top, ['rev-parse', '--verify', 'HEAD^{commit}']);
    const tracked = await trackedChanges(own, head);
    const { tree, leftOut } = await readWorkingTree(own, {
      head: () => Promise.resolve(head),
      dataDir: work.dataDir,
      maxFileBytes,
    });
    const all = tree === (await treeOf(own, head)) ? [] : await differing(own, head, tree);
    const changed = [...new Set([...tracked, ...all, ...leftOut.map((each) => each.path)])].toSorted();
    if (changed.length === 0) return;
    const { text, files } = named(changed);
    throw refused('uncommitted', `No commit has the changes of ${countOf(changed.length, 'file')}: ${text}.`, {
      files,
    });
  });
}

/** Throws `worktree_refused` if removing the working tree would lose something; with `branch` if removing that would, too. */
export async function assertNothingLost(
  work: GitWork,
  place: StoredWorktree,
  { branch: isBranchRemoved }: { branch: boolean },
): Promise<void> {
  const { path, branch, repository: cwd } = place;
  const isThere = (await stat(path).catch(() => null)) !== null;
  if (isThere) {
    const repository = await findRepository(work, path);
    if (repository.top !== path) throw refused('missing', `${path} is no working tree any more.`);
    await assertNothingInside(work, repository);
    await assertClean(work, repository);
    // Commits that were made on no branch go with the working tree's own notes.
    const head = await must(work, path, ['rev-parse', '--verify', 'HEAD^{commit}']);
    const on = await ask(work, path, ['symbolic-ref', '--quiet', 'HEAD']);
    if (on.code !== 0) await assertHeldElsewhere(work, cwd, head, isBranchRemoved ? branch : null);
  }
  const tip = await findBranch(work, cwd, branch);
  if (isBranchRemoved && tip !== null) await assertHeldElsewhere(work, cwd, tip, branch);
}

async function assertNothingInside(work: GitWork, { top, gitDirectory }: Repository): Promise<void> {
  const trees = await listTrees(work, top);
  const inside = trees.find(({ path }) => path.startsWith(`${top}/`));
  if (inside) throw refused('inner_repository', `Another working tree is inside: ${inside.path}.`);
  const own = trees.find(({ path }) => path === top);
  if (own?.isLocked) throw refused('locked', `${top} is locked: git worktree unlock ${top}`);
  const modules = await readdir(join(gitDirectory, 'modules')).catch(() => []);
  if (modules.length > 0)
    throw refused('inner_repository', `A submodule is checked out in ${top}, whose own commits would be lost with it.`);
}

/** No other branch, tag or remote has the commit. */
async function assertHeldElsewhere(work: GitWork, cwd: string, commit: string, but: string | null): Promise<void> {
  const others = [...(but === null ? [] : [`--exclude=${but}`]), '--branches', '--tags', '--remotes'];
  const count = Number(await must(work, cwd, ['rev-list', '--count', commit, '--not', ...others]));
  if (count === 0) return;
  const what = but === null ? 'what is checked out' : but;
  throw refused('unmerged', `${countOf(count, 'commit')} of ${what} would be lost: no other branch has them.`, {
    commits: count,
  });
}

/** In one sentence; null if nothing would be, undefined if that cannot be told. */
export async function wouldLose(work: GitWork, place: StoredWorktree): Promise<string | null | undefined> {
  try {
    await assertNothingLost(work, place, { branch: true });
    return null;
  } catch (error) {
    if (error instanceof BooError && error.code === 'worktree_refused') return error.message;
    return undefined;
  }
}
