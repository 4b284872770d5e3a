import { randomUUID } from 'node:crypto';
import { afterAll, beforeAll, expect, test } from 'vitest';
import { openDatabase, type Sql } from '../../src/store/database.ts';
import { createTestDatabase, type TestDatabase } from '../support/postgres.ts';
import { findStaleRows, prepareDatabase } from './audit.ts';

let database: TestDatabase;
let one: Sql;
let two: Sql;
beforeAll(async () => {
  database = await createTestDatabase();
  await prepareDatabase(database.sql);
  const as = (name: string): Sql => {
    const url = new URL(database.url);
    url.searchParams.set('application_name', name);
    return openDatabase(url.href, { max: 1 });
  };
  [one, two] = [as('one'), as('two')];
});
afterAll(async () => {
  await Promise.all([one.end(), two.end()]);
  await database.drop();
});

test('PROOF-2: the database notes a row that gets in after another writer has claimed the chat', async () => {
  const id = randomUUID();
  const append = (sql: Sql, seq: number) => sql`
    insert into boocode.events (chat_id, seq, type, payload) values (${id}, ${seq}, 'notice', '{}')`;
  const claim = (sql: Sql) => sql`update boocode.chats set epoch = epoch + 1 where id = ${id}`;
  await one`insert into boocode.chats (id, cwd, backend) values (${id}, '/', 'scripted_loop')`;
  await claim(one);
  await append(one, 1);
  await claim(two);
  await append(two, 2);
  expect(await findStaleRows(database.sql)).toEqual([]);
  await append(one, 3);
  const stale = { writer: 'one', holder: 'two', what: 'events', count: 1 };
  expect([...(await findStaleRows(database.sql))]).toEqual([stale]);
  expect([...(await findStaleRows(database.sql, { chatId: id, sinceEpoch: 2 }))]).toEqual([stale]);
  expect([...(await findStaleRows(database.sql, { chatId: id, sinceEpoch: 3 }))]).toEqual([]);
});
