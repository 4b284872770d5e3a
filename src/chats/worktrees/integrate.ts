/** Commits, merges and rebases what a worktree has. Each is one step that is done, or changes nothing. */
import { constants } from 'node:fs';
import { copyFile, rename, rm } from 'node:fs/promises';
import { join } from 'node:path';
import type { WorktreeResult } from '../../protocol/worktree.ts';
import type { StoredWorktree } from '../../store/chats.ts';
import { maxFileBytes, readWorkingTree } from '../changes/working-tree.ts';
import { complaint } from '../workspaces/git.ts';
import { identity, mergeTrees, moveBranch, treeOf, viaFilters, writeCommit } from './commits.ts';
import {
  ask,
  assertFree,
  differing,
  filtered,
  findBranch,
  findCommit,
  findRepository,
  type GitWork,
  must,
  withPrivateGit,
} from './git-work.ts';
import { assertCommitted } from './losses.ts';
import { named, refused } from './refused.ts';

export interface Step {
  work: GitWork;
  place: StoredWorktree;
  /** The chat's directory is trusted, so what the repository configures may run. */
  trusted: boolean;
}

/** How long the last step of a commit may take. */
const lastMs = 60_000;

/** Commits all changes in the worktree that are not ignored. Null if there are none. */
export async function commitAll({ work, place, trusted }: Step, message: string): Promise<string | null> {
  const { path, branch } = place;
  const repository = await findRepository(work, path);
  await assertFree(repository, 'in_progress');
  const on = await ask(work, path, ['symbolic-ref', '--quiet', 'HEAD']);
  if (on.stdout.trim() !== `refs/heads/${branch}`)
    throw refused('in_progress', `${branch} is not what is checked out in ${path}: check it out first.`);
  // As after `git stash pop`, of which nothing else says that it is not finished.
  const unmerged = (await must(work, path, ['ls-files', '-z', '--unmerged'])).split('\0').filter(Boolean);
  if (unmerged.length > 0) {
    const { text, files } = named([...new Set(unmerged.map((line) => line.slice(line.indexOf('\t') + 1)))]);
    throw refused('conflicts', `There are conflicts that nobody has resolved, in ${text}: stage it once it is right.`, {
      files,
    });
  }
  const committer = await identity(work, path);
  return withPrivateGit(work, repository, async (own) => {
    const head = await must(work, path, ['rev-parse', '--verify', 'HEAD^{commit}']);
    const { tree, leftOut } = await readWorkingTree(own, {
      head: () => Promise.resolve(head),
      dataDir: work.dataDir,
      maxFileBytes,
    });
    const [first] = leftOut;
    if (first) {
      const why = first.reason === 'too_large' ? 'is larger than 50 MB' : 'cannot be read';
      throw refused('uncommitted', `${first.path} ${why}, so it was not committed. Commit it yourself, or ignore it.`);
    }
    if (tree === (await treeOf(own, head))) return null;
    const special = await filtered(own, await differing(own, head, tree));
    if (special.length > 0) {
      if (!trusted) throw viaFilters(special);
      await must(work, path, ['add', '--all']);
      const written = await must(work, path, ['write-tree']);
      const commit = await writeCommit(own, {
        tree: written,
        parents: [head],
        author: committer,
        committer,
        message: `${message}\n`,
      });
      await must(work, path, ['update-ref', '-m', 'commit', `refs/heads/${branch}`, commit, head]);
      return commit;
    }
    const commit = await writeCommit(own, {
      tree,
      parents: [head],
      author: committer,
      committer,
      message: `${message}\n`,
    });
    // As git does it: under its lock, and visible at once.
    const index = join(repository.gitDirectory, 'index');
    const lock = `${index}.lock`;
    await copyFile(own.index, lock, constants.COPYFILE_EXCL);
    try {
      // Branch and index change together, also if the server stops now.
      const lasting = { ...work, signal: AbortSignal.timeout(lastMs) };
      const moved = await ask(lasting, path, ['update-ref', '-m', 'commit', `refs/heads/${branch}`, commit, head]);
      if (moved.code !== 0) throw refused('locked', `The commit could not be made: ${complaint(moved)}`);
      await rename(lock, index);
    } catch (error) {
      await rm(lock, { force: true });
      throw error;
    }
    return commit;
  });
}

interface Ends {
  base: string;
  tip: string;
  target: string;
  mergeBase: string;
}

