import { beforeEach, describe, expect, test } from 'vitest';
import type { Delta, Event, FeedItem } from '../protocol/event.ts';
import { Backlog } from './backlog.ts';
import type { Reader } from './chats.ts';
import { Feed } from './feed.ts';

/** What is stored. */
let stored: Event[];
let logId: string;
let pages: { after: number; limit: number }[];
let feed: Feed;
/** Called before a page is read. */
let beforePage: () => void;
beforeEach(() => {
  stored = [];
  logId = 'aaaaaaaa';
  pages = [];
  beforePage = () => {};
  feed = new Feed(
    {
      read(page) {
        beforePage();
        pages.push(page);
        return Promise.resolve(stored.filter(({ seq }) => seq > page.after).slice(0, page.limit));
      },
      find: (seq) => Promise.resolve({ head: stored.length, logId, at: stored[seq - 1]?.at ?? null }),
    },
    { backlogBytes: 10_000 },
  );
});

/** Stores an event without showing it. */
function store(body: object = { type: 'notice' }): Event {
  const seq = stored.length + 1;
  const event = { seq, at: new Date(seq).toISOString(), ...body } as Event;
  stored.push(event);
  return event;
}
const say = (body?: object): void => feed.publishEvent(store(body));
const text = (messageId: string, said: string, type = 'agent_message_chunk'): Delta =>
  ({ type, messageId, content: { type: 'text', text: said } }) as Delta;
const input = (toolCallId: string, partialInput: string): Delta =>
  ({ type: 'tool_call_chunk', toolCallId, title: 'Bash', partialInput }) as Delta;

/** A reader that takes an item only when told to. */
class Taker {
  readonly reader: Reader;
  readonly #items: AsyncIterator<FeedItem>;

  constructor(after = 0, backlog?: Backlog) {
    this.reader = feed.follow({ after, backlog });
    this.#items = this.reader.items[Symbol.asyncIterator]();
  }

