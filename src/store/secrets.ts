/** Secrets of people and directories, encrypted, and which chats get them. */
import type { Sql } from './database.ts';

export interface SecretRow {
  id: string;
  name: string;
  /** Null for a directory's. */
  personId: string | null;
  /** Null for a person's. */
  directory: string | null;
  keyId: string;
  sealed: string;
  setAt: Date;
  setBy: string;
  lastUsedAt: Date | null;
}

export interface ListedSecret extends SecretRow {
  /** Of the person; null for a directory's, and `owner` for the server's owner. */
  personName: string | null;
  /** How many chats have it on their list. */
  chats: number;
}

const columns = (db: Sql) => db`
  secrets.id, secrets.name, secrets.person_id as "personId", secrets.directory, secrets.key_id as "keyId", secrets.sealed,
  secrets.set_at as "setAt", secrets.set_by as "setBy", secrets.last_used_at as "lastUsedAt"`;

const personName = (db: Sql) => db`
  case when secrets.person_id = 'owner' then 'owner'
    else (select people.name from boocode.people where people.id::text = secrets.person_id) end`;

/** Whoever was removed, or only reads now, gives nothing to chats any more. */
const isOfSomebody = (db: Sql) => db`
  (secrets.person_id = 'owner' or exists (
    select from boocode.people
    where people.id::text = secrets.person_id and removed_at is null and role <> 'viewer'))`;

/** The directories' and one person's, or everybody's. */
export async function listSecrets(db: Sql, of: 'everyone' | { personId: string }): Promise<ListedSecret[]> {
  return db<ListedSecret[]>`
    select ${columns(db)}, ${personName(db)} as "personName",
      (select count(*)::int from boocode.chat_secrets where secret_id = secrets.id) as chats
    from boocode.secrets
    where ${of === 'everyone' ? db`true` : db`(secrets.directory is not null or secrets.person_id = ${of.personId})`}
    order by secrets.directory nulls first, secrets.name, secrets.id`;
}

export async function findSecret(db: Sql, id: string): Promise<SecretRow | null> {
  const [row] = await db<SecretRow[]>`select ${columns(db)} from boocode.secrets where id = ${id}`;
  return row ?? null;
}

export async function findSecretOf(
  db: Sql,
  name: string,
  of: { personId: string } | { directory: string },
): Promise<SecretRow | null> {
  const [row] = await db<SecretRow[]>`
    select ${columns(db)} from boocode.secrets
    where name = ${name} and ${'personId' in of ? db`person_id = ${of.personId}` : db`directory = ${of.directory}`}`;
  return row ?? null;
}

/** Adds it, or replaces the value of the one with this id. */
export async function putSecret(
  db: Sql,
  row: Omit<SecretRow, 'setAt' | 'lastUsedAt'>,
): Promise<Omit<ListedSecret, 'personName'>> {
  const [put] = await db<Omit<ListedSecret, 'personName'>[]>`
    insert into boocode.secrets (id, name, person_id, directory, key_id, sealed, set_by)
    values (${row.id}, ${row.name}, ${row.personId}, ${row.directory}, ${row.keyId}, ${row.sealed}, ${row.setBy})
    on conflict (id) do update set key_id = excluded.key_id, sealed = excluded.sealed, set_by = excluded.set_by,
      set_at = clock_timestamp()
    returning ${columns(db)}, (select count(*)::int from boocode.chat_secrets where secret_id = secrets.id) as chats`;
  return put as Omit<ListedSecret, 'personName'>;
}

/** The same value under another key; false if it was changed meanwhile. */
export async function resealSecret(
  db: Sql,
  { id, from, keyId, sealed }: { id: string; from: string; keyId: string; sealed: string },
): Promise<boolean> {
  const rows = await db`
    update boocode.secrets set key_id = ${keyId}, sealed = ${sealed} where id = ${id} and sealed = ${from} returning id`;
  return rows.length === 1;
}

export async function deleteSecret(db: Sql, id: string): Promise<boolean> {
  return (await db`delete from boocode.secrets where id = ${id} returning id`).length === 1;
}

export async function listSecretKeys(db: Sql): Promise<{ keyId: string; secrets: number }[]> {
  return db<{ keyId: string; secrets: number }[]>`
    select key_id as "keyId", count(*)::int as secrets from boocode.secrets group by key_id order by key_id`;
}

/** What is on a chat's list, of people who may still give it, and all of directories. */
export async function readChatSecrets(db: Sql, chatId: string): Promise<ListedSecret[]> {
  return db<ListedSecret[]>`
    select ${columns(db)}, ${personName(db)} as "personName", 0 as chats
    from boocode.secrets
    where secrets.directory is not null or ${isOfSomebody(db)} and secrets.id in (
      select secret_id from boocode.chat_secrets where chat_id = ${chatId})
    order by secrets.name, secrets.id`;
}

/** The directory of a chat, and the one that its worktree was made for; null for an unknown chat. */
export async function findChatPlace(db: Sql, chatId: string): Promise<{ cwd: string; madeFor: string | null } | null> {
  const [row] = await db<{ cwd: string; madeFor: string | null }[]>`
    select cwd, (select place ->> 'directory' from boocode.worktrees where chat_id = chats.id) as "madeFor"
    from boocode.chats where id = ${chatId} and importing_session is null`;
  return row ?? null;
}

/** False if the chat gets another person's secret of this name, or does not exist. */
export async function chooseSecret(
  db: Sql,
  chatId: string,
  { id, name }: Pick<SecretRow, 'id' | 'name'>,
): Promise<boolean> {
  const rows = await db`
    insert into boocode.chat_secrets as chosen (chat_id, name, secret_id)
    select id, ${name}, ${id} from boocode.chats where id = ${chatId}
    on conflict (chat_id, name) do update set secret_id = excluded.secret_id where chosen.secret_id = excluded.secret_id
    returning chat_id`;
  return rows.length === 1;
}

/** False if it was not on the list. */
export async function dropSecret(db: Sql, chatId: string, secretId: string): Promise<boolean> {
  const rows = await db`
    delete from boocode.chat_secrets where chat_id = ${chatId} and secret_id = ${secretId} returning name`;
  return rows.length === 1;
}

export async function noteSecretsUse(db: Sql, ids: readonly string[]): Promise<void> {
  await db`update boocode.secrets set last_used_at = clock_timestamp() where id = any(${ids as string[]}::uuid[])`;
}
