import { mkdtemp, readdir, rm, writeFile } from 'node:fs/promises';
import { tmpdir } from 'node:os';
import { join } from 'node:path';
import postgres from 'postgres';
import { afterEach, beforeEach, describe, expect, test } from 'vitest';
import { createTestDatabase, type TestDatabase } from '../../test/support/postgres.ts';
import { until } from '../../test/support/until.ts';
import { openDatabase } from './database.ts';
import { migrate } from './migrate.ts';

let database: TestDatabase;
beforeEach(async () => {
  database = await createTestDatabase();
});
afterEach(() => database.drop());

test('a migrated database is left as it is', async () => {
  expect(await migrate(database.sql)).toEqual({ applied: [] });
});

test('DATA-3: a database that a newer version changed is refused in one sentence', async () => {
  await database.sql`insert into boocode_migrations (version, name) values (999, '000999.sql')`;
  await expect(migrate(database.sql)).rejects.toMatchObject({
    code: 'storage_unavailable',
    message: expect.stringMatching(/^The database has schema version 999, but .* start a newer BooCode\.$/) as string,
  });
});

test('a database that cannot be reached is one error', async () => {
  const nowhere = postgres('postgres://nobody@127.0.0.1:1/none', { max: 1 });
  await expect(migrate(nowhere)).rejects.toMatchObject({
    code: 'storage_unavailable',
    message: expect.stringMatching(/^The database could not be migrated: .*ECONNREFUSED/) as string,
  });
  await nowhere.end();
});

describe('an empty database', () => {
  let directory: string;
  beforeEach(async () => {
    await database.sql`drop schema public cascade`;
    await database.sql`create schema public`;
    directory = await mkdtemp(join(tmpdir(), 'boocode-migrations-'));
  });
  afterEach(() => rm(directory, { recursive: true, force: true }));

  async function write(version: number, text: string): Promise<void> {
    await writeFile(join(directory, `${String(version).padStart(6, '0')}.sql`), text);
  }

  async function tables(): Promise<string[]> {
    const rows = await database.sql<{ name: string }[]>`
      select relname as name from pg_class where relnamespace = 'public'::regnamespace and relkind = 'r' order by 1`;
    return rows.map((row) => row.name);
  }

  test('gets every migration of ours, with a client of any types', async () => {
    const plain = postgres(database.url, { max: 1, onnotice: () => undefined });
    const files = await readdir(new URL('../../migrations', import.meta.url));
    expect((await migrate(plain)).applied).toHaveLength(files.length);
    const rows = await plain<{ version: number; name: string }[]>`
      select version, name from boocode_migrations order by version`;
    expect(rows.map((row) => row.name)).toEqual(files.sort());
    expect(await tables()).toEqual(expect.arrayContaining(['chats', 'claude_session_entries', 'events', 'hosts']));
    await plain.end();
  });

  test('gets only what is new, in the order of the numbers', async () => {
    await write(1, 'create table one (id int) -- no end of line, no semicolon');
    expect(await migrate(database.sql, { directory })).toEqual({ applied: [1] });
    await write(10, 'insert into two values (1);');
    await write(2, 'create table two (id int);');
    await writeFile(join(directory, 'notes.txt'), 'not a migration');
    expect(await migrate(database.sql, { directory })).toEqual({ applied: [2, 10] });
    expect(await migrate(database.sql, { directory })).toEqual({ applied: [] });
  });

  test('is migrated once when several hosts start at once', async () => {
    await write(1, 'create table one (id int); select pg_sleep(0.1);');
    await write(2, 'create table two (id int);');
    const others = [openDatabase(database.url), openDatabase(database.url), openDatabase(database.url)];
    const results = await Promise.all([database.sql, ...others].map((sql) => migrate(sql, { directory })));
    for (const sql of others) await sql.end();
    // Each once, by whichever host came first to it.
    expect(results.flatMap((result) => result.applied).toSorted((a, b) => a - b)).toEqual([1, 2]);
  });

  test('keeps nothing of a file that fails, keeps the files before it, and goes on when it is mended', async () => {
    await write(1, 'create table one (id int);');
    await write(2, 'create table two (id int); select nonsense;');
    await expect(migrate(database.sql, { directory })).rejects.toMatchObject({
      code: 'storage_unavailable',
      message: 'Migration 000002.sql failed: column "nonsense" does not exist',
    });
    expect(await tables()).toEqual(['boocode_migrations', 'one']);
    await write(2, 'create table two (id int);');
    expect(await migrate(database.sql, { directory })).toEqual({ applied: [2] });
  });

  test('keeps nothing of a file whose connection died in the middle', async () => {
    await write(1, 'create table one (id int); select pg_sleep(60);');
    const outcome = migrate(database.sql, { directory }).catch((error: unknown) => error);
    const cut = await until(async () => {
      const rows = await database.sql<{ cut: boolean }[]>`
        select pg_terminate_backend(pid) as cut from pg_stat_activity
        where datname = current_database() and pid <> pg_backend_pid() and wait_event = 'PgSleep'`;
      return rows.length > 0;
    });
    expect(cut).toBe(true);
    expect(await outcome).toMatchObject({ code: 'storage_unavailable' });
    expect(await tables()).toEqual(['boocode_migrations']);
    await write(1, 'create table one (id int);');
    expect(await migrate(database.sql, { directory })).toEqual({ applied: [1] });
  });

  test('takes longer than the client allows a statement', async () => {
    await write(1, 'create table one (id int); select pg_sleep(0.2);');
    const hasty = postgres(database.url, {
      max: 1,
      connection: { statement_timeout: 100, idle_in_transaction_session_timeout: 100 },
    });
    expect(await migrate(hasty, { directory })).toEqual({ applied: [1] });
    // The client's own limit holds again afterwards.
    await expect(hasty`select pg_sleep(60)`).rejects.toMatchObject({ code: '57014' });
    await hasty.end();
  });
});
