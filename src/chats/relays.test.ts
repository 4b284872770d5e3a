// What another host publishes, shown by a real feed; the other host is a list of items that the test adds to.
import { beforeEach, describe, expect, test } from 'vitest';
import { ManualClock } from '../../test/support/manual-clock.ts';
import { silentLog } from '../lib/log.ts';
import { createPushable, type Pushable } from '../lib/pushable.ts';
import type { Delta, Event, FeedItem } from '../protocol/event.ts';
import type { LogCursor } from '../protocol/log-cursor.ts';
import type { Holder } from '../store/hosts.ts';
import { Feed } from './feed.ts';
import { Relays } from './relays.ts';

const holder: Holder = { id: 'h1', name: 'one', address: 'http://one' };
const chatId = 'c1';

interface Connection {
  holder: Holder;
  from: { chatId: string; after: LogCursor };
  signal: AbortSignal;
  items: Pushable<FeedItem>;
}

let clock: ManualClock;
let connections: Connection[];
let held: Set<string>;
let fails: boolean;
let stored: Event[];
/** What was logged. */
let facts: object[];
let feed: Feed;
let relays: Relays;
beforeEach(() => {
  clock = new ManualClock();
  [connections, held, fails, stored, facts] = [[], new Set(), false, [], []];
  feed = newFeed();
  relays = new Relays({
    clock,
    logger: { ...silentLog, debug: (given: object) => facts.push(given) },
    isHeld: (id) => held.has(id),
    async *followHolder(to, from, signal) {
      const items = createPushable<FeedItem>();
      connections.push({ holder: to, from, signal, items });
      if (fails) throw new Error('unreachable');
      yield* items.iterable;
      // As an aborted connection does.
      signal.throwIfAborted();
    },
  });
});

function newFeed(): Feed {
  const log = {
    find: (seq: number) => Promise.resolve({ head: stored.length, logId: 'aaaaaaaa', at: stored[seq - 1]?.at ?? null }),
    read: ({ after }: { after: number }) => Promise.resolve(stored.slice(after)),
  };
  return new Feed(log, { backlogBytes: 1e6 });
}

const settle = async (): Promise<void> => {
  for (let times = 0; times < 5; times += 1) await new Promise((resolve) => setImmediate(resolve));
};
const eventAt = (seq: number) => ({ type: 'notice', seq, chatId, at: new Date(seq).toISOString() }) as unknown as Event;
const textDelta = (messageId: string, text: string) =>
  ({ type: 'agent_message_chunk', chatId, messageId, content: { type: 'text', text } }) as unknown as Delta;
const callDelta = (toolCallId: string, partialInput: string) =>
  ({ type: 'tool_call_chunk', chatId, toolCallId, partialInput }) as unknown as Delta;

/** Collects what one reader gets: seqs, and texts of previews. */
function read(of: Feed): (number | string)[] {
  const seen: (number | string)[] = [];
  void (async () => {
    for await (const item of of.follow({ after: 0 }).items) {
      if (item.kind === 'event') seen.push(item.event.seq);
      else if (item.kind === 'delta') {
        seen.push(item.delta.type === 'tool_call_chunk' ? item.delta.partialInput : item.delta.content.text);
      }
    }
  })();
  return seen;
}

async function say(...items: FeedItem[]): Promise<void> {
  for (const item of items) connections.at(-1)!.items.push(item);
  await settle();
}
const resume = { kind: 'resume', type: 'resume', verdict: 'ok', after: 0, head: 0 } as FeedItem;
const event = (seq: number): FeedItem => ({ kind: 'event', event: eventAt(seq) });
const delta = (of: Delta): FeedItem => ({ kind: 'delta', delta: of });

