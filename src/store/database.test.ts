import { afterAll, beforeAll, expect, test } from 'vitest';
import { createTestDatabase, type TestDatabase } from '../../test/support/postgres.ts';
import { openPostgresProxy } from '../../test/support/postgres-proxy.ts';
import { openDatabase } from './database.ts';

let database: TestDatabase;
beforeAll(async () => {
  database = await createTestDatabase();
});
afterAll(() => database.drop());

test('DATA-4: a connection that breaks right after logging in rejects the statement and nothing else', async () => {
  const proxy = await openPostgresProxy(database.url);
  const sql = openDatabase(proxy.url, { max: 1 });
  const unheld: unknown[] = [];
  const note = (error: unknown): void => void unheld.push(error);
  process.on('unhandledRejection', note);
  try {
    for (let time = 0; time < 3; time += 1) {
      proxy.fault = () => 'cut';
      await expect(sql`select 1`).rejects.toMatchObject({ code: 'CONNECTION_CLOSED' });
      proxy.fault = () => 'pass';
      expect(await sql`select ${time}::int as time`).toEqual([{ time }]);
      proxy.cutAll();
    }
    expect(unheld).toEqual([]);
  } finally {
    process.off('unhandledRejection', note);
    await sql.end({ timeout: 1 });
    await proxy.close();
  }
});

test('passes arrays unchanged, without querying the server for their types', async () => {
  const texts = ['', 'a,b', '{"x"}', '\\', '"', 'null', 'NULL', ' ', 'ü\u{1f600}\n', null];
  const ids = ['0b6f1f0e-7e2a-4a57-9a39-6f2d9c1c9f10'];
  const [row] = await database.sql<{ texts: string; ids: string; numbers: string; none: string }[]>`
    select to_json(${texts as string[]}::text[]) as texts, to_json(${ids}::uuid[]) as ids,
      to_json(${[1, -2, 2 ** 53]}::bigint[]) as numbers, to_json(${[] as string[]}::text[]) as none`;
  expect([row?.texts, row?.ids, row?.numbers, row?.none].map((json) => JSON.parse(json ?? '') as unknown)).toEqual([
    texts,
    ids,
    [1, -2, 2 ** 53],
    [],
  ]);
  await expect(database.sql`select array['a'] as read`).rejects.toThrow(/never read/);
});
