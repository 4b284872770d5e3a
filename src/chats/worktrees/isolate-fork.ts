/** A fork in a worktree of its own, with the files as they were at the end of the turn that it continues from. */
import { join } from 'node:path';
import type { NewWorktree } from '../../protocol/worktree.ts';
import type { ChatRow, NewChat } from '../../store/chats.ts';
import { rowHere } from '../assert-here.ts';
import { changingChat } from '../changes/changing-chat.ts';
import { copyIndex } from '../changes/working-tree.ts';
import type { IsolatedFork } from '../fork.ts';
import type { Workspaces } from '../workspaces/workspaces.ts';
import { ask, findRepository, type GitWork, withPrivateGit } from './git-work.ts';
import type { Plan } from './make.ts';

interface IsolateParts {
  workspaces: Workspaces;
  readonly worktrees: {
    create(
      chat: NewChat,
      wanted: NewWorktree,
      how: { signal: AbortSignal | undefined; from: Origin },
    ): Promise<ChatRow>;
  };
  parent: ChatRow;
  signal: AbortSignal | undefined;
}

/** Throws `changes_unavailable` if those files are not known, and `worktree_refused`. */
export async function isolateFork(
  { workspaces, worktrees, parent, signal }: IsolateParts,
  chat: NewChat,
  { wanted, chatIds, turnId, store }: IsolatedFork,
): Promise<ChatRow> {
  const here = await rowHere(workspaces, parent);
  const { commit, files } = await workspaces.changes.atEnd(changingChat(here), chatIds, turnId);
  const from = { directory: here.worktree?.directory ?? here.cwd, parentDirectory: here.cwd, files, store };
  return worktrees.create({ ...chat, cwd: here.cwd }, { ...wanted, base: commit }, { signal, from });
}

/** Instead of a new chat in its repository's present state. */
export interface Origin {
  /** From which the worktree is made. */
  directory: string;
  parentDirectory: string;
  /** The snapshot. */
  files: string;
  readonly store: IsolatedFork['store'];
}

/** The worktree has these files, as changes that no commit has. */
export async function putFiles(work: GitWork, { place }: Plan, files: string): Promise<void> {
  const repository = await findRepository(work, place.path);
  await withPrivateGit(work, repository, async (own) => {
    await copyIndex(join(repository.gitDirectory, 'index'), own.index);
    await own.run(['read-tree', '-m', '-u', place.baseCommit, files]);
  });
}

/** The branch into which the work is to be merged: the other chat's, if it still has that commit. */
export async function branchWith(work: GitWork, directory: string, commit: string): Promise<string | null> {
  const on = await ask(work, directory, ['symbolic-ref', '--quiet', '--short', 'HEAD']);
  if (on.code !== 0) return null;
  const isThere = await ask(work, directory, ['merge-base', '--is-ancestor', commit, 'HEAD']);
  return isThere.code === 0 ? on.stdout.trim() : null;
}
