import { expect, inject, test } from 'vitest';
import { openDatabase } from '../../src/store/database.ts';
import { withDatabase } from './database-name.ts';
import { createTestDatabase } from './postgres.ts';
import { until } from './until.ts';

test('a test database is migrated, empty, and separate from others', async () => {
  const [one, other] = await Promise.all([createTestDatabase(), createTestDatabase()]);
  const add = (name: string) => one.sql`
    insert into boocode.hosts (id, machine, pid, pid_started, version) values (gen_random_uuid(), ${name}, 1, '', '')`;
  await add('here');
  expect(await one.sql`select machine from boocode.hosts`).toEqual([{ machine: 'here' }]);
  expect(await other.sql`select machine from boocode.hosts`).toEqual([]);
  await Promise.all([one.drop(), other.drop()]);
});

test('a dropped database is gone', async () => {
  const database = await createTestDatabase();
  await database.drop();
  const admin = openDatabase(inject('postgresUrl'), { max: 1 });
  const name = new URL(database.url).pathname.slice(1);
  expect(await admin`select 1 from pg_database where datname = ${name}`).toEqual([]);
  await admin.end();
});

test('a connection left open fails the test that left it, with name and query, and the database is dropped anyway', async () => {
  const database = await createTestDatabase();
  const leak = openDatabase(`${database.url}?application_name=leaky`, { max: 1 });
  await leak`select 'left open'`;
  await expect(database.drop()).rejects.toThrow("The test left connections open: leaky: select 'left open'");
  await leak.end();
  const gone = openDatabase(database.url, { max: 1 });
  await expect(gone`select 1`).rejects.toMatchObject({ code: '3D000' });
  await gone.end();
});

test('withDatabase changes only the database of a URL', () => {
  const url = inject('postgresUrl');
  expect(withDatabase(url, 'other')).toBe(url.replace(/\/postgres$/, '/other'));
});

test('until returns the truthy answer, and names what it waited for when it times out', async () => {
  let asked = 0;
  expect(await until(() => ++asked === 3 && 'third')).toBe('third');
  await expect(until(() => false, { timeoutMs: 20, what: 'the moon' })).rejects.toThrow('20 ms waiting for the moon');
});
