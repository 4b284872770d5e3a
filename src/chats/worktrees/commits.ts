/** Makes commits and moves branches to them, without running anything and without ever overwriting what nobody has committed. */
import { BooError } from '../../protocol/error.ts';
import type { PrivateGit } from '../changes/private-git.ts';
import { complaint } from '../workspaces/git.ts';
import {
  ask,
  assertFree,
  differing,
  filtered,
  findRepository,
  type GitWork,
  listTrees,
  trackedChanges,
  withPrivateGit,
} from './git-work.ts';
import { findInTheWay } from './in-the-way.ts';
import { named, refused } from './refused.ts';
import { readFile } from 'node:fs/promises';
import { join } from 'node:path';

/** The person's name for commits, with the time. */
export async function identity(work: GitWork, cwd: string): Promise<string> {
  const result = await ask(work, cwd, ['var', 'GIT_COMMITTER_IDENT']);
  if (result.code === 0) return result.stdout.trim();
  throw refused(
    'git_failed',
    'git does not know under which name to commit: set user.name and user.email with `git config`.',
  );
}

export interface NewCommit {
  tree: string;
  parents: readonly string[];
  author: string;
  committer: string;
  message: Buffer | string;
  encoding?: string | undefined;
}

/** Nothing is signed. */
export async function writeCommit(
  own: PrivateGit,
  { tree, parents, author, committer, message, encoding }: NewCommit,
): Promise<string> {
  const header = [
    `tree ${tree}`,
    ...parents.map((parent) => `parent ${parent}`),
    `author ${author}`,
    `committer ${committer}`,
    ...(encoding === undefined ? [] : [`encoding ${encoding}`]),
  ];
  const input = Buffer.concat([Buffer.from(`${header.join('\n')}\n\n`), Buffer.from(message)]);
  const written = await own.run(['hash-object', '-t', 'commit', '-w', '--stdin'], { input });
  return written.stdout.toString('utf8').trim();
}

export async function treeOf(own: PrivateGit, commit: string): Promise<string> {
  return (await own.run(['rev-parse', '--verify', `${commit}^{tree}`])).stdout.toString('utf8').trim();
}

/** How long taking back what was done to a working tree may take. */
const undoMs = 60_000;

const nobody = 'BooCode <boocode@localhost> 0 +0000';

/**
 * The tree that has the changes of both sides since their base, by default as git finds it: there may be several. Drivers that
 * the repository names for some files are not run. Throws `worktree_refused`: `conflicts`.
 */
export async function mergeTrees(
  own: PrivateGit,
  { base, ours, theirs }: { base?: string; ours: string; theirs: string },
  what: string,
): Promise<string> {
  // Commits of their own say what the base is, also where git would find another one.
  const at = async (commit: string, parents: readonly string[]): Promise<string> =>
    writeCommit(own, { tree: await treeOf(own, commit), parents, author: nobody, committer: nobody, message: '' });
  const root = base === undefined ? null : await at(base, []);
  const [one, other] = root === null ? [ours, theirs] : await Promise.all([at(ours, [root]), at(theirs, [root])]);
  const args = ['merge-tree', '--write-tree', '-z', '--name-only', '--no-messages', one, other];
  const { code, stdout } = await own.run(args, { mayEndWith: [0, 1] });
  const [tree = '', ...files] = stdout.toString('utf8').split('\0').filter(Boolean);
  if (code === 0) return tree;
  const { text, files: first } = named([...new Set(files)]);
  throw refused('conflicts', `${what} conflicts in ${text}. Nothing was changed.`, { files: first });
}

export interface BranchMove {
  branch: string;
  from: string;
  to: string;
  /** For the reflog. */
  message: string;
  /** Files may be passed through the filters that are configured. */
  trusted: boolean;
}

/**
 * Moves a branch to another commit, with the working tree in which it is checked out. Throws `worktree_refused`, and then
 * nothing has changed, if something there would be in the way.
 */
