/**
 * The database that a backup is restored into. From the first change to the last it is marked as unfinished, among the
 * applied migrations, where every version of the server refuses it (`unfinishedRestore`). A restore that was cut off is
 * recognized by that, and starts over.
 */
import { BooError } from '../protocol/error.ts';
import { backupTables } from './backup-tables.ts';
import { type CopyIn, openCopy } from './copy-in.ts';
import { openDatabase, type Sql } from './database.ts';
import { readDatabaseFacts } from './database-facts.ts';
import { removeImports } from './imports.ts';
import {
  beginSchemaChange,
  migrateRestored,
  migrationsTable,
  type SchemaVersions,
  unfinishedRestore,
} from './migrate.ts';
import { openTransaction, unhurried } from './one-connection.ts';
import { codeOf } from './storage-error.ts';

export interface RestoreTarget {
  /**
   * Marks the database, and gives it the empty tables of that schema. Throws `config_invalid` if it is not empty; one whose
   * restore was cut off is emptied.
   */
  prepare(schema: SchemaVersions): Promise<void>;
  /** Appends rows to a table, as one transaction. Throws `invalid_request` for a table or a column that is not there. */
  fill(table: string, columns: readonly string[]): Promise<CopyIn>;
  /**
   * Checks the numbers of rows, brings the schema up to date, frees the chats, and takes the mark away: the database is in
   * use from then on. Returns which hosts chats are pinned to.
   */
  finish(rows: ReadonlyMap<string, number>): Promise<PinnedChats[]>;
  close(): Promise<void>;
}

export interface PinnedChats {
  host: string;
  chats: number;
}

/** One restore at a time. */
const restoreLock = '712460915244';
const notEmpty = 'BOO02';
const isNotEmpty =
  'The database is not empty: restore into another one, or remove what BooCode has stored in this one with `drop schema boocode cascade`.';

export async function openRestoreTarget(url: string, signal?: AbortSignal): Promise<RestoreTarget> {
  const { isPooled } = await readDatabaseFacts(url, signal);
  const guard = await openTransaction(url, isPooled, 'begin read only');
  const sql = openDatabase(url, { max: 1, isPooled });
  const close = async (): Promise<void> => {
    await Promise.all([guard.close(), sql.end({ timeout: 0 })]);
  };
  const cut = (): void => void close();
  signal?.addEventListener('abort', cut, { once: true });
  try {
    const [lock] = await guard.sql<{ isOurs: boolean }[]>`
      select pg_try_advisory_xact_lock(${restoreLock}) as "isOurs"`;
    if (lock?.isOurs !== true) {
      throw new BooError(
        'config_invalid',
        'Another restore into this database is running: wait until it has finished.',
      );
    }
  } catch (error) {
    await close();
    throw error;
  }
  return {
    async prepare(schema) {
      await sql.unsafe(markEmpty).catch((error: unknown) => {
        if (codeOf(error) === notEmpty)
          throw new BooError('config_invalid', isNotEmpty, { details: { reason: 'not_empty' } });
        throw error;
      });
      await migrateRestored(sql, schema);
    },
    async fill(table, columns) {
      await assertThere(sql, table, columns);
      await sql.unsafe(`begin; ${unhurried}`);
      const copy = await openCopy(sql, table, columns);
      return {
        write: (rows) => copy.write(rows),
        async end() {
          await copy.end();
          await sql`commit`;
        },
      };
    },
    async finish(rows) {
      await guard.assertKept();
      for (const [table, expected] of rows) await assertCount(sql, table, expected);
      await migrateRestored(sql);
      await removeImports(sql, { olderThanHours: 0 });
      await sql.unsafe(free);
      return sql<PinnedChats[]>`
        select pinned_host as host, count(*)::int as chats from boocode.chats
        where pinned_host is not null group by 1 order by 1`;
    },
    async close() {
      signal?.removeEventListener('abort', cut);
      await close();
    },
  };
}

const bookkeeping = ['session_store_migrations', 'migrations'].map((table) => `boocode.${table}`);

/** One transaction, with the lock that starting servers take. Tables and functions of a restore that was cut off are dropped. */
const markEmpty = `
  ${beginSchemaChange}
  do $$
  declare
    name text;
    marked boolean := false;
    older boolean := false;
  begin
    if to_regclass('boocode.migrations') is not null then
      execute 'select exists (select from boocode.migrations where version = ${unfinishedRestore})' into marked;
    end if;
    if to_regclass('boocode_migrations') is not null then
      execute 'select not exists (select from boocode_migrations where version = ${unfinishedRestore})' into older;
    end if;
    if older or not marked and exists (
      select from pg_class where relnamespace = to_regnamespace('boocode') and relkind in ('r', 'p', 'v', 'm'))
    then
      raise exception 'not empty' using errcode = '${notEmpty}';
    end if;
    if to_regnamespace('boocode') is null then
      execute 'create schema boocode';
    end if;
    for name in select relname from pg_class where relnamespace = to_regnamespace('boocode') and relkind = 'r' loop
      execute format('drop table boocode.%I cascade', name);
    end loop;
    for name in select oid::regprocedure from pg_proc where pronamespace = to_regnamespace('boocode') loop
      execute format('drop function %s', name);
    end loop;
  end $$;
  ${bookkeeping
    .map(
      (table) => `${migrationsTable(table)};
        insert into ${table} (version, name) values (${unfinishedRestore}, 'unfinished restore');`,
    )
    .join('\n')}`;

/**
 * Nothing that a host of the old database holds can be written here: an epoch of milliseconds is higher than any number of
 * claims, and higher than that of an earlier restore of the same backup.
 */
const free = `
  begin;
  ${unhurried}
  update boocode.chats set epoch = greatest(epoch + 1, (extract(epoch from clock_timestamp()) * 1000)::bigint);
  do $$
  declare
    identity record;
    highest bigint;
  begin
    for identity in select relname, attname from pg_attribute join pg_class on pg_class.oid = attrelid
      where relnamespace = to_regnamespace('boocode') and attidentity <> ''
    loop
      execute format('select max(%I) from boocode.%I', identity.attname, identity.relname) into highest;
      perform setval(pg_get_serial_sequence(format('boocode.%I', identity.relname), identity.attname),
        coalesce(highest, 1), highest is not null);
    end loop;
  end $$;
  ${bookkeeping.map((table) => `delete from ${table} where version = ${unfinishedRestore};`).join('\n')}
  commit`;

/** The names come from a file. */
async function assertThere(sql: Sql, table: string, columns: readonly string[]): Promise<void> {
  const rows = await sql<{ name: string }[]>`
    select attname::text as name from pg_attribute
    where attrelid = to_regclass(${`boocode.${table.replaceAll(/[^a-z_]/g, '')}`}) and attnum > 0 and not attisdropped`;
  const present = rows.map(({ name }) => name);
  const isKnown = (backupTables as readonly string[]).includes(table);
  if (isKnown && columns.length > 0 && columns.every((column) => present.includes(column))) return;
  throw new BooError('invalid_request', `The backup has a table that its schema does not have: ${table}.`);
}

async function assertCount(sql: Sql, table: string, expected: number): Promise<void> {
  await sql.unsafe(`begin; ${unhurried}`);
  const [row] = await sql<{ rows: number }[]>`select count(*) as rows from boocode.${sql(table)}`;
  await sql`commit`;
  if (row?.rows === expected) return;
  throw new BooError('storage_unavailable', `The table ${table} has ${row?.rows} rows instead of ${expected}.`);
}