  /** The next item, whole. */
  async item(): Promise<unknown> {
    return (await this.#items.next()).value;
  }

  /** The next item: its seq, its text, or its kind. Null at the end. */
  async next(): Promise<number | string | null> {
    const { done, value } = await this.#items.next();
    if (done === true) return null;
    const item = value as FeedItem;
    if (item.kind === 'event') return item.event.seq;
    if (item.kind !== 'delta') return item.verdict;
    return item.delta.type === 'tool_call_chunk' ? item.delta.partialInput : item.delta.content.text;
  }

  async take(count: number): Promise<(number | string | null)[]> {
    const taken = [];
    for (let index = 0; index < count; index += 1) taken.push(await this.next());
    return taken;
  }

  leave = () => this.#items.return?.();
}

/** A reader that has read everything and is live; its first live item is seq 1. */
async function liveTaker(backlog?: Backlog): Promise<Taker> {
  const taker = new Taker(0, backlog);
  await taker.next();
  const first = taker.next();
  await new Promise(setImmediate);
  say();
  expect(await first).toBe(1);
  return taker;
}

describe('LOG-3: a reader of the history', () => {
  test('gets all of a log that was never shown here, in pages', async () => {
    for (let count = 0; count < 501; count += 1) store();
    const taker = new Taker();
    expect(await taker.take(502)).toEqual(['ok', ...stored.map(({ seq }) => seq)]);
    expect(pages).toEqual([
      { after: 0, limit: 500 },
      // From the last event on, which must still be there.
      { after: 499, limit: 501 },
    ]);
  });

  test('gets once what is stored and shown while it reads', async () => {
    store();
    // Stored after the page was read, and shown before the reader is live.
    const reads = feed.follow({ after: 0 }).items[Symbol.asyncIterator]();
    await reads.next();
    await reads.next();
    say();
    expect(await reads.next()).toMatchObject({ value: { event: { seq: 2 } } });
    // Stored and read, but not yet shown.
    const late = store();
    const taker = new Taker(1);
    expect(await taker.take(3)).toEqual(['ok', 2, 3]);
    const next = taker.next();
    await new Promise(setImmediate);
    feed.publishEvent(late);
    say();
    expect(await next).toBe(4);
  });

  test('starts over if its cursor is not in the log', async () => {
    store();
    expect(await new Taker(1).take(1)).toEqual(['ok']);
    const beyond = new Taker(2);
    expect(await beyond.item()).toEqual({ kind: 'resume', type: 'resume', verdict: 'gap', after: 2, head: 1 });
    expect(await beyond.next()).toBe(1);
  });

  test('gets nothing more once it is closed', async () => {
    say();
    say();
    const between = new Taker();
    await between.take(2);
    between.reader.close();
    expect(await between.take(2)).toEqual([null, null]);
    const reading = new Taker();
    await reading.next();
    beforePage = () => reading.reader.close();
    expect(await reading.next()).toBeNull();
    const empty = new Taker(2);
    await empty.next();
    beforePage = () => empty.reader.close();
    expect(await empty.next()).toBeNull();
    expect(feed.readerCount).toBe(0);
  });

  test('is no longer one if the log cannot be read', async () => {
    const broken = new Feed(
      { find: () => Promise.reject(new Error('Gone.')), read: () => Promise.resolve([]) },
      { backlogBytes: 1 },
    );
    const items = broken.follow({ after: 0 }).items[Symbol.asyncIterator]();
    expect(broken.readerCount).toBe(1);
    await expect(items.next()).rejects.toThrow('Gone.');
    expect(broken.readerCount).toBe(0);
  });
});

describe('LOG-6: a reader that joins late', () => {
  const joins = async (count: number): Promise<(number | string | null)[]> => {
    const taker = new Taker(stored.length);
    const taken = await taker.take(count + 1);
    const end = taker.next();
    await new Promise(setImmediate);
    taker.reader.close();
    return [...taken.slice(1), await end];
  };

  test('gets what has streamed of each message, thought and call', async () => {
    feed.publishDelta(text('m', 'Hel'));
    feed.publishDelta(input('t', '{"a'));
    feed.publishDelta(text('h', 'H', 'agent_thought_chunk'));
    feed.publishDelta(text('m', 'lo'));
    feed.publishDelta(input('t', '":1}'));
    feed.publishDelta(text('h', 'm', 'agent_thought_chunk'));
    const first = new Taker();
    await first.next();
    expect(await first.item()).toEqual({ kind: 'delta', delta: text('m', 'Hello') });
    expect(await joins(3)).toEqual(['Hello', '{"a":1}', 'Hm', null]);
    say({ type: 'agent_message', messageId: 'm' });
    expect(await joins(2)).toEqual(['{"a":1}', 'Hm', null]);
    say({ type: 'tool_call', toolCallId: 't' });
    expect(await joins(1)).toEqual(['Hm', null]);
    say({ type: 'agent_thought', messageId: 'h' });
    expect(await joins(0)).toEqual([null]);
  });

  test('gets nothing of a turn that has ended, and all of one that has not', async () => {
    feed.publishDelta(text('m', 'Hel'));
    say({ type: 'notice', messageId: 'm', toolCallId: 'm' });
    expect(await joins(1)).toEqual(['Hel', null]);
    say({ type: 'turn_finished' });
    expect(await joins(0)).toEqual([null]);
  });

  test('gets the later one of a message and a call with the same id', async () => {
    feed.publishDelta(text('x', 'Hel'));
    feed.publishDelta(input('x', '{'));
    expect(await joins(1)).toEqual(['{', null]);
    feed.publishDelta(text('x', 'lo'));
    expect(await joins(1)).toEqual(['lo', null]);
  });

  test('gets live what streams in while it catches up', async () => {
    feed.publishDelta(text('m', 'a'));
    feed.publishDelta(text('n', 'b'));
    const taker = new Taker();
    expect(await taker.take(2)).toEqual(['ok', 'a']);
    feed.publishDelta(text('o', 'c'));
    expect(await taker.take(2)).toEqual(['b', 'c']);
  });
});

describe('LOG-5: what a reader leaves unread', () => {
  test('counts with about its size in memory, until it is read', async () => {
    const backlog = new Backlog(10_000);
    const taker = await liveTaker(backlog);
    feed.publishDelta(text('m', 'four'));
    expect(backlog.bytes).toBe(204);
    feed.publishDelta(input('t', '{"a":'));
    expect(backlog.bytes).toBe(204 + 205);
    say({ type: 'notice', message: 'x'.repeat(100) });
    const eventBytes = JSON.stringify(stored.at(-1)).length;
    expect(backlog.bytes).toBe(204 + 205 + eventBytes);
    await taker.next();
    expect(backlog.bytes).toBe(205 + eventBytes);
    await taker.next();
    await taker.leave();
    expect([backlog.bytes, feed.readerCount]).toEqual([0, 0]);
  });

  test('cuts it off when there is too much of it, and what was buffered still comes', async () => {
    const taker = await liveTaker();
    for (let count = 0; count < 4; count += 1) feed.publishDelta(text('m', 'y'.repeat(2_300)));
    expect([taker.reader.end, feed.readerCount]).toEqual([undefined, 1]);
    feed.publishDelta(text('m', 'z'));
    expect([taker.reader.end, feed.readerCount]).toEqual(['behind', 0]);
    expect((await taker.take(5)).map((each) => each?.toString().length)).toEqual([
      2_300,
      2_300,
      2_300,
      2_300,
      undefined,
    ]);
  });
});

describe('a reader’s end', () => {
  test('has the first reason, and comes after what was buffered', async () => {
    const taker = await liveTaker();
    const left = new Taker();
    say();
    feed.end('deleted');
    taker.reader.close();
    feed.end('closing');
    expect([taker.reader.end, left.reader.end, feed.readerCount]).toEqual(['deleted', 'deleted', 0]);
    expect(await taker.take(2)).toEqual([2, null]);
    // One that had not begun.
    expect(await left.take(2)).toEqual(['ok', null]);
    const closed = new Taker();
    closed.reader.close();
    expect(closed.reader.end).toBe('closed');
  });
});

describe('LOG-11: a chat that another host has written to', () => {
  test('an event that is not the next one sends a live reader back to the log, and then it is live again', async () => {
    const taker = await liveTaker();
    const waiting = taker.next();
    store();
    store();
    say();
    expect([await waiting, ...(await taker.take(2))]).toEqual([2, 3, 4]);
    const live = taker.next();
    await settled();
    say();
    expect(await live).toBe(5);
    // Of the log only what it lacked was read, and the last event before it.
    expect(pages.map(({ after }) => after)).toEqual([0, 0]);
  });

  test('what was queued before the hole comes first, and nothing comes twice', async () => {
    const taker = await liveTaker();
    say();
    store();
    say();
    say();
    expect(await taker.take(4)).toEqual([2, 3, 4, 5]);
  });

  test('noteHead shows what is stored, to every live reader, without an event of this host', async () => {
    const takers = [await liveTaker(), new Taker(1)];
    await takers[1]!.next();
    const waiting = takers.map((taker) => taker.next());
    await settled();
    store();
    store();
    feed.noteHead(3);
    expect(await Promise.all(waiting)).toEqual([2, 2]);
    expect(await Promise.all(takers.map((taker) => taker.next()))).toEqual([3, 3]);
    // Known by now.
    const reads = pages.length;
    const live = takers[0]!.next();
    await settled();
    feed.noteHead(3);
    feed.noteHead(2);
    say();
    expect(await live).toBe(4);
    expect(pages).toHaveLength(reads);
  });

  test('a head that this host wrote itself, seen by asking, is shown once', async () => {
    const taker = await liveTaker();
    const event = store();
    feed.noteHead(2);
    feed.publishEvent(event);
    expect(await taker.next()).toBe(2);
    const next = taker.next();
    await settled();
    say();
    expect(await next).toBe(3);
  });

  test('LOG-17: a log that is written again from an earlier event on ends its readers', async () => {
    const taker = await liveTaker();
    say();
    expect(await taker.next()).toBe(2);
    const next = taker.next();
    await settled();
    stored.pop();
    logId = 'bbbbbbbb';
    say();
    say();
    expect([await next, taker.reader.end]).toEqual([null, 'closed']);
    expect(await new Taker(0).take(4)).toEqual(['ok', 1, 2, 3]);
    expect(feed.publishedSeq).toBe(3);
  });

  test('LOG-17: a reader of many pages ends if the log is another one in between', async () => {
    for (let count = 0; count < 501; count += 1) store();
    const taker = new Taker();
    await taker.take(500);
    stored = stored.map((event) => ({ ...event, at: new Date(event.seq + 1).toISOString() }));
    expect(await taker.take(2)).toEqual([500, null]);
    expect(taker.reader.end).toBe('closed');
  });

  test('previews from before are forgotten: the message that they belong to may be finished', async () => {
    await liveTaker();
    feed.publishDelta(text('m', 'old '));
    store();
    feed.noteHead(2);
    const late = new Taker(2);
    await late.next();
    const next = late.next();
    await settled();
    feed.publishDelta(text('n', 'new'));
    expect(await next).toBe('new');

    feed.publishDelta(text('n', 'more'));
    store();
    say();
    const later = new Taker(4);
    await later.next();
    const after = later.next();
    await settled();
    feed.publishDelta(text('o', 'newest'));
    expect(await after).toBe('newest');
  });

  test('a reader that ends while it reads again ends', async () => {
    const taker = await liveTaker();
    const waiting = taker.next();
    beforePage = () => taker.reader.close();
    store();
    feed.noteHead(2);
    expect(await waiting).toBeNull();
    expect(feed.readerCount).toBe(0);
  });
});

/** Readers have done what they can. */
async function settled(): Promise<void> {
  for (let turn = 0; turn < 20; turn += 1) await Promise.resolve();
}