describe('LOG-14: previews of another host', () => {
  test('reach the readers here, with the events, from where the feed is', async () => {
    feed.noteHead(2);
    stored = [eventAt(1), eventAt(2)];
    const seen = read(feed);
    await settle();
    relays.connect(chatId, feed, holder);
    await settle();
    expect(connections).toMatchObject([{ holder, from: { chatId, after: 2 } }]);
    expect(relays.isLive(chatId)).toBe(false);
    await say(resume);
    expect(relays.isLive(chatId)).toBe(true);
    await say(delta(textDelta('m', 'Hel')), delta(textDelta('m', 'lo')), event(3), event(3), event(1));
    expect(seen).toEqual([1, 2, 'Hel', 'lo', 3]);
    expect(feed.publishedSeq).toBe(3);
  });

  test('are complemented on a new connection, whose first one has all that has streamed', async () => {
    const seen = read(feed);
    await settle();
    relays.connect(chatId, feed, holder);
    await settle();
    await say(delta(textDelta('m', 'Hel')), delta(callDelta('t', '{"a"')));
    connections[0]!.items.close();
    await settle();
    expect(relays.isLive(chatId)).toBe(false);
    clock.advance(1_000);
    relays.connect(chatId, feed, holder);
    await settle();
    await say(delta(textDelta('m', 'Hello')), delta(callDelta('t', '{"a"')), delta(textDelta('n', 'New')));
    await say(delta(textDelta('m', ' you')), delta(callDelta('t', ':1}')));
    expect(seen).toEqual(['Hel', '{"a"', 'lo', 'New', ' you', ':1}']);
    const late = read(feed);
    await settle();
    expect(late).toEqual(['Hello you', '{"a":1}', 'New']);
  });

  test('LOG-17: ask the holder with its own cursor, and if that has another log, readers come back for it', async () => {
    stored = [eventAt(1)];
    const reader = feed.follow({ after: 0 });
    const all = (async () => {
      const seqs: number[] = [];
      for await (const item of reader.items) if (item.kind === 'event') seqs.push(item.event.seq);
      return seqs;
    })();
    await settle();
    relays.connect(chatId, feed, holder);
    await settle();
    await say(resume, { ...event(2), cursor: '2-mark' } as FeedItem);
    connections[0]!.items.close();
    await settle();
    clock.advance(1_000);
    relays.connect(chatId, feed, holder);
    await settle();
    expect(connections[1]).toMatchObject({ from: { chatId, after: '2-mark' } });
    await say({ ...resume, verdict: 'gap', head: 3 } as FeedItem, event(1), event(2), event(3));
    expect([await all, reader.end, feed.publishedSeq]).toEqual([[1, 2], 'closed', 3]);
  });

  test('come from the holder only: not from one that is not, and not once this host holds the chat', async () => {
    relays.connect(chatId, feed, holder);
    relays.connect(chatId, feed, holder);
    await settle();
    expect(connections).toHaveLength(1);
    relays.connect(chatId, feed, { ...holder, id: 'h2' });
    await settle();
    expect(connections.map(({ signal }) => signal.aborted)).toEqual([true, false]);
    connections[0]!.items.push(event(9));
    await settle();
    expect(feed.publishedSeq).toBe(0);
    await say(event(1));
    held.add(chatId);
    await say(event(2));
    expect(feed.publishedSeq).toBe(1);
    held.clear();
    relays.connect(chatId, feed, null);
    expect(relays.isLive(chatId)).toBe(false);
    relays.connect(chatId, feed, { ...holder, address: null });
    await settle();
    expect(connections).toHaveLength(2);
  });

  test('say again what was said before, if the text does', async () => {
    const seen = read(feed);
    await settle();
    relays.connect(chatId, feed, holder);
    await settle();
    await say(delta(textDelta('m', 'ha')), delta(textDelta('m', 'ha')), delta(textDelta('m', 'ha')));
    expect(seen).toEqual(['ha', 'ha', 'ha']);
  });

  test('stay if an event arrives that is shown already', async () => {
    relays.connect(chatId, feed, holder);
    await settle();
    const ended = { type: 'turn_finished', seq: 1, chatId } as unknown as Event;
    await say(event(1), delta(textDelta('m', 'Hel')), { kind: 'event', event: ended });
    stored = [eventAt(1)];
    const late = read(feed);
    await settle();
    expect(late).toEqual([1, 'Hel']);
  });

  test('go to the feed that readers have now', async () => {
    relays.connect(chatId, feed, holder);
    await settle();
    const next = newFeed();
    relays.connect(chatId, next, holder);
    await settle();
    await say(event(1));
    expect([feed.publishedSeq, next.publishedSeq]).toEqual([0, 1]);
  });

  test('end when nobody follows', async () => {
    relays.connect(chatId, feed, holder);
    await settle();
    relays.keepOnly(new Set([chatId]));
    expect(connections[0]!.signal.aborted).toBe(false);
    relays.keepOnly(new Set());
    expect(connections[0]!.signal.aborted).toBe(true);
    relays.disconnect(chatId);
    connections[0]!.items.close();
    await settle();
    // That it fails then is in order.
    expect(facts).toEqual([]);
  });

  test('of a host that cannot be reached are asked for less and less often, and soon again after a success', async () => {
    fails = true;
    const gaps: number[] = [];
    let waitedMs = 0;
    for (let times = 0; times < 200 && gaps.length < 6; times += 1) {
      const before = connections.length;
      relays.connect(chatId, feed, holder);
      await settle();
      if (connections.length > before) {
        gaps.push(waitedMs);
        waitedMs = 0;
      }
      clock.advance(1_000);
      waitedMs += 1_000;
    }
    expect(facts[0]).toMatchObject({ err: { message: 'unreachable' }, chatId, host: 'h1' });
    expect(gaps).toEqual([0, 2_000, 4_000, 8_000, 15_000, 15_000]);
    fails = false;
    clock.advance(15_000);
    relays.connect(chatId, feed, holder);
    await settle();
    await say(resume);
    connections.at(-1)!.items.close();
    await settle();
    clock.advance(1_000);
    const before = connections.length;
    relays.connect(chatId, feed, holder);
    await settle();
    expect(connections.length).toBe(before + 1);
  });
});