/** Where the worktree's branch and the other one are. */
async function endsOf({ work, place }: Step, given: string | undefined): Promise<Ends> {
  const { branch, repository } = place;
  const base = given ?? place.base;
  if (base === null)
    throw refused(
      'base_missing',
      'The worktree was made from a commit, and from no branch: name the branch that is meant.',
    );
  if (base === branch) throw refused('base_missing', `${base} is the worktree’s own branch: name another one.`);
  const [tip, target] = await Promise.all([findBranch(work, repository, branch), findBranch(work, repository, base)]);
  if (tip === null) throw refused('missing', `The branch ${branch} does not exist any more.`);
  if (target === null) throw refused('base_missing', `There is no branch ${base}.`);
  const found = await ask(work, repository, ['merge-base', target, tip]);
  if (found.code !== 0) throw refused('base_missing', `${base} and ${branch} have nothing in common.`);
  return { base, tip, target, mergeBase: found.stdout.trim() };
}

const countBetween = async ({ work, place }: Step, from: string, to: string): Promise<number> =>
  Number(await must(work, place.repository, ['rev-list', '--count', `${from}..${to}`]));

/** Throws `worktree_refused` with the reason, and then nothing has changed. */
export async function merge(step: Step, given: string | undefined): Promise<WorktreeResult> {
  const { work, place, trusted } = step;
  const { branch, repository: cwd } = place;
  await assertCommitted(work, place);
  const { base, tip, target, mergeBase } = await endsOf(step, given);
  if (mergeBase === tip) throw refused('nothing_to_do', `${base} has everything that ${branch} has.`);
  const commits = await countBetween(step, target, tip);
  const to = mergeBase === target ? tip : await mergeCommit(step, { base, tip, target });
  await moveBranch(work, cwd, { branch: base, from: target, to, message: `merge ${branch}`, trusted });
  return { branch, base, commit: to, commits };
}

async function mergeCommit({ work, place }: Step, { base, tip, target }: Omit<Ends, 'mergeBase'>): Promise<string> {
  const { branch, repository: cwd } = place;
  const committer = await identity(work, cwd);
  return withPrivateGit(work, await findRepository(work, cwd), async (own) => {
    const tree = await mergeTrees(own, { ours: target, theirs: tip }, `Merging ${branch} into ${base}`);
    const message = `Merge branch '${branch}' into ${base}\n`;
    return writeCommit(own, { tree, parents: [target, tip], author: committer, committer, message });
  });
}

const maxCommits = 1_000;

/** The branch's commits once more, on top of the other branch. Throws like `merge`. */
export async function rebase(step: Step, given: string | undefined): Promise<WorktreeResult> {
  const { work, place, trusted } = step;
  const { branch, repository: cwd } = place;
  await assertCommitted(work, place);
  const { base, tip, target, mergeBase } = await endsOf(step, given);
  if (mergeBase === target) throw refused('nothing_to_do', `${branch} is already based on the last commit of ${base}.`);
  const range = `${target}..${tip}`;
  if ((await must(work, cwd, ['rev-list', '--merges', '--max-count=1', range])) !== '')
    throw refused(
      'merge_commits',
      `${branch} has commits that merge others, which a rebase would lose: merge it instead.`,
    );
  const list = await must(work, cwd, ['rev-list', '--reverse', '--topo-order', range]);
  const commits = list.split('\n').filter(Boolean);
  if (commits.length > maxCommits)
    throw refused(
      'git_failed',
      `${branch} has ${commits.length} commits, more than ${maxCommits}: rebase it with git.`,
    );
  const committer = await identity(work, cwd);
  const { to, count } = await withPrivateGit(work, await findRepository(work, cwd), async (own) => {
    let onto = target;
    let count = 0;
    for (const commit of commits) {
      const raw = (await own.run(['cat-file', 'commit', commit])).stdout;
      const end = raw.indexOf('\n\n');
      const header = raw.subarray(0, end).toString('utf8');
      const field = (name: string): string | undefined => new RegExp(`^${name} (.*)$`, 'm').exec(header)?.[1];
      const parent = field('parent');
      if (parent === undefined) throw refused('git_failed', `${commit} has no commit before it: rebase it with git.`);
      const what = `Rebasing ${branch} onto ${base} (commit ${commit.slice(0, 10)})`;
      const tree = await mergeTrees(own, { base: parent, ours: onto, theirs: commit }, what);
      // The other branch has that change already.
      if (tree === (await treeOf(own, onto))) continue;
      const message = raw.subarray(end + 2);
      const author = field('author') ?? committer;
      onto = await writeCommit(own, { tree, parents: [onto], author, committer, message, encoding: field('encoding') });
      count += 1;
    }
    return { to: onto, count };
  });
  await moveBranch(work, cwd, { branch, from: tip, to, message: `rebase onto ${base}`, trusted });
  return { branch, base, commit: (await findCommit(work, cwd, to)) ?? to, commits: count };
}
