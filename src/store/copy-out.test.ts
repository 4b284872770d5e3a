import { afterAll, afterEach, beforeAll, beforeEach, expect, test } from 'vitest';
import { newChat } from '../../test/support/new-chat.ts';
import { createTestDatabase, type TestDatabase } from '../../test/support/postgres.ts';
import { insertChat } from './chats.ts';
import { readCopy } from './copy-out.ts';
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
beforeEach(() => {
  one = openDatabase(database.url, { max: 1 });
});
afterEach(() => one.end({ timeout: 0 }));

async function bytesOf(table: string, columns: string[]): Promise<number> {
  let bytes = 0;
  for await (const rows of readCopy(one, table, columns)) bytes += rows.length;
  return bytes;
}

test.each([10, 20_000, 70_000, 1_000_000])(
  'BACKUP-1: reads one table after the other, whose last row has %i bytes',
  async (bytes) => {
    await database.sql`delete from boocode.events`;
    await database.sql`insert into boocode.events (chat_id, seq, type, payload)
      select ${chatId}, n, 'x', to_json(repeat('x', ${bytes}::int)) from generate_series(1, 3) n`;
    for (let round = 0; round < 3; round += 1) {
      expect(await bytesOf('events', ['payload'])).toBe(3 * (bytes + 3));
      expect(await bytesOf('chats', ['id'])).toBe(37);
    }
  },
  10_000,
);

test('BACKUP-5: throws when the connection is lost', async () => {
  await database.sql`delete from boocode.events`;
  await database.sql`insert into boocode.events (chat_id, seq, type, payload)
    select ${chatId}, n, 'x', to_json(repeat('x', 10000)) from generate_series(1, 1000) n`;
  const [me] = await one<{ pid: number }[]>`select pg_backend_pid() as pid`;
  const rows = readCopy(one, 'events', ['payload']);
  await rows.next();
  await database.sql`select pg_terminate_backend(${me!.pid})`;
  const rest = async (): Promise<void> => {
    for await (const _ of rows);
  };
  expect(isDatabaseError(await rest().catch((error: unknown) => error))).toBe(true);
}, 10_000);
