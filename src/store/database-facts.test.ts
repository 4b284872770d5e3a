import { randomBytes } from 'node:crypto';
import { afterAll, beforeAll, expect, test, vi } from 'vitest';
import { openPostgresProxy } from '../../test/support/postgres-proxy.ts';
import { createTestDatabase, type TestDatabase } from '../../test/support/postgres.ts';
import { withDatabase } from '../../test/support/database-name.ts';
import { until } from '../../test/support/until.ts';
import { openDatabase, type Sql } from './database.ts';
import { commitAdvice, connectionAdvice, poolSizes, readDatabaseFacts } from './database-facts.ts';

let database: TestDatabase;
beforeAll(async () => {
  database = await createTestDatabase();
});
afterAll(() => database.drop());

const encodings = ['LATIN1', 'SQL_ASCII'];
test.each(encodings)('DATA-12: a database with the encoding %s is refused', async (encoding) => {
  const name = `test_${randomBytes(8).toString('hex')}`;
  await database.sql.unsafe(`create database ${name} encoding '${encoding}' locale 'C' template template0`);
  try {
    await expect(readDatabaseFacts(withDatabase(database.url, name))).rejects.toMatchObject({
      code: 'config_invalid',
      message: expect.stringContaining(`has the encoding ${encoding}, but BooCode requires UTF8`) as string,
    });
  } finally {
    await database.sql.unsafe(`drop database ${name} with (force)`);
  }
});

test('DATA-14: two hosts and the check of a third fit into a role’s limit of seven connections', async () => {
  const role = `small_${randomBytes(4).toString('hex')}`;
  await database.sql.unsafe(`create role ${role} login password 'x' connection limit 7`);
  const url = new URL(database.url);
  url.username = role;
  url.password = 'x';
  const pools: Sql[] = [];
  const openHost = async (): Promise<number> => {
    const sizes = poolSizes(await readDatabaseFacts(url.href));
    const all = Object.values(sizes) as number[];
    for (const max of all) {
      const sql = openDatabase(url.href, { max, oneAtATime: true });
      pools.push(sql);
      await Promise.all(Array.from({ length: max }, () => sql`select pg_sleep(0.05)`));
    }
    return all.reduce((sum, max) => sum + max, 0);
  };
  try {
    expect(await openHost()).toBe(3);
    expect(await openHost()).toBe(3);
    await expect(openHost()).rejects.toMatchObject({
      code: 'storage_unavailable',
      message: expect.stringContaining('only one more connection, ') as string,
    });
  } finally {
    await Promise.all(pools.map((sql) => sql.end({ timeout: 1 })));
    await database.sql.unsafe(`drop role ${role}`);
  }
});

test('DATA-14: takes half of the free connections, at least three and at most fifteen', () => {
  const total = (free: number | null): number => Object.values(poolSizes({ free })).reduce((sum, max) => sum + max, 0);
  expect([3, 7, 12, 17, 97].map(total)).toEqual([3, 3, 6, 8, 15]);
  expect(poolSizes({ free: 97 })).toEqual({ main: 10, leases: 2, slow: 2, listen: 1 });
  expect(poolSizes({ free: 3 })).toEqual({ main: 1, leases: 1, slow: 1, listen: 0 });
  expect(total(null)).toBe(7);
  expect(poolSizes({ free: null })).toEqual({ main: 4, leases: 1, slow: 1, listen: 1 });
  expect([11, 12, 16, 23, 24].map((free) => poolSizes({ free }))).toEqual([
    { main: 3, leases: 1, slow: 1, listen: 0 },
    { main: 3, leases: 1, slow: 1, listen: 1 },
    { main: 4, leases: 1, slow: 2, listen: 1 },
    { main: 7, leases: 1, slow: 2, listen: 1 },
    { main: 7, leases: 2, slow: 2, listen: 1 },
  ]);
});

test('DATA-24: says how many chats can run at once where there is no room for the full pool, and what to raise', () => {
  expect([30, 97].map((free) => connectionAdvice({ free }))).toEqual([null, null]);
  expect(connectionAdvice({ free: 7 })).toEqual({
    problem:
      'The database leaves 7 connections, and this server opens 3: about 10 chats can run a turn at once without waiting for each other.',
    fix: 'For more, raise max_connections or the role’s or database’s limit to leave 30.',
  });
  const chats = (free: number | null) => /about (\d+) chats/.exec(connectionAdvice({ free })?.problem ?? '')?.[1];
  expect([3, 14, 29].map(chats)).toEqual(['10', '40', '90']);
  expect(connectionAdvice({ free: null })?.problem).toMatch(/^A pooler does not say .* the 7 that .*about 40 chats/);
});