export async function moveBranch(work: GitWork, cwd: string, move: BranchMove): Promise<void> {
  const { branch, from, to, message, trusted } = move;
  const trees = await listTrees(work, cwd);
  await assertNotRebased(
    work,
    cwd,
    branch,
    trees.map(({ path }) => path),
  );
  const there = trees.find((tree) => tree.branch === branch);
  if (!there) return update(work, cwd, move);
  const repository = await findRepository(work, there.path);
  await assertFree(repository, 'base_in_use');
  await withPrivateGit(work, repository, async (own) => {
    const changed = await trackedChanges(own, from);
    if (changed.length > 0) {
      const { text, files } = named(changed);
      const what = `${branch} is checked out in ${there.path}, where changes are not committed (${text}).`;
      throw refused('base_in_use', `${what} Commit or stash them first.`, { files });
    }
    const inTheWay = await findInTheWay(own, from, to);
    if (inTheWay.length > 0) {
      const { text, files } = named(inTheWay);
      const what = `${branch} is checked out in ${there.path}, where ${text} would be overwritten.`;
      throw refused('base_in_use', `${what} Move that away first.`, { files });
    }
    const special = await filtered(own, await differing(own, from, to), to);
    if (special.length > 0 && !trusted) throw viaFilters(special);
    const index = join(repository.gitDirectory, 'index');
    // So that only what has really changed is taken for a change.
    await own.run(['update-index', '-q', '--refresh'], { index, mayEndWith: [0, 1] });
    try {
      await readTrees({ work, own, special, from, to });
    } catch (error) {
      const why = error instanceof Error ? error.message : String(error);
      throw refused('base_in_use', `${branch} is checked out in ${there.path}, which cannot be updated: ${why}`, {
        cause: error,
      });
    }
    // The branch and the working tree change together, also if the server stops now.
    const lasting = { ...work, signal: AbortSignal.timeout(undoMs) };
    try {
      await update(lasting, repository.top, { branch, from, to, message, trusted });
    } catch (error) {
      await withPrivateGit(lasting, repository, (own) =>
        readTrees({ work: lasting, own, special, from: to, to: from }),
      );
      throw error;
    }
  });
}

/** Takes the working tree and its index from one commit to the other. */
async function readTrees({
  work,
  own,
  special,
  from,
  to,
}: Pick<BranchMove, 'from' | 'to'> & { work: GitWork; own: PrivateGit; special: readonly Buffer[] }): Promise<void> {
  const { top, gitDirectory } = own.repository;
  const args = ['read-tree', '-m', '-u', from, to];
  if (special.length > 0) {
    const result = await ask(work, top, args);
    if (result.code !== 0) throw new Error(complaint(result));
  } else await own.run(args, { index: join(gitDirectory, 'index') });
}

async function update(work: GitWork, cwd: string, { branch, from, to, message }: BranchMove): Promise<void> {
  const result = await ask(work, cwd, ['update-ref', '-m', message, `refs/heads/${branch}`, to, from]);
  if (result.code !== 0) {
    throw refused('base_moved', `${branch} has changed at this moment, so it was left as it is: ${complaint(result)}`);
  }
}

/** A rebase under way has its branch checked out, although nothing says so. */
async function assertNotRebased(work: GitWork, cwd: string, branch: string, paths: readonly string[]): Promise<void> {
  for (const path of paths) {
    const repository = await findRepository(work, path).catch((error: unknown) => {
      // A working tree that was removed by hand.
      if (error instanceof BooError) return null;
      throw error;
    });
    if (!repository) continue;
    for (const folder of ['rebase-merge', 'rebase-apply']) {
      const name = await readFile(join(repository.gitDirectory, folder, 'head-name'), 'utf8').catch(() => '');
      if (name.trim() === `refs/heads/${branch}`)
        throw refused('base_in_use', `${branch} is being rebased in ${path}: finish that first.`);
    }
  }
}

export function viaFilters(files: readonly Buffer[]) {
  const { text, files: first } = named(files);
  const what = `The repository passes ${text} through a program (a filter, as of Git LFS), which runs only where the directory is trusted.`;
  return refused('filters', `${what} Trust it, or use git yourself.`, { files: first });
}
