// Readers on a host that does not hold the chat, with two hosts on one database.
import { afterAll, afterEach, beforeAll, beforeEach, expect, test } from 'vitest';
import { type ChatsHost, openChatsHost } from '../../test/support/chats-host.ts';
import { ManualClock } from '../../test/support/manual-clock.ts';
import { openPostgresProxy } from '../../test/support/postgres-proxy.ts';
import { createTestDatabase, type TestDatabase } from '../../test/support/postgres.ts';
import { until } from '../../test/support/until.ts';
import { type Log, silentLog } from '../lib/log.ts';
import { askEveryMs, HeadsElsewhere } from './heads-elsewhere.ts';

let database: TestDatabase;
let here: ChatsHost;
let there: ChatsHost;
beforeAll(async () => {
  database = await createTestDatabase();
});
afterAll(() => database.drop());
beforeEach(async () => {
  here = await openChatsHost(database.url);
  there = await openChatsHost(database.url);
});
afterEach(async () => {
  await here.close();
  await there.close();
});

/** One turn on a host, which takes the chat. */
async function turn(host: ChatsHost, id: string, count: number): Promise<void> {
  await host.chats.submitPrompt(id, { content: `turn ${count}` });
  await host.events(id, 'turn_finished', count);
}

/** Another host may take the chat at once, and this one does not know yet. */
const runOut = (id: string) =>
  database.sql`update boocode.chats set lease_until = clock_timestamp() - interval '1 second' where id = ${id}`;

const seqsOf = (events: readonly { seq: number }[]): number[] => events.map(({ seq }) => seq);
const dense = (count: number): number[] => Array.from({ length: count }, (_, index) => index + 1);
const headOf = async (id: string): Promise<number> => (await there.chats.getChat(id)).head;

test('LOG-12: a reader sees what another host writes, without a hole, and goes on when its own host takes the chat', async () => {
  const { id } = await there.createChat();
  await turn(there, id, 1);
  const reader = await here.follow(id);
  await turn(there, id, 2);
  await reader.untilSeq(await headOf(id));

  await runOut(id);
  await turn(here, id, 3);
  const head = await headOf(id);
  await reader.untilSeq(head);
  expect(seqsOf(reader.events)).toEqual(dense(head));
  await reader.close();
});

test('LOG-11 LOG-12: a reader on the old host goes on after the chat was taken away, and when it comes back', async () => {
  await here.close();
  const clock = new ManualClock();
  here = await openChatsHost(database.url, { clock });
  const { id } = await here.createChat();
  const reader = await here.follow(id);
  await turn(here, id, 1);
  // It looks, and has nothing to ask.
  clock.advance(askEveryMs);
  await runOut(id);
  await turn(there, id, 2);
  // It notices at its next write, or renewal.
  await expect(here.chats.submitPrompt(id, { content: 'no' })).rejects.toMatchObject({ code: 'chat_elsewhere' });
  clock.advance(askEveryMs);
  await reader.untilSeq(await headOf(id));
  await runOut(id);
  await turn(here, id, 3);
  const head = await headOf(id);
  await reader.untilSeq(head);
  expect(seqsOf(reader.events)).toEqual(dense(head));
  await reader.close();
});

test('LOG-12: a reader ends when the chat is deleted on another host', async () => {
  const { id } = await there.createChat();
  await turn(there, id, 1);
  const reader = await here.chats.follow(id, { after: 0 });
  const read = (async () => {
    for await (const item of reader.items) void item;
  })();
  await there.chats.deleteChat(id);
  await read;
  expect(reader.end).toBe('deleted');
});

test('a host whose readers all follow its own chats does not ask', async () => {
  const clock = new ManualClock();
  const feeds = new Map();
  const heads = new HeadsElsewhere({ sql: database.sql, clock, logger: silentLog, feeds, isHeld: () => false });
  heads.arm();
  heads.arm();
  expect(clock.nextMs).toBe(askEveryMs);
  clock.advance(askEveryMs);
  await heads.stop();
  expect(clock.nextMs).toBeNull();
  heads.arm();
  expect(clock.nextMs).toBeNull();
});

test('a database that is away is reported once, and asked again', async () => {
  const proxy = await openPostgresProxy(database.url);
  const lost = await openChatsHost(database.url, { url: proxy.url });
  try {
    const { id } = await there.createChat();
    await turn(there, id, 1);
    const warnings: string[] = [];
    const logger: Log = { ...silentLog, warn: (_, message) => void warnings.push(message) };
    const clock = new ManualClock();
    const noted: number[] = [];
    const feed = { readerCount: 1, noteHead: (seq: number) => void noted.push(seq) };
    const feeds = new Map([[id, feed]]) as never;
    const heads = new HeadsElsewhere({ sql: lost.sql, clock, logger, feeds, isHeld: () => false });
    heads.arm();
    await proxy.goDown();
    for (let count = 0; count < 2; count += 1) {
      await until(() => clock.nextMs !== null);
      clock.advance(askEveryMs);
      await until(() => warnings.length === 1);
    }
    await proxy.comeUp();
    await until(() => {
      if (clock.nextMs !== null) clock.advance(askEveryMs);
      return noted.length > 0;
    });
    expect(noted[0]).toBe(await headOf(id));
    expect(warnings).toHaveLength(1);
    await heads.stop();
  } finally {
    await lost.close();
    await proxy.close();
  }
});
