/** What would be lost with a worktree. */
import { createHash } from 'node:crypto';
import { readdir, stat } from 'node:fs/promises';
import { join } from 'node:path';
import { countOf } from '../../protocol/count-text.ts';
import { BooError } from '../../protocol/error.ts';
import type { WorktreeLoss } from '../../protocol/worktree.ts';
import type { StoredWorktree } from '../../store/chats.ts';
import type { Repository } from '../changes/repository.ts';
import { maxFileBytes, readWorkingTree } from '../changes/working-tree.ts';
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

export interface Removal {
  keepsBranch: boolean;
  /**
   * Goes on although something would be lost: with `true` whatever that is, with the `shown` of a refusal only if it is still
   * exactly what that has named. So nothing goes that was added after a person has agreed.
   */
  discards: boolean | string;
}

interface Loss extends WorktreeLoss {
  /** Says exactly what would be lost: other changes have another one. */
  mark: string;
  details?: Record<string, unknown>;
}

/** Throws `worktree_refused` if there is something in the worktree that no commit has. */
export async function assertCommitted(work: GitWork, { path }: StoredWorktree): Promise<void> {
  const repository = await findRepository(work, path);
  await assertFree(repository, 'in_progress');
  const changed = await uncommitted(work, repository);
  if (changed) throw refusalOf([changed]);
}

async function uncommitted(work: GitWork, repository: Repository): Promise<Loss | null> {
  const { top } = repository;
  return withPrivateGit(work, repository, async (own) => {
    // Whoever only looks leaves nothing in the repository.
    await own.keepObjectsApart();
    const head = await must(work, top, ['rev-parse', '--verify', 'HEAD^{commit}']);
    const tracked = await trackedChanges(own, head);
    const { tree, leftOut } = await readWorkingTree(own, {
      head: () => Promise.resolve(head),
      dataDir: work.dataDir,
      maxFileBytes,
    });
    const all = tree === (await treeOf(own, head)) ? [] : await differing(own, head, tree);
    const paths = [...tracked, ...all].map((path) => path.toString('utf8'));
    const changed = [...new Set([...paths, ...leftOut.map((each) => each.path)])].toSorted();
    if (changed.length === 0) return null;
    const { text, files } = named(changed);
    return {
      reason: 'uncommitted',
      sentence: `No commit has the changes of ${countOf(changed.length, 'file')}: ${text}.`,
      mark: JSON.stringify([head, tree, leftOut, changed, await must(work, top, ['ls-files', '-z', '--stage'])]),
      details: { files },
    };
  });
}

/**
 * Throws `worktree_refused` with everything that removing the working tree, and the branch if it is not kept, would lose.
 * Not if that is to be discarded: whatever it is, or exactly what an earlier refusal has named.
 */
export async function assertMayGo(
  work: GitWork,
  place: StoredWorktree,
  { keepsBranch, discards }: Removal,
): Promise<void> {
  if (discards === true) return;
  const losses = await lossesOf(work, place, { branch: !keepsBranch });
  if (losses.length > 0 && shownOf(losses) !== discards) throw refusalOf(losses);
}

function refusalOf(losses: readonly Loss[]): BooError {
  const details = Object.assign({}, ...losses.map((loss) => loss.details ?? {}).toReversed()) as object;
  return refused(losses[0]!.reason, losses.map(({ sentence }) => sentence).join(' '), {
    ...details,
    losses: losses.map(withoutMark),
    shown: shownOf(losses),
  });
}

const withoutMark = ({ reason, sentence }: Loss): WorktreeLoss => ({ reason, sentence });

const shownOf = (losses: readonly Loss[]): string =>
  createHash('sha256')
    .update(JSON.stringify(losses.map(({ reason, sentence, mark }) => [reason, sentence, mark])))
    .digest('hex');

async function lossesOf(
  work: GitWork,
  place: StoredWorktree,
  { branch: isBranchRemoved }: { branch: boolean },
): Promise<Loss[]> {
  const { path, branch, repository: cwd } = place;
  const found: (Loss | null)[] = [];
  const isThere = (await stat(path).catch(() => null)) !== null;
  if (isThere) {
    const repository = await findRepository(work, path);
    if (repository.top !== path) throw refused('missing', `${path} is no working tree any more.`);
    found.push(...(await inside(work, repository)));
    found.push(await assertFree(repository, 'in_progress').then(() => null, lossIn));
    found.push(await uncommitted(work, repository));
    // Commits that were made on no branch go with the working tree's own notes.
    const head = await must(work, path, ['rev-parse', '--verify', 'HEAD^{commit}']);
    const on = await ask(work, path, ['symbolic-ref', '--quiet', 'HEAD']);
    if (on.code !== 0) {
      const what = 'what is checked out';
      found.push(await onlyHere(work, cwd, { commit: head, what, but: isBranchRemoved ? branch : null }));
    }
  }
  const tip = await findBranch(work, cwd, branch);
  if (isBranchRemoved && tip !== null)
    found.push(await onlyHere(work, cwd, { commit: tip, what: branch, but: branch }));
  return found.filter((loss) => loss !== null);
}

