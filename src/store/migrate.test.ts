import { mkdtemp, readdir, readFile, rm, writeFile } from 'node:fs/promises';
import { tmpdir } from 'node:os';
import { join } from 'node:path';
import postgres from 'postgres';
import { afterEach, beforeEach, describe, expect, test } from 'vitest';
import { createTestDatabase, type TestDatabase } from '../../test/support/postgres.ts';
import { until } from '../../test/support/until.ts';
import { openDatabase } from './database.ts';
import { migrate, migrateSessionStore } from './migrate.ts';
import { PostgresSessionStore } from '../session-store.ts';

const migrations = new URL('../../migrations/', import.meta.url);
const storeTables = ['claude_session_entries', 'claude_session_summaries', 'session_store_migrations'];
/** The tables that exist before the first of the server's own files. */
const always = [...storeTables, 'migrations'].toSorted();

let database: TestDatabase;
beforeEach(async () => {
  database = await createTestDatabase();
});
afterEach(() => database.drop());

test.each(['', 'session-store/'])('migrations are numbered from 1, without a gap: migrations/%s', async (folder) => {
  const files = (await readdir(new URL(folder, migrations))).filter((name) => name.endsWith('.sql'));
  expect(files.toSorted()).toEqual(files.map((_, index) => `${String(index + 1).padStart(6, '0')}.sql`));
});

test('a migrated database is left unchanged', async () => {
  expect(await migrate(database.sql)).toEqual({ applied: [] });
});

test('DATA-3: a database that a newer version changed is refused in one sentence', async () => {
  await database.sql`insert into boocode.migrations (version, name) values (999, '000999.sql')`;
  await expect(migrate(database.sql)).rejects.toMatchObject({
    code: 'storage_unavailable',
    message: expect.stringMatching(/^The database has schema version 999, but .* start a newer BooCode\.$/) as string,
    details: { database: 999, known: expect.any(Number) as number },
  });
});

test('AGENT-36: the effort stored with an agent’s session moves to its chat', async () => {
  const { sql } = database;
  const files = (await readdir(migrations)).filter((file) => file.endsWith('.sql'));
  const texts = await Promise.all(files.map((file) => readFile(new URL(file, migrations), 'utf8')));
  const moving = files.filter((_, index) => texts[index]!.includes('drop column effort'));
  await sql.unsafe(`
    alter table boocode.chats drop column effort, drop column agent_directory;
    alter table boocode.agent_sessions add column effort text;
    insert into boocode.chats (id, cwd, backend) select gen_random_uuid(), '/', 'claude_sdk' from generate_series(1, 2);
    insert into boocode.agent_sessions (chat_id, agent, backend, session_id, effort)
      select id, 'claude', backend, id, case when ordinal = 1 then 'low' end from boocode.chats;`);
  await sql`delete from boocode.migrations where name = any(${moving})`;
  expect(await migrate(sql)).toMatchObject({ applied: [expect.anything()] });
  expect(await sql`select effort from boocode.chats order by ordinal`).toEqual([{ effort: 'low' }, { effort: null }]);
});

test('SHARE-2: chats of before are the server’s owner’s, and stay the team’s; new ones are private', async () => {
  const { sql } = database;
  await sql.unsafe(`
    drop table boocode.chat_shares;
    alter table boocode.chats drop column owner_id, drop column owner_name, drop column visibility;
    insert into boocode.chats (id, cwd, backend) values (gen_random_uuid(), '/', 'claude_sdk');`);
  const files = (await readdir(migrations)).filter((file) => file.endsWith('.sql'));
  const texts = await Promise.all(files.map((file) => readFile(new URL(file, migrations), 'utf8')));
  const sharing = files.filter((_, index) => texts[index]!.includes('add column visibility'));
  await sql`delete from boocode.migrations where name = any(${sharing})`;
  expect(await migrate(sql)).toMatchObject({ applied: [expect.anything()] });
  await sql`insert into boocode.chats (id, cwd, backend) values (gen_random_uuid(), '/', 'claude_sdk')`;
  expect(await sql`select owner_id, visibility from boocode.chats order by ordinal`).toEqual([
    { owner_id: 'owner', visibility: 'team' },
    { owner_id: 'owner', visibility: 'private' },
  ]);
});