test('DATA-24: says when the database acknowledges commits that a crash of it may lose', async () => {
  const role = `hasty_${randomBytes(4).toString('hex')}`;
  await database.sql.unsafe(`create role ${role} login password 'x'`);
  const url = new URL(database.url);
  url.username = role;
  url.password = 'x';
  try {
    expect((await readDatabaseFacts(url.href)).commits).toBe('kept');
    await database.sql.unsafe(`alter role ${role} set synchronous_commit = local`);
    expect((await readDatabaseFacts(url.href)).commits).toBe('kept');
    await database.sql.unsafe(`alter role ${role} set synchronous_commit = off`);
    expect((await readDatabaseFacts(url.href)).commits).toBe('synchronous_commit');
  } finally {
    await database.sql.unsafe(`drop role ${role}`);
  }
  expect(commitAdvice({ commits: 'kept' })).toBeNull();
  expect(commitAdvice({ commits: 'synchronous_commit' })).toEqual({
    problem:
      'The database acknowledges what is not on its disk yet (synchronous_commit = off): if it crashes, prompts and answers that were accepted may be lost.',
    fix: 'Set synchronous_commit to on for the server, the database or the role.',
  });
  expect(commitAdvice({ commits: 'fsync' })?.problem).toContain('(fsync = off)');
});

test.each([
  [-1, 'no more connections'],
  [0, 'no more connections'],
  [1, 'only one more connection'],
  [2, 'only two more connections'],
])('DATA-14: with %d connections left, a host says so and starts none', (free, left) => {
  expect(() => poolSizes({ free })).toThrow(
    expect.objectContaining({
      code: 'storage_unavailable',
      message: `The database accepts ${left}, but BooCode needs three: raise max_connections or the role’s limit, or close others.`,
    }) as Error,
  );
});

test('the database is asked for its version, its free connections and whether a pooler is in between', async () => {
  const [row] = await database.sql<{ version: string; max: number }[]>`
    select current_setting('server_version') as version, current_setting('max_connections')::integer as max`;
  const facts = await readDatabaseFacts(database.url);
  expect(facts).toMatchObject({ version: row?.version, isPooled: false });
  expect(facts.free).toBeGreaterThan(0);
  expect(facts.free).toBeLessThan(row?.max ?? 0);
  await expect(readDatabaseFacts(withDatabase(database.url, 'nowhere'))).rejects.toMatchObject({
    code: 'storage_unavailable',
    message: expect.stringContaining('There is no database “nowhere”') as string,
  });
});

test('CLI-7: a question that is no longer wanted fails at once, before it is asked or while it waits', async () => {
  await expect(readDatabaseFacts(database.url, AbortSignal.abort())).rejects.toThrow('aborted');
  const proxy = await openPostgresProxy(database.url);
  proxy.isFrozen = true;
  const stop = new AbortController();
  try {
    const outcome = readDatabaseFacts(proxy.url, stop.signal).catch((error: unknown) => error);
    await until(() => proxy.connections > 0);
    stop.abort();
    expect(await outcome).toMatchObject({ code: 'storage_unavailable' });
  } finally {
    await proxy.close();
  }
});

test('DATA-11: PG… variables change neither the database nor how to connect to it', async () => {
  const names = ['HOST', 'PORT', 'USER', 'USERNAME', 'PASSWORD', 'DATABASE', 'APPNAME', 'SSL', 'SSLNEGOTIATION', 'MAX'];
  names.push(
    'PREPARE',
    'MAX_PIPELINE',
    'CONNECT_TIMEOUT',
    'IDLE_TIMEOUT',
    'MAX_LIFETIME',
    'KEEP_ALIVE',
    'DEBUG',
    'TARGETSESSIONATTRS',
  );
  for (const name of names) vi.stubEnv(`PG${name}`, 'elsewhere');
  const sql = openDatabase(database.url, { max: 1 });
  const { pathname } = new URL(database.url);
  try {
    expect(sql.options).toMatchObject({ max: 1, prepare: true, keep_alive: 60, debug: false, ssl: false });
    expect(await sql`select current_database() as name, current_setting('application_name') as app`).toEqual([
      { name: pathname.slice(1), app: 'boocode' },
    ]);
    // They stay for others, though.
    expect(process.env['PGTARGETSESSIONATTRS']).toBe('elsewhere');
    // For a server that trusts everyone: the password is empty, not missing.
    const withoutPassword = openDatabase('postgres://u@localhost:1/x', { max: 1 });
    expect((withoutPassword.options as unknown as { pass: () => string }).pass()).toBe('');
    expect(withoutPassword.options).toMatchObject({ host: ['localhost'], port: [1], user: 'u', database: 'x' });
  } finally {
    vi.unstubAllEnvs();
    await sql.end();
  }
});

test('DATA-15: uses the one of several hosts that answers and accepts writes', async () => {
  const [first, second] = [await openPostgresProxy(database.url), await openPostgresProxy(database.url)];
  await first.goDown();
  const there = new URL(second.url);
  const sql = openDatabase(
    `postgres://${there.username}:${there.password}@127.0.0.1:${new URL(first.url).port},127.0.0.1:${there.port}${there.pathname}`,
    { max: 2, oneAtATime: true },
  );
  try {
    expect(await sql`select 1 as one`).toEqual([{ one: 1 }]);
    await first.comeUp();
    await second.goDown();
    await expect(sql`select 1 as one`.catch(() => sql`select 1 as one`)).resolves.toEqual([{ one: 1 }]);
  } finally {
    await sql.end({ timeout: 1 });
    await Promise.all([first.close(), second.close()]);
  }
});
