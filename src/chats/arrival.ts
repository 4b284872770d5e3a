/**
 * Before an agent starts: stores which workspace its directory is. If the chat comes from a host where it worked in another
 * directory, the log says where it works now, and what was left behind.
 */
import { isDeepStrictEqual } from 'node:util';
import type { NewEvent } from '../store/events.ts';
import { FencedError } from '../store/storage-error.ts';
import type { StoredWorkspace } from '../store/chats.ts';
import { setWorkspace } from '../store/workspaces.ts';
import type { ChatContext } from './chat-context.ts';
import { readBranch } from './workspaces/checkout.ts';
import { repositoryKey } from './workspaces/remote.ts';
import type { Looked } from './workspaces/workspaces.ts';

type Parts = Pick<ChatContext, 'sql' | 'log' | 'settings' | 'workspaces'>;

/** Returns where git keeps the branch that is checked out, for `noteBranch`. */
export async function arrive(parts: Parts): Promise<string | undefined> {
  const { log, settings, workspaces } = parts;
  const { directory, row } = settings;
  const looked = await workspaces.look(directory);
  const before = row.workspace;
  if (!looked || (!looked.isSure && before)) return undefined;
  const workspace = workspaceAfter(before, looked, directory === row.cwd);
  if (!workspace || isDeepStrictEqual(before, workspace)) return looked.checkout?.gitDirectory;
  const notice = before && noticeOf(parts, before, looked);
  if (notice) await log.append({ events: [notice], chat: { workspace } });
  else await store(parts, workspace);
  settings.stored({ workspace });
  return looked.checkout?.gitDirectory;
}

/** After a turn, in which the agent may have checked out another branch. */
export async function noteBranch(parts: Parts, gitDirectory: string): Promise<void> {
  const { workspace } = parts.settings.row;
  const branch = await readBranch(gitDirectory);
  if (!workspace || branch === undefined || branch === workspace.branch) return;
  await store(parts, { ...workspace, branch });
  parts.settings.stored({ workspace: { ...workspace, branch } });
}

async function store({ log, sql }: Pick<Parts, 'log' | 'sql'>, workspace: StoredWorkspace): Promise<void> {
  if (!(await log.ask(() => setWorkspace(sql, log.lease, workspace)))) throw new FencedError(log.lease.chatId);
}

/** What names the chat's directory stays, so that every host that had it still knows it. */
function workspaceAfter(
  before: StoredWorkspace | null,
  { workspace, checkout }: Looked,
  isAtItsPath: boolean,
): StoredWorkspace | null {
  if (!isAtItsPath) return before && { ...before, branch: workspace.branch, seenBy: workspace.seenBy };
  const remote = before?.remote ?? null;
  if (remote === null || checkout?.keys.includes(repositoryKey(remote)) !== true) return workspace;
  return { ...workspace, remote };
}

/** Null if it is the same directory as before, or nothing tells that it is not. */
function noticeOf(
  { settings, workspaces }: Parts,
  before: StoredWorkspace,
  { workspace, checkout }: Looked,
): NewEvent | null {
  const { directory, row } = settings;
  if (before.seenBy === workspace.seenBy || before.directoryId === workspace.directoryId) return null;
  const clone = checkout ? workspaces.cloneOf(checkout.top) : undefined;
  const hasOtherBranch = before.branch !== workspace.branch;
  const isKnown = directory !== row.cwd || before.remote !== null;
  if (!isKnown && !hasOtherBranch) return null;
  const where = clone ? `a clone of ${before.remote} that was made for it in ${directory}` : directory;
  const branch = branchText(workspace.branch) + (clone ? ` at commit ${clone.commit}` : '');
  const left = `What was not committed${clone ? ' and pushed' : ''} in ${row.cwd} on the other host is not here.`;
  const other = hasOtherBranch ? ` There, ${branchText(before.branch)} was checked out.` : '';
  const message = `The chat continues on another host, in ${where}, on ${branch}.${other} ${left}`;
  const data = { directory, branch: workspace.branch, commit: clone?.commit ?? null };
  const level = clone || hasOtherBranch ? 'warning' : 'info';
  return { body: { type: 'notice', level, code: 'workspace_changed', message, data } };
}

const branchText = (branch: string | null): string => (branch === null ? 'no branch' : `branch ${branch}`);
