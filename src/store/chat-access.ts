/** Whose chats are, and who else may see them. */
import type { Principal } from '../protocol/principal.ts';
import type { ShareAccess, Visibility } from '../protocol/sharing.ts';
import type { Sql } from './database.ts';

/** What somebody may do with a chat. */
export type ChatAccess = 'own' | ShareAccess;

type Subject = { chatId: string } | { decisionId: string };

export interface StoredSharing {
  owner: { id: string; name: string };
  visibility: Visibility;
  items: { person: { id: string; name: string }; access: ShareAccess }[];
}

const idOf = (db: Sql, of: Subject) =>
  'chatId' in of
    ? db`${of.chatId}::uuid`
    : db`(select chat_id from boocode.decisions where decisions.id = ${of.decisionId}::uuid)`;

/** Null if the person may not see the chat, or there is none. */
export async function readAccess(db: Sql, of: Subject, person: string): Promise<ChatAccess | null> {
  const [row] = await db<{ access: ChatAccess | null }[]>`
    select case when owner_id = ${person} then 'own'
      when visibility = 'team' or shares.access = 'participant' then 'participant'
      else shares.access end as access
    from boocode.chats
    left join boocode.chat_shares as shares on shares.chat_id = chats.id and shares.person_id = ${person}
    where chats.id = ${idOf(db, of)}`;
  return row?.access ?? null;
}

/** Whether the person may see a row of `chats`, or of the table given by its name here. Without a person all are seen. */
const maySee = (db: Sql, person: string, chats: string) => db`(
  ${db(chats)}.owner_id = ${person} or ${db(chats)}.visibility = 'team' or exists (
    select from boocode.chat_shares as shares where shares.chat_id = ${db(chats)}.id and shares.person_id = ${person}))`;

/** Of a statement about `chats`. */
export const isVisible = (db: Sql, person: string | undefined) =>
  person === undefined ? db`true` : maySee(db, person, 'chats');

/** Of a statement about rows that belong to chats, whose ids are in that column. */
export const isOfVisible = (db: Sql, person: string | undefined, column: string) =>
  person === undefined
    ? db`true`
    : db`exists (select from boocode.chats as seen where seen.id = ${db(column)} and ${maySee(db, person, 'seen')})`;

/** Those of the chats that the person may see; without any given, all that there are. */
export async function onlyVisible(db: Sql, person: string, chatIds?: readonly string[]): Promise<Set<string>> {
  const rows = await db<{ id: string }[]>`
    select id from boocode.chats
    where ${chatIds === undefined ? db`true` : db`id = any(${chatIds as string[]}::uuid[])`} and ${isVisible(db, person)}`;
  return new Set(rows.map(({ id }) => id));
}

/** Undefined if there is no such chat. */
export async function readSharing(db: Sql, chatId: string): Promise<StoredSharing | undefined> {
  const [row] = await db<{ id: string; name: string; visibility: Visibility }[]>`
    select owner_id as id, owner_name as name, visibility from boocode.chats where id = ${chatId}`;
  if (!row) return undefined;
  const shares = await db<{ id: string; name: string; access: ShareAccess }[]>`
    select person_id as id, person_name as name, access from boocode.chat_shares where chat_id = ${chatId}
    order by person_name, person_id`;
  const { visibility, ...owner } = row;
  return { owner, visibility, items: shares.map(({ access, ...person }) => ({ person, access })) };
}

/** Who owns the chat; undefined if there is none. */
export async function readOwner(db: Sql, chatId: string): Promise<Principal['id'] | undefined> {
  const [row] = await db<{ id: string }[]>`select owner_id as id from boocode.chats where id = ${chatId}`;
  return row?.id;
}

/** False if there is no such chat. */
export async function setVisibility(db: Sql, chatId: string, visibility: Visibility): Promise<boolean> {
  const rows = await db`update boocode.chats set visibility = ${visibility} where id = ${chatId} returning id`;
  return rows.length > 0;
}

/** With one of the people, by id or else by name. False if there is nobody of that name. */
export async function shareChat(db: Sql, chatId: string, person: string, access: ShareAccess): Promise<boolean> {
  const rows = await db`
    insert into boocode.chat_shares (chat_id, person_id, person_name, access)
    select ${chatId}, people.id::text, people.name, ${access} from boocode.people
    where removed_at is null and (people.id::text = ${person} or lower(people.name) = lower(${person}))
    order by people.id::text = ${person} desc limit 1
    on conflict (chat_id, person_id) do update set access = excluded.access, person_name = excluded.person_name
    returning person_id`;
  return rows.length > 0;
}

export async function unshareChat(db: Sql, chatId: string, personId: string): Promise<void> {
  await db`
    delete from boocode.chat_shares
    where chat_id = ${chatId} and person_id = ${personId}`;
}
