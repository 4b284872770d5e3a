/** A chat's own working tree and branch, made by git from the repository of its directory. */
import { z } from 'zod';
import { maxWorktreeName, worktreeNamePattern } from './worktree-name.ts';

/**
 * Why something about a worktree was refused: `reason` of the error `worktree_refused`. Nothing has changed then. Where
 * something would be lost, `losses` has all of it, `reason` is that of the first one, and `shown` names exactly that.
 */
export const worktreeProblems = [
  'no_repository', // the directory is in no repository, or in none with a working tree
  'no_commit', // the repository has no commit yet
  'unknown_base', // that commit or branch does not exist
  'invalid_name',
  'branch_exists',
  'place_taken', // something is already where the working tree would be, or nothing can be made there
  'setup_failed', // the setup command failed, or took too long; `output` is the end of what it printed
  'no_worktree', // the chat has none
  'missing', // its directory is gone
  'elsewhere', // it is on another host
  'in_progress', // a merge, rebase or something like it has not been finished
  'locked', // another git process is at work, or has left its lock behind
  'uncommitted', // there are changes that no commit has; `files` names some of them
  'unmerged', // there are commits that nothing else has; `commits` counts them
  'inner_repository', // there is another repository or working tree inside
  'other_chats', // other chats work in it
  'conflicts', // `files` names them
  'nothing_to_do',
  'merge_commits', // commits that merge others cannot be rebased
  'base_missing', // the branch that it was made from is not known, or gone
  'base_moved', // it has changed at this moment
  'base_in_use', // it is checked out where there are changes, or something unfinished
  'filters', // files that a filter changes, such as those of LFS, and the directory is not trusted
  'git_failed',
] as const;
export type WorktreeProblem = (typeof worktreeProblems)[number];

const noControl = /^\P{Cc}+$/u;

export const worktreeName = z
  .string()
  .min(1)
  .max(maxWorktreeName)
  .regex(worktreeNamePattern, 'must be letters, digits, and . _ - / after the first');

const revision = z
  .string()
  .min(1)
  .max(250)
  .regex(noControl, 'must be printable')
  .refine((value) => !value.startsWith('-'), 'must not begin with a dash');

export const newWorktree = z
  .strictObject({
    /** The branch is `boocode/` and this name; by default one is made up. */
    name: worktreeName.optional(),
    /** A branch, tag or commit to begin with; by default what is checked out. */
    base: revision.optional(),
  })
  .meta({ id: 'NewWorktree' });
export type NewWorktree = z.infer<typeof newWorktree>;

export const worktree = z
  .object({
    /** The top of the working tree. */
    path: z.string(),
    branch: z.string(),
    /** The branch that it was made from, into which it is merged; null if it was made from a commit. */
    base: z.string().nullable(),
    /** The commit that it was made from. */
    baseCommit: z.string(),
    /** The top of the repository's working tree that it was made from. */
    repository: z.string(),
  })
  .meta({ id: 'Worktree' });
export type Worktree = z.infer<typeof worktree>;

const branchName = revision.optional();

export const mergeWorktree = z
  .strictObject({
    /** By default the branch that it was made from. */
    into: branchName,
    /** Commits everything that is not ignored first, with this message. */
    message: z
      .string()
      .trim()
      .min(1)
      .max(10_000)
      .refine((value) => !value.includes('\u0000'))
      .optional(),
  })
  .meta({ id: 'MergeWorktree' });
export type MergeWorktree = z.infer<typeof mergeWorktree>;

export const rebaseWorktree = z
  .strictObject({
    /** By default the branch that it was made from. */
    onto: branchName,
  })
  .meta({ id: 'RebaseWorktree' });
export type RebaseWorktree = z.infer<typeof rebaseWorktree>;

export const worktreeResult = z
  .object({
    branch: z.string(),
    /** The branch into which it was merged, or onto which it was rebased. */
    base: z.string(),
    /** The commit of that branch after a merge; of the chat's branch after a rebase. */
    commit: z.string(),
    /** How many commits are new there. */
    commits: z.int(),
  })
  .meta({ id: 'WorktreeResult' });
export type WorktreeResult = z.infer<typeof worktreeResult>;

export const removedWorktree = z
  .object({
    branch: z.string(),
    /** Of the branch; what was removed can be found there for some weeks. */
    commit: z.string().nullable(),
    isBranchKept: z.boolean(),
  })
  .meta({ id: 'RemovedWorktree' });
export type RemovedWorktree = z.infer<typeof removedWorktree>;

/** Something that would be lost with a worktree. */
export const worktreeLoss = z
  .object({ reason: z.enum(worktreeProblems), sentence: z.string() })
  .meta({ id: 'WorktreeLoss' });
export type WorktreeLoss = z.infer<typeof worktreeLoss>;

export const listedWorktree = z
  .object({
    chatId: z.uuid(),
    title: z.string().nullable(),
    /** `making`: its chat is being created. */
    chat: z.enum(['making', 'active', 'archived', 'deleted']),
    worktree,
    createdAt: z.iso.datetime(),
    /** False for one of another host, about which nothing else is known here. */
    isHere: z.boolean(),
    /** On the disk, without what the repository shares; null if it is not here, or cannot be told. */
    bytes: z.number().nullable(),
    /** When something in it was last changed. */
    lastUsedAt: z.iso.datetime().nullable(),
    /** All that would be lost with it and its branch, empty if nothing would be; null if that cannot be told. */
    wouldLose: z.array(worktreeLoss).nullable(),
    /** Names exactly that, to discard it; null if nothing would be lost, or if it cannot be discarded or told. */
    shown: z.string().nullable(),
    /** What is being done with it now: `checkout`, `copy` or `setup`, and the last line of the setup command. */
    progress: z.object({ step: z.enum(['checkout', 'copy', 'setup']), line: z.string() }).nullable(),
  })
  .meta({ id: 'ListedWorktree' });
export type ListedWorktree = z.infer<typeof listedWorktree>;

export const worktreeList = z.object({ items: z.array(listedWorktree) }).meta({ id: 'WorktreeList' });

export const branchList = z
  .object({
    /** The top of the working tree that the directory is in; null if it is in none. */
    repository: z.string().nullable(),
    /** The branch that is checked out there; null if none is. */
    current: z.string().nullable(),
    /** At most fifty: branches, then tags, then branches of remotes, each by name. */
    items: z.array(z.object({ name: z.string(), kind: z.enum(['branch', 'tag', 'remote']) })),
    truncated: z.boolean(),
  })
  .meta({ id: 'BranchList' });
export type BranchList = z.infer<typeof branchList>;
