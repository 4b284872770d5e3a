import { isVisible } from './chat-access.ts';
import { json, type NewChat, newChatColumns, type StoredWorktree } from './chats.ts';
import type { Sql } from './database.ts';

export interface WorktreeRow {
  chatId: string;
  place: StoredWorktree;
  state: 'making' | 'ready' | 'undoing';
  title: string | null;
  createdAt: Date;
  /** Of its chat; null if that does not exist. */
  isArchived: boolean | null;
}

/** Before anything is made. False if another chat has that branch. */
export async function insertWorktree(db: Sql, chatId: string, place: StoredWorktree): Promise<boolean> {
  const rows = await db`
    insert into boocode.worktrees (chat_id, place, state) values (${chatId}, ${json(db, place)}, 'making')
    on conflict do nothing returning chat_id`;
  return rows.length === 1;
}

/** The chat and its worktree, in one statement. False if it has been given up meanwhile. Safe to repeat. */
export async function insertChatWithWorktree(db: Sql, chat: NewChat): Promise<boolean> {
  const columns = newChatColumns(db, chat);
  const names = Object.keys(columns).map((name, at) => db`${at === 0 ? db`` : db`, `}${db(name)}`);
  const values = Object.values(columns).map((value, at) => db`${at === 0 ? db`` : db`, `}${value}`);
  const rows = await db`
    with ready as (
      update boocode.worktrees set state = 'ready' where chat_id = ${chat.id} and state in ('making', 'ready') returning chat_id
    ), made as (
      insert into boocode.chats (${names}) select ${values} from ready on conflict (id) do nothing
    )
    select chat_id from ready`;
  return rows.length === 1;
}

/** From here on no chat can be stored for it. False if one is. */
export async function giveUpWorktree(db: Sql, chatId: string): Promise<boolean> {
  const rows = await db`
    update boocode.worktrees set state = 'undoing' where chat_id = ${chatId} and state in ('making', 'undoing')
    returning chat_id`;
  return rows.length === 1;
}

export async function deleteWorktree(db: Sql, chatId: string): Promise<void> {
  await db`delete from boocode.worktrees where chat_id = ${chatId}`;
}

/** What a deleted chat was called is still shown. */
export async function nameWorktree(db: Sql, chatId: string, title: string): Promise<void> {
  await db`update boocode.worktrees set title = ${title} where chat_id = ${chatId}`;
}

export async function findWorktree(db: Sql, chatId: string): Promise<WorktreeRow | null> {
  return (await select(db, chatId))[0] ?? null;
}

/** Newest first. */
export function listWorktrees(db: Sql): Promise<WorktreeRow[]> {
  return select(db, null);
}

type Raw = Omit<WorktreeRow, 'place'> & { place: string };

async function select(db: Sql, chatId: string | null): Promise<WorktreeRow[]> {
  const rows = await db<Raw[]>`
    select worktrees.chat_id as "chatId", place::text as place, state, coalesce(chats.title, worktrees.title) as title,
      worktrees.created_at as "createdAt", chats.archived as "isArchived"
    from boocode.worktrees left join boocode.chats on chats.id = worktrees.chat_id
    ${chatId === null ? db`` : db`where worktrees.chat_id = ${chatId}`}
    order by worktrees.created_at desc limit 500`;
  return rows.map(({ place, ...row }) => ({ ...row, place: JSON.parse(place) as StoredWorktree }));
}

/** The other chats that work there, or whose agent has gone there, without archived ones. */
export async function chatsIn(
  db: Sql,
  path: string,
  { but, visibleTo }: { but: string; visibleTo: string | undefined },
): Promise<{ id: string; title: string | null; isVisible: boolean }[]> {
  return db<{ id: string; title: string | null; isVisible: boolean }[]>`
    select id, title, ${isVisible(db, visibleTo)} as "isVisible" from boocode.chats
    where id <> ${but} and not archived and exists (
      select from unnest(array[cwd, agent_directory ->> 'cwd', agent_directory ->> 'worktree']) as place
      where place = ${path} or starts_with(place, ${`${path}/`})
    ) limit 5`;
}
