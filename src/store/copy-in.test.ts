import { randomUUID } from 'node:crypto';
import { afterAll, afterEach, beforeAll, beforeEach, expect, test } from 'vitest';
import { newChat } from '../../test/support/new-chat.ts';
import { createTestDatabase, type TestDatabase } from '../../test/support/postgres.ts';
import { insertChat } from './chats.ts';
import { openCopy } from './copy-in.ts';
import { openDatabase, type Sql } from './database.ts';
import { isDatabaseError } from './storage-error.ts';

let database: TestDatabase;
let one: Sql;
let chatId: string;
beforeAll(async () => {
  database = await createTestDatabase();
  ({ id: chatId } = await insertChat(database.sql, newChat()));
});
afterAll(() => database.drop());
// After a failure the driver does not always get on with a connection, so nobody uses it again.
beforeEach(() => {
  one = openDatabase(database.url, { max: 1 });
});
afterEach(() => one.end({ timeout: 0 }));

const columns = ['chat_id', 'seq', 'type', 'payload'];
const row = (chat: string, seq: number): Buffer => Buffer.from(`${chat}\t${seq}\tnotice\t{}\n`);
const stored = async (): Promise<number> => (await database.sql`select from boocode.events`).length;

test('fills a table with rows that are cut anywhere', async () => {
  const copy = await openCopy(one, 'events', columns);
  const rows = Buffer.concat([row(chatId, 1), row(chatId, 2)]);
  for (let at = 0; at < rows.length; at += 7) await copy.write(rows.subarray(at, at + 7));
  await copy.end();
  expect(await stored()).toBe(2);
});

test('BACKUP-6: reports rows that the database refuses only after the last one', async () => {
  const copy = await openCopy(one, 'events', columns);
  await copy.write(row(randomUUID(), 1));
  await expect(copy.end()).rejects.toMatchObject({ code: '23503' });
  expect(await stored()).toBe(2);
});

test('BACKUP-6: reports rows that the database cannot read', async () => {
  const copy = await openCopy(one, 'events', columns);
  const all = async (): Promise<void> => {
    for (let seq = 10; ; seq += 1) await copy.write(row(`not a chat ${'x'.repeat(60_000)}`, seq));
  };
  await expect(all()).rejects.toMatchObject({ code: '22P02' });
});

test('BACKUP-6: reports a lost connection', async () => {
  const [me] = await one<{ pid: number }[]>`select pg_backend_pid() as pid`;
  const copy = await openCopy(one, 'events', columns);
  await copy.write(row(chatId, 20));
  await database.sql`select pg_terminate_backend(${me!.pid})`;
  expect(isDatabaseError(await copy.end().catch((error: unknown) => error))).toBe(true);
  expect(await stored()).toBe(2);
});
