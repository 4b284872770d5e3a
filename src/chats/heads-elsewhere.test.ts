// Readers on a host that does not hold the chat, with two hosts on one database.
import { afterAll, afterEach, beforeAll, beforeEach, describe, expect, test } from 'vitest';
import { type ChatsHost, openChatsHost } from '../../test/support/chats-host.ts';
import { ManualClock } from '../../test/support/manual-clock.ts';
import { createTestDatabase, type TestDatabase } from '../../test/support/postgres.ts';
import { type Log, silentLog } from '../lib/log.ts';
import { createPushable } from '../lib/pushable.ts';
import type { FeedItem } from '../protocol/event.ts';
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

describe('what it asks', () => {
  let clock: ManualClock;
  let asked: string[][];
  let isAway: boolean;
  let warnings: unknown[][];
  let feeds: Map<string, { readerCount: number; publishedSeq: number; heads: number[]; noteHead(seq: number): void }>;
  let heads: HeadsElsewhere;
  const away = new Error('away');
  beforeEach(() => {
    [clock, asked, isAway, warnings, feeds] = [new ManualClock(), [], false, [], new Map()];
    // In place of the database: each log reaches as far as the chat's name is long.
    const sql = (_: unknown, ids: string[]) => {
      asked.push(ids);
      return isAway ? Promise.reject(away) : Promise.resolve(ids.map((id) => ({ id, head: id.length, hostId: null })));
    };
    const logger: Log = { ...silentLog, warn: (...line) => void warnings.push(line) };
    const isHeld = (id: string) => id.startsWith('held');
    heads = new HeadsElsewhere({ sql: sql as never, clock, logger, feeds: feeds as never, isHeld });
  });
  function follow(id: string, readerCount = 1): void {
    const seen: number[] = [];
    feeds.set(id, { readerCount, publishedSeq: 0, heads: seen, noteHead: (seq) => void seen.push(seq) });
  }
  async function pass(): Promise<void> {
    clock.advance(askEveryMs);
    await new Promise((resolve) => setImmediate(resolve));
  }

  test('is the chats that are followed here and held elsewhere, once a second, as long as there are any', async () => {
    follow('other');
    follow('held-here');
    follow('unread', 0);
    heads.arm();
    heads.arm();
    expect([clock.nextMs, asked]).toEqual([askEveryMs, []]);
    await pass();
    await pass();
    expect([asked, feeds.get('other')!.heads]).toEqual([
      [['other'], ['other']],
      [5, 5],
    ]);
    feeds.delete('other');
    await pass();
    expect([asked.length, clock.nextMs]).toEqual([2, null]);
    follow('more');
    heads.arm();
    await pass();
    expect(asked.at(-1)).toEqual(['more']);
  });

  test('HOST-10: is asked at once when another host rings for a chat that is followed, and again if it is asking', async () => {
    follow('other');
    follow('held-here');
    heads.askNow(new Set(['unknown', 'held-here']));
    expect(asked).toEqual([]);
    heads.askNow(new Set(['unknown', 'other']));
    heads.askNow(null);
    heads.askNow(null);
    expect([asked, clock.nextMs]).toEqual([[['other']], null]);
    await new Promise((resolve) => setImmediate(resolve));
    expect([asked, clock.nextMs]).toEqual([[['other'], ['other']], askEveryMs]);
    heads.askNow(null);
    await new Promise((resolve) => setImmediate(resolve));
    expect([asked.length, clock.nextMs]).toEqual([3, askEveryMs]);
    await heads.stop();
    heads.askNow(null);
    expect([asked.length, clock.nextMs]).toEqual([3, null]);
  });

  test('is nothing if nothing is followed, or once it was stopped', async () => {
    heads.arm();
    await pass();
    expect([asked, clock.nextMs]).toEqual([[], null]);
    follow('other');
    heads.arm();
    await heads.stop();
    expect(clock.nextMs).toBeNull();
    heads.arm();
    expect(clock.nextMs).toBeNull();
  });

  test('is asked again after a failure, which is reported once, and again after the next one', async () => {
    follow('other');
    heads.arm();
    isAway = true;
    await pass();
    await pass();
    const line = [{ err: away }, 'What other hosts have written could not be read; trying again.'];
    expect(warnings).toEqual([line]);
    isAway = false;
    await pass();
    expect(feeds.get('other')!.heads).toEqual([5]);
    isAway = true;
    await pass();
    expect(warnings).toEqual([line, line]);
  });

  test('LOG-14: is left to a relay that brings it, but not to one that stands still', async () => {
    const items = createPushable<FeedItem>();
    const holder = { hostId: 'h', name: 'n', address: 'http://h' };
    const sql = (_: unknown, ids: string[]) => Promise.resolve(ids.map((id) => ({ id, head: id.length, ...holder })));
    const followHolder = () => items.iterable;
    const isHeld = () => false;
    const parts = { sql: sql as never, clock, logger: silentLog, feeds: feeds as never, isHeld, followHolder };
    heads = new HeadsElsewhere(parts);
    follow('other');
    const feed = feeds.get('other')!;
    heads.askNow(null);
    await new Promise((resolve) => setImmediate(resolve));
    await pass();
    expect(feed.heads).toEqual([5, 5]);
    items.push({ kind: 'resume', type: 'resume', verdict: 'ok', after: 0, head: 0 });
    await pass();
    feed.publishedSeq = 3;
    const before = feed.heads.length;
    heads.askNow(null);
    await new Promise((resolve) => setImmediate(resolve));
    feed.publishedSeq = 4;
    await pass();
    expect(feed.heads.length).toBe(before);
    await pass();
    expect(feed.heads.length).toBe(before + 1);
    await heads.stop();
  });
});