test('a database that cannot be reached is reported as one error', async () => {
  const nowhere = postgres('postgres://nobody@127.0.0.1:1/none', { max: 1 });
  await expect(migrate(nowhere)).rejects.toMatchObject({
    code: 'storage_unavailable',
    message: expect.stringMatching(/^The database could not be migrated: .*ECONNREFUSED/) as string,
    cause: { code: 'ECONNREFUSED' },
  });
  await nowhere.end();
});

async function tables(schema = 'boocode'): Promise<string[]> {
  const rows = await database.sql<{ name: string }[]>`
    select relname as name from pg_class
    where relnamespace = to_regnamespace(${schema}) and relkind = 'r' order by 1`;
  return rows.map((row) => row.name);
}

describe('an empty database', () => {
  let directory: string;
  beforeEach(async () => {
    await database.sql`drop schema boocode cascade`;
    directory = await mkdtemp(join(tmpdir(), 'boocode-migrations-'));
  });
  afterEach(() => rm(directory, { recursive: true, force: true }));

  async function write(version: number, text: string): Promise<void> {
    await writeFile(join(directory, `${String(version).padStart(6, '0')}.sql`), text);
  }

  test('gets every migration of ours, whatever types the client is configured with', async () => {
    const plain = postgres(database.url, { max: 1, onnotice: () => undefined });
    const files = (await readdir(migrations)).filter((file) => file.endsWith('.sql'));
    expect((await migrate(plain)).applied).toHaveLength(files.length);
    const rows = await plain<{ version: number; name: string }[]>`
      select version, name from boocode.migrations order by version`;
    expect(rows.map((row) => row.name)).toEqual(files.sort());
    expect(await tables()).toEqual(expect.arrayContaining(['chats', 'claude_session_entries', 'events', 'hosts']));
    expect(await tables('public')).toEqual([]);
    await plain.end();
  });

  test('gets only new migrations, in numerical order', async () => {
    await write(1, 'create table one (id int) -- no end of line, no semicolon');
    expect(await migrate(database.sql, { directory })).toEqual({ applied: [1] });
    await write(10, 'insert into two values (1);');
    await write(2, 'create table two (id int);');
    const others = ['notes.txt', '000003.sql.bak', 'old-000003.sql', '00003.sql', '000003_sql', '0000003.sql'];
    for (const name of others) await writeFile(join(directory, name), 'not a migration');
    expect(await migrate(database.sql, { directory })).toEqual({ applied: [2, 10] });
    expect(await migrate(database.sql, { directory })).toEqual({ applied: [] });
  });

  test('is migrated once when several hosts start at the same time', async () => {
    await write(1, 'create table one (id int); select pg_sleep(0.1);');
    await write(2, 'create table two (id int);');
    const others = [openDatabase(database.url), openDatabase(database.url), openDatabase(database.url)];
    const results = await Promise.all([database.sql, ...others].map((sql) => migrate(sql, { directory })));
    for (const sql of others) await sql.end();
    // Each migration once, by whichever host was first.
    expect(results.flatMap((result) => result.applied).toSorted((a, b) => a - b)).toEqual([1, 2]);
  });

  test('keeps nothing of a file that fails, keeps the files before it, and continues once the file is fixed', async () => {
    await write(1, 'create table one (id int);');
    await write(2, 'create table two (id int); select nonsense;');
    await expect(migrate(database.sql, { directory })).rejects.toMatchObject({
      code: 'storage_unavailable',
      message: 'Migration 000002.sql failed: column "nonsense" does not exist',
      cause: { code: '42703' },
    });
    expect(await tables()).toEqual([...always, 'one'].toSorted());
    await write(2, 'create table two (id int);');
    expect(await migrate(database.sql, { directory })).toEqual({ applied: [2] });
  });

  test('keeps nothing of a file whose connection was lost midway', async () => {
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
    expect(await tables()).toEqual(always);
    await write(1, 'create table one (id int);');
    expect(await migrate(database.sql, { directory })).toEqual({ applied: [1] });
  });

  test('may take longer to migrate than the client allows a statement', async () => {
    await write(1, 'create table one (id int); select pg_sleep(0.2);');
    const hasty = postgres(database.url, {
      max: 1,
      connection: { statement_timeout: 100, idle_in_transaction_session_timeout: 100 },
    });
    expect(await migrate(hasty, { directory })).toEqual({ applied: [1] });
    // The client's own limit applies again afterwards.
    await expect(hasty`select pg_sleep(60)`).rejects.toMatchObject({ code: '57014' });
    await hasty.end();
  });
});

