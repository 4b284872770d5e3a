import { randomUUID } from 'node:crypto';
import { afterAll, beforeAll, expect, test } from 'vitest';
import { createGate } from '../../test/support/gate.ts';
import { ManualClock } from '../../test/support/manual-clock.ts';
import { createTestDatabase, type TestDatabase } from '../../test/support/postgres.ts';
import { until } from '../../test/support/until.ts';
import { OrphanedWork } from './orphaned-work.ts';

let database: TestDatabase;
beforeAll(async () => {
  database = await createTestDatabase();
});
afterAll(() => database.drop());

test('PROMPT-4: a chat that takes long to take delays neither the others nor the next look, and eight are taken at once', async () => {
  const clock = new ManualClock();
  let chats = Array.from({ length: 20 }, () => randomUUID());
  const slow = chats[0]!;
  const gate = createGate();
  const taken: string[] = [];
  let now = 0;
  let most = 0;
  const work = new OrphanedWork({
    sql: database.sql,
    hostId: randomUUID(),
    clock,
    logger: { debug() {}, info() {}, warn() {}, error() {} },
    isTaking: () => true,
    dropped: () => chats,
    async take(chatId) {
      most = Math.max(most, (now += 1));
      await (chatId === slow ? gate.pass() : Promise.resolve());
      taken.push(chatId);
      now -= 1;
    },
  });
  const looking = work.start();
  await until(() => taken.length === 19, { timeoutMs: 5_000, what: 'the other chats' });
  expect(taken).not.toContain(slow);
  const late = randomUUID();
  chats = [slow, late];
  clock.advance(5_000);
  await until(() => taken.includes(late), { timeoutMs: 5_000, what: 'what the next look finds' });
  gate.open();
  await looking;
  expect(taken.filter((chatId) => chatId === slow)).toHaveLength(1);
  expect(taken).toHaveLength(21);
  expect(most).toBe(8);
  await work.stop();
});
