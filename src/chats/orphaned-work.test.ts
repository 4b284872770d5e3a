import { randomUUID } from 'node:crypto';
import { afterAll, beforeAll, expect, test } from 'vitest';
import { createGate } from '../../test/support/gate.ts';
import { ManualClock } from '../../test/support/manual-clock.ts';
import { newChat } from '../../test/support/new-chat.ts';
import { createTestDatabase, type TestDatabase } from '../../test/support/postgres.ts';
import { until } from '../../test/support/until.ts';
import { silentLog } from '../lib/log.ts';
import { insertChat } from '../store/chats.ts';
import { insertHost } from '../store/hosts.ts';
import { OrphanedWork } from './orphaned-work.ts';

let database: TestDatabase;
beforeAll(async () => {
  database = await createTestDatabase();
});
afterAll(() => database.drop());

test('HOST-23: the next look comes when the lease of a host that is gone runs out, and otherwise after five seconds', async () => {
  const { sql } = database;
  const [here, gone] = [randomUUID(), randomUUID()];
  for (const id of [here, gone]) await insertHost(sql, { id, machine: 'm', pid: 1, pidStarted: id, version: '0' });
  const lease = async (hostId: string, seconds: number): Promise<void> => {
    const { id } = await insertChat(sql, newChat());
    await sql`
      update boocode.chats set owner_host = ${hostId}, lease_until = clock_timestamp() + ${seconds} * interval '1 second'
      where id = ${id}`;
  };
  const nextLook = async (): Promise<number> => {
    const clock = new ManualClock();
    const parts = { sql, hostId: here, clock, logger: silentLog, isTaking: () => true, dropped: () => [] };
    const work = new OrphanedWork({ ...parts, take: () => Promise.resolve() });
    await work.start();
    const { nextMs } = clock;
    await work.stop();
    return nextMs!;
  };
  // Its own, a living host's and one that has run out already.
  await lease(here, 2);
  await lease(gone, 11);
  await lease(gone, -1);
  expect(await nextLook()).toBe(5_000);
  await lease(gone, 4);
  const ms = await nextLook();
  expect(ms).toBeGreaterThan(250);
  expect(ms).toBeLessThanOrEqual(4_021);
  await sql`update boocode.chats set lease_until = clock_timestamp() + interval '100 milliseconds' where owner_host = ${gone}`;
  expect(await nextLook()).toBe(250);
});

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
  await until(() => taken.length === 19, { what: 'the other chats' });
  expect(taken).not.toContain(slow);
  const late = randomUUID();
  chats = [slow, late];
  clock.advance(await until(() => clock.nextMs, { what: 'the next look to be planned' }));
  await until(() => taken.includes(late), { what: 'what the next look finds' });
  gate.open();
  await looking;
  expect(taken.filter((chatId) => chatId === slow)).toHaveLength(1);
  expect(taken).toHaveLength(21);
  expect(most).toBe(8);
  await work.stop();
});