describe('DATA-17: a database from before BooCode had a schema of its own', () => {
  /** As version 8 left it, with some data. */
  async function makeOlder(place: string): Promise<void> {
    const { sql } = database;
    await sql`drop schema boocode cascade`;
    const files = (await readdir(migrations)).filter((file) => /^00000[1-8]\.sql$/.test(file)).sort();
    const store = await readFile(new URL('session-store/000001.sql', migrations), 'utf8');
    const texts = await Promise.all(files.map((file) => readFile(new URL(file, migrations), 'utf8')));
    await sql.unsafe(`
      create schema if not exists ${place};
      set local search_path to ${place};
      ${texts.join(';')};
      ${store};
      create table boocode_migrations (version integer primary key, name text not null, applied_at timestamptz default now());
      insert into boocode_migrations select version, 'old' from generate_series(1, 8) as version;
      insert into hosts (id, machine, pid, pid_started, version) values (gen_random_uuid(), 'here', 1, '', '0');
      insert into chats (id, cwd, backend, owner_host) select gen_random_uuid(), '/', 'claude_sdk', id from hosts;
      insert into events (chat_id, seq, type, payload) select id, 1, 'notice', '{}' from chats;
      insert into claude_session_entries (project_key, session_id, entry) select id, 's', '{"a":1}' from chats;`);
  }

  test('is moved there once with all its data, even when several hosts start at the same time', async () => {
    await makeOlder('public');
    await database.sql`create table public.theirs (id int)`;
    const others = [openDatabase(database.url), openDatabase(database.url)];
    await Promise.all([database.sql, ...others].map((sql) => migrate(sql)));
    for (const sql of others) await sql.end();
    const [row] = await database.sql`
      select e.seq, s.entry from boocode.chats c join boocode.events e on e.chat_id = c.id
      join boocode.hosts h on h.id = c.owner_host join boocode.claude_session_entries s on s.project_key = c.id::text`;
    expect(row).toEqual({ seq: 1, entry: '{"a":1}' });
    // Identity columns continue where they were.
    await database.sql`insert into boocode.chats (id, cwd, backend) values (gen_random_uuid(), '/', 'claude_sdk')`;
    const ordinals = await database.sql<{ ordinal: number }[]>`select ordinal from boocode.chats order by 1`;
    expect(ordinals.map(({ ordinal }) => ordinal)).toEqual([1, 2]);
    expect(await tables('public')).toEqual(['boocode_migrations', 'theirs']);
    expect(await migrate(database.sql)).toEqual({ applied: [] });
  });

  test('DATA-3: a schema that another host creates while this one waits for the lock is no error', async () => {
    const { sql } = database;
    const [first, second] = [openDatabase(database.url), openDatabase(database.url, { max: 1 })];
    // On a connection that has created something before, because a new one has nothing cached.
    await second`drop schema boocode cascade`;
    let migrating: Promise<unknown> | undefined;
    await first.begin(async (tx) => {
      await tx`select pg_advisory_xact_lock(712460915243)`;
      migrating = migrate(second);
      await until(async () => {
        const [row] = await sql<{ waiting: boolean }[]>`
          select exists (select from pg_locks where locktype = 'advisory' and not granted) as waiting`;
        return row?.waiting;
      });
      await tx`create schema boocode`;
    });
    expect(await migrating).toEqual({ applied: expect.arrayContaining([1]) as number[] });
    for (const each of [first, second]) await each.end();
  });

  test('DATA-3: is refused by an older host, which would otherwise start over in the old place', async () => {
    await makeOlder('public');
    await migrate(database.sql);
    expect(await database.sql`select max(version) as version from public.boocode_migrations`).toEqual([
      { version: 999_999 },
    ]);
  });

  test('is found wherever the search path led', async () => {
    await makeOlder('elsewhere');
    const sql = openDatabase(database.url);
    await database.sql.unsafe(`alter database ${new URL(database.url).pathname.slice(1)} set search_path to elsewhere`);
    await migrate(sql);
    await sql.end();
    expect(await database.sql`select seq from boocode.events`).toEqual([{ seq: 1 }]);
    expect(await tables('elsewhere')).toEqual(['boocode_migrations']);
  });

  test('is left alone by a session store in another schema', async () => {
    await makeOlder('public');
    const before = await tables('public');
    await migrateSessionStore(database.sql, { schema: 'sessions' });
    expect(await tables('public')).toEqual(before);
    expect(await tables('sessions')).toEqual(storeTables);
  });

  test('is also moved by the session store alone', async () => {
    await makeOlder('public');
    await migrateSessionStore(database.sql);
    expect(await tables('public')).toEqual(['boocode_migrations']);
    expect(await database.sql`select count(*) from boocode.claude_session_entries`).toEqual([{ count: 1 }]);
    await migrate(database.sql);
    expect(await database.sql`select seq from boocode.events`).toEqual([{ seq: 1 }]);
  });
});

