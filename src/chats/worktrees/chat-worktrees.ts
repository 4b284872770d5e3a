import type { Actor } from '../../protocol/principal.ts';
import type {
  BranchList,
  ListedWorktree,
  MergeWorktree,
  RebaseWorktree,
  RemovedWorktree,
  WorktreeResult,
} from '../../protocol/worktree.ts';
import type { Removal } from './remove.ts';

/** Steps on chats' own worktrees. Each is done, or throws `worktree_refused` or `chat_busy`, and then nothing has changed. */
export interface ChatWorktrees {
  /** Into the branch that it was made from. */
  merge(actor: Actor, chatId: string, how: MergeWorktree): Promise<WorktreeResult>;
  /** Onto the branch that it was made from. */
  rebase(actor: Actor, chatId: string, how: RebaseWorktree): Promise<WorktreeResult>;
  /**
   * Removes the working tree, and the branch unless that is kept. The chat, if it was not deleted, goes on in the
   * repository's directory. Refused if something would be lost, unless that is said to be discarded.
   */
  remove(actor: Actor, chatId: string, removal: Removal): Promise<RemovedWorktree>;
  /** With `making` only those that are being made, which costs no process. */
  list(which?: { making?: boolean }): Promise<ListedWorktree[]>;
  /** What a worktree can be made from there, as far as its name contains this. */
  branches(directory: string, part: string): Promise<BranchList>;
}
