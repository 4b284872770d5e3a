import type { AgentDirectory } from '../protocol/event.ts';
import type { StoredWorkspace, StoredWorktree } from './chats.ts';
import type { Sql } from './database.ts';
import type { Lease } from './events.ts';

/** A chat as far as it decides where its agent works. */
export interface PlacedChat {
  id: string;
  cwd: string;
  workspace: StoredWorkspace | null;
  agentDirectory: AgentDirectory | null;
  worktree: StoredWorktree | null;
}

/** Null if there is no such chat, or if it is still being imported. */
export async function findPlacedChat(db: Sql, chatId: string): Promise<PlacedChat | null> {
  const [row] = await db<
    { cwd: string; workspace: string | null; directory: string | null; worktree: string | null }[]
  >`
    select cwd, workspace::text, agent_directory::text as directory,
      (select place::text from boocode.worktrees where chat_id = id) as worktree
    from boocode.chats
    where id = ${chatId} and importing_session is null`;
  if (!row) return null;
  return {
    id: chatId,
    cwd: row.cwd,
    workspace: row.workspace === null ? null : (JSON.parse(row.workspace) as StoredWorkspace),
    agentDirectory: row.directory === null ? null : (JSON.parse(row.directory) as AgentDirectory),
    worktree: row.worktree === null ? null : (JSON.parse(row.worktree) as StoredWorktree),
  };
}

/** Stores where the chat works now. False if another host has the chat. */
export async function setWorkspace(db: Sql, lease: Lease, workspace: StoredWorkspace): Promise<boolean> {
  const rows = await db`
    update boocode.chats set workspace = ${JSON.stringify(workspace)}::text::json
    where id = ${lease.chatId} and epoch = ${lease.epoch}
    returning id`;
  return rows.length === 1;
}