/** What has been refused for a reason of its own is one more loss. */
function lossIn(error: unknown): Loss {
  if (!(error instanceof BooError) || error.code !== 'worktree_refused') throw error;
  return { reason: error.details['reason'] as WorktreeLoss['reason'], sentence: error.message, mark: '' };
}

const maxEntries = 2_000_000;

/** Every repository below the top, whatever git knows of it; null if there is too much to look at. */
async function repositoriesIn(top: string): Promise<string[] | null> {
  const found: string[] = [];
  const waiting = [top];
  let left = maxEntries;
  for (let at = waiting.pop(); at !== undefined; at = waiting.pop()) {
    const directory = at;
    // What cannot be read cannot be removed either.
    const entries = await readdir(directory, { withFileTypes: true }).catch(() => []);
    if ((left -= entries.length) < 0) return null;
    const names = new Set(entries.map(({ name }) => name));
    const isBare = ['HEAD', 'objects', 'refs'].every((name) => names.has(name));
    if (directory !== top && (names.has('.git') || isBare)) found.push(directory);
    for (const entry of entries)
      if (entry.isDirectory() && entry.name !== '.git') waiting.push(join(directory, entry.name));
  }
  return found.toSorted();
}

async function inside(work: GitWork, { top, gitDirectory }: Repository): Promise<Loss[]> {
  const trees = await listTrees(work, top);
  const within = trees.filter(({ path }) => path.startsWith(`${top}/`)).map(({ path }) => path);
  const own = trees.find(({ path }) => path === top);
  const modules = await readdir(join(gitDirectory, 'modules')).catch(() => []);
  const others = await repositoriesIn(top);
  const hidden = others?.filter((path) => !within.includes(path)) ?? [];
  const inner = (sentence: string): Loss => ({ reason: 'inner_repository', sentence, mark: '' });
  return [
    ...within.map((path) => inner(`Another working tree is inside: ${path}.`)),
    ...(own?.isLocked
      ? [{ reason: 'locked' as const, sentence: `${top} is locked: git worktree unlock ${top}`, mark: '' }]
      : []),
    ...(modules.length > 0
      ? [inner(`A submodule is checked out in ${top}, whose own commits would be lost with it.`)]
      : []),
    ...(hidden.length > 0 ? [inner(`Another repository is inside: ${named(hidden).text}.`)] : []),
    ...(others === null
      ? [inner(`There are too many files in ${top} for it to be known whether another repository is inside.`)]
      : []),
  ];
}

interface Commits {
  commit: string;
  what: string;
  /** The branch that goes, too. */
  but: string | null;
}

/** Null if another branch, a tag or a remote has the commit. */
async function onlyHere(work: GitWork, cwd: string, { commit, what, but }: Commits): Promise<Loss | null> {
  const others = [...(but === null ? [] : [`--exclude=${but}`]), '--branches', '--tags', '--remotes'];
  const count = Number(await must(work, cwd, ['rev-list', '--count', commit, '--not', ...others]));
  if (count === 0) return null;
  return {
    reason: 'unmerged',
    sentence: `${countOf(count, 'commit')} of ${what} would be lost: no other branch has them.`,
    mark: commit,
    details: { commits: count },
  };
}

/** `losses` is empty if nothing would be, and null if that cannot be told. `shown` discards exactly them, if that is possible. */
export async function wouldLose(
  work: GitWork,
  place: StoredWorktree,
): Promise<{ losses: WorktreeLoss[] | null; shown: string | null }> {
  try {
    const losses = await lossesOf(work, place, { branch: true });
    return { losses: losses.map(withoutMark), shown: losses.length === 0 ? null : shownOf(losses) };
  } catch (error) {
    // Such as that the place is no working tree any more.
    const isRefusal = error instanceof BooError && error.code === 'worktree_refused';
    const isTold = isRefusal && error.details['reason'] !== 'git_failed';
    return { losses: isTold ? [lossIn(error)].map(withoutMark) : null, shown: null };
  }
}