describe('STORE-5: the session store in another application’s database', () => {
  beforeEach(async () => {
    await database.sql`drop schema boocode cascade`;
    await database.sql`create table public.events (id int)`;
    await database.sql`create table public.chats (id int)`;
  });

  for (const schema of [undefined, 'sessions', 'public']) {
    test(`creates only its own tables, in ${schema ?? 'its own schema'}`, async () => {
      const { sql } = database;
      await migrateSessionStore(sql, schema === undefined ? {} : { schema });
      const theirs = schema === 'public' ? ['chats', 'events'] : [];
      expect(await tables(schema)).toEqual([...theirs, ...storeTables].toSorted());
      expect(await migrateSessionStore(sql, schema === undefined ? {} : { schema })).toEqual({ applied: [] });
      const store = new PostgresSessionStore({ sql, schema });
      const key = { projectKey: 'p', sessionId: 's' };
      await store.append(key, [{ type: 'user', uuid: 'a' }]);
      await store.append({ ...key, subpath: 'subagents/agent-1' }, [{ type: 'user', uuid: 'b' }]);
      expect(await store.load(key)).toEqual([{ type: 'user', uuid: 'a' }]);
      expect(await store.listSubkeys(key)).toEqual(['subagents/agent-1']);
      expect(await store.listSessionSummaries('p')).toHaveLength(1);
      await store.delete(key);
      expect(await store.listSessions('p')).toEqual([]);
    });
  }

  test('can be joined by the server later', async () => {
    await migrateSessionStore(database.sql);
    await new PostgresSessionStore({ sql: database.sql }).append({ projectKey: 'p', sessionId: 's' }, [{ type: 'a' }]);
    await migrate(database.sql);
    expect(await tables()).toEqual(expect.arrayContaining(['chats', 'events']));
    expect(
      await new PostgresSessionStore({ sql: database.sql }).load({ projectKey: 'p', sessionId: 's' }),
    ).toHaveLength(1);
    expect(await tables('public')).toEqual(['chats', 'events']);
  });

  test('a schema whose name would need quotes is refused', async () => {
    for (const schema of ['', 'Sessions', 'a b', '1a', 'pg_a', 'a"; drop table x; --', 'x'.repeat(64)]) {
      await expect(migrateSessionStore(database.sql, { schema })).rejects.toMatchObject({ code: 'config_invalid' });
      expect(() => new PostgresSessionStore({ sql: database.sql, schema })).toThrow('schema: must be');
    }
  });

  test('tells a user who may not create a schema what to do', async () => {
    const { sql, url } = database;
    const name = `limited_${new URL(url).pathname.slice(1)}`;
    await sql.unsafe(`create role ${name} login password 'x'`);
    try {
      const limited = postgres(Object.assign(new URL(url), { username: name, password: 'x' }).href, { max: 1 });
      await expect(migrateSessionStore(limited)).rejects.toMatchObject({
        code: 'storage_unavailable',
        cause: { code: '42501' },
        message: expect.stringMatching(/Create it first: create schema boocode/) as string,
      });
      await sql.unsafe(`create schema boocode authorization ${name}`);
      expect(await migrateSessionStore(limited)).toEqual({ applied: [1, 2] });
      await limited.end();
    } finally {
      await sql.unsafe(`drop owned by ${name}; drop role ${name}`);
    }
  });
});
