// A log that is replaced: by a restore, which gives it another id, or by a database that is set back and written to again.
import { afterAll, afterEach, beforeAll, beforeEach, describe, expect, test } from 'vitest';
import { type ChatsHost, type Following, openChatsHost } from '../../test/support/chats-host.ts';
import { createTestDatabase, type TestDatabase } from '../../test/support/postgres.ts';
import { until } from '../../test/support/until.ts';
import { seqOf } from '../protocol/log-cursor.ts';

let database: TestDatabase;
let here: ChatsHost;
let chatId: string;
beforeAll(async () => {
  database = await createTestDatabase();
});
afterAll(() => database.drop());
beforeEach(async () => {
  here = await openChatsHost(database.url);
  ({ id: chatId } = await here.createChat());
  await write('old', 6);
});
afterEach(() => here.close());

/** Appends events as another host would, which this one is not told about. */
async function write(message: string, count: number): Promise<void> {
  await database.sql`
    with numbered as (
      update boocode.chats set next_seq = next_seq + ${count} where id = ${chatId} returning next_seq - ${count} as first)
    insert into boocode.events (chat_id, seq, type, payload)
    select ${chatId}, first + n, 'notice', json_build_object(
      'type', 'notice', 'level', 'info', 'code', 'x', 'message', ${message} || ' ' || (first + n))
    from numbered, generate_series(0, ${count - 1}) as n`;
}
/** As after a recovery to an earlier moment. */
async function setBack(head: number): Promise<void> {
  await database.sql`delete from boocode.events where chat_id = ${chatId} and seq > ${head}`;
  await database.sql`update boocode.chats set next_seq = ${head + 1} where id = ${chatId}`;
}
const renewId = () => database.sql`update boocode.chats set log_id = gen_random_uuid() where id = ${chatId}`;

/** The cursor that a reader has after the event with this seq. */
async function cursorAt(seq: number): Promise<string> {
  const { end } = await here.chats.readEvents(chatId, { after: seq - 1, limit: 1 });
  return end!;
}
const follow = async (after: string | number): Promise<Following> => here.follow(chatId, after);
const messages = (following: Following): string[] =>
  following.events.map((event) => (event.type === 'notice' ? event.message : event.type));
const verdict = async (following: Following) =>
  until(() => following.items.flatMap((item) => (item.kind === 'resume' ? [item.verdict] : []))[0]);

describe('LOG-15: a reader whose cursor was given by the server', () => {
  test('continues in the same log', async () => {
    const reader = await follow(await cursorAt(4));
    expect(await verdict(reader)).toBe('ok');
    await reader.untilSeq(6);
    expect(messages(reader)).toEqual(['old 5', 'old 6']);
    await reader.close();
  });

  test('is told of a log that was set back before its cursor, although the log is longer by now', async () => {
    const cursor = await cursorAt(4);
    await setBack(3);
    await write('new', 4);
    const reader = await follow(cursor);
    expect(await verdict(reader)).toBe('gap');
    await reader.untilSeq(7);
    expect(messages(reader)).toEqual(['old 1', 'old 2', 'old 3', 'new 4', 'new 5', 'new 6', 'new 7']);
    await reader.close();
  });

  test('is told of a log that ends before its cursor', async () => {
    const cursor = await cursorAt(4);
    await setBack(3);
    const reader = await follow(cursor);
    expect(await verdict(reader)).toBe('gap');
    await reader.close();
  });

  test('continues if the log was set back to a moment after its cursor: it has seen nothing else', async () => {
    const cursor = await cursorAt(4);
    await setBack(4);
    await write('new', 2);
    const reader = await follow(cursor);
    expect(await verdict(reader)).toBe('ok');
    await reader.untilSeq(6);
    expect(messages(reader)).toEqual(['new 5', 'new 6']);
    await reader.close();
  });

  test('is told of a log with another id, whatever is in it', async () => {
    const cursor = await cursorAt(4);
    await renewId();
    const reader = await follow(cursor);
    expect(await verdict(reader)).toBe('gap');
    await reader.untilSeq(6);
    // What it gets now are cursors of this log.
    const last = reader.items.flatMap((item) => (item.kind === 'event' ? [item.cursor!] : [])).at(-1)!;
    expect(seqOf(last)).toBe(6);
    expect(await verdict(await follow(last))).toBe('ok');
    await reader.close();
  });

  test('a bare seq is a cursor of any log that reaches so far', async () => {
    await setBack(3);
    await write('new', 4);
    await renewId();
    expect(await verdict(await follow(4))).toBe('ok');
    expect(await verdict(await follow(8))).toBe('gap');
  });
});

describe('LOG-16: a page of the history', () => {
  test('has the cursors of its ends, which lead on in both directions', async () => {
    const page = await here.chats.readEvents(chatId, { before: 5, limit: 2 });
    expect(page.items.map(({ seq }) => seq)).toEqual([3, 4]);
    const older = await here.chats.readEvents(chatId, { before: page.start!, limit: 10 });
    const newer = await here.chats.readEvents(chatId, { after: page.end!, limit: 10 });
    expect([older, newer].map(({ items }) => items.map(({ seq }) => seq))).toEqual([
      [1, 2],
      [5, 6],
    ]);
    expect(await here.chats.readEvents(chatId, { after: 6, limit: 1 })).toMatchObject({
      items: [],
      start: null,
      end: null,
    });
  });

  test('is refused if the cursor is of another log, in both directions', async () => {
    const cursor = await cursorAt(4);
    await setBack(3);
    await write('new', 4);
    for (const from of [{ before: cursor }, { after: cursor }]) {
      await expect(here.chats.readEvents(chatId, { ...from, limit: 2 })).rejects.toMatchObject({
        code: 'log_replaced',
      });
    }
    const { items } = await here.chats.readEvents(chatId, { before: 5, limit: 2 });
    expect(items.map(({ seq }) => seq)).toEqual([3, 4]);
  });
});

describe('LOG-17: a database that is set back under a running server', () => {
  test('ends a reader that is ahead of the log', async () => {
    const reader = await follow(0);
    await reader.untilSeq(6);
    await setBack(3);
    await reader.ended;
    expect(reader.events).toHaveLength(6);
  });

  test('ends a reader before it sees anything of the other log', async () => {
    const reader = await follow(0);
    await reader.untilSeq(6);
    await setBack(3);
    await write('new', 5);
    await reader.ended;
    expect(messages(reader)).toEqual(['old 1', 'old 2', 'old 3', 'old 4', 'old 5', 'old 6']);
    const cursor = reader.items.flatMap((item) => (item.kind === 'event' ? [item.cursor!] : [])).at(-1)!;
    const again = await follow(cursor);
    expect(await verdict(again)).toBe('gap');
    await again.untilSeq(8);
    expect(messages(again).slice(2)).toEqual(['old 3', 'new 4', 'new 5', 'new 6', 'new 7', 'new 8']);
    await again.close();
  });
});
