import type { ChatRow } from '../store/chats.ts';
import type { Sql } from '../store/database.ts';
import { findHolder } from '../store/hosts.ts';
import { findPlacedChat } from '../store/workspaces.ts';
import { ask, elsewhere } from './storage.ts';
import type { Workspaces } from './workspaces/workspaces.ts';

/**
 * Makes sure that the chat's directory is on this host before it takes the chat. Clones it if this host may and nobody
 * holds the chat. Throws `workspace_missing`; `chat_elsewhere` if a host that may have it holds the chat.
 */
export async function assertHere(
  { sql, workspaces, hostId }: { sql: Sql; workspaces: Workspaces; hostId: string },
  chatId: string,
): Promise<void> {
  const chat = await ask(() => findPlacedChat(sql, chatId));
  if (!chat) return;
  const { missing } = await workspaces.locate(chat);
  if (!missing) return;
  const holder = await ask(() => findHolder(sql, chatId));
  if (holder && holder.id !== hostId) throw await elsewhere(sql, chatId);
  await workspaces.bring(chat, missing);
  const now = await workspaces.locate(chat);
  if (now.missing) throw now.missing;
}

/** The chat with its directory's path on this host. Throws `workspace_missing`; `cwd_invalid` if nobody may work there. */
export async function rowHere(workspaces: Pick<Workspaces, 'locate' | 'places'>, row: ChatRow): Promise<ChatRow> {
  const { directory, missing } = await workspaces.locate(row);
  if (missing) throw missing;
  await workspaces.places.assert(directory);
  return { ...row, cwd: directory };
}
