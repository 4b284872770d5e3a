import { randomUUID } from 'node:crypto';
import { afterAll, beforeAll, beforeEach, describe, expect, test } from 'vitest';
import { assertDense, Following } from '../../test/support/chats-host.ts';
import { createGate } from '../../test/support/gate.ts';
import { ManualClock } from '../../test/support/manual-clock.ts';
import { createTestDatabase, type TestDatabase } from '../../test/support/postgres.ts';
import { randomOf } from '../../test/support/random.ts';
import { until } from '../../test/support/until.ts';
import { silentLog } from '../lib/log.ts';
import type { Delta, DeltaBody, Event, FeedItem } from '../protocol/event.ts';
import { findLogPlace, readEvents } from '../store/events.ts';
import { insertHost } from '../store/hosts.ts';
import { claimLease } from '../store/leases.ts';
import { Backlog } from './backlog.ts';
import { ChatLog } from './chat-log.ts';
import type { Reader } from './chats.ts';
import { Feed, type FeedLog } from './feed.ts';

let database: TestDatabase;
const hostId = randomUUID();
beforeAll(async () => {
  database = await createTestDatabase();
  await insertHost(database.sql, { id: hostId, machine: 'test', pid: 1, pidStarted: '', version: '0' });
});
afterAll(() => database.drop());

interface Line {
  chatId: string;
  feed: Feed;
  log: ChatLog;
  stored(): Promise<Event[]>;
  say(message: string): Promise<Event[]>;
  preview(body: DeltaBody): void;
  stream(text: string, messageId?: string): void;
}

const turnId = randomUUID();

/** A chat's log and its feed on the real store. `slowly` delays every read. */
async function openLine(options: { backlogBytes?: number; slowly?: () => Promise<void> } = {}): Promise<Line> {
  const { sql } = database;
  const chatId = randomUUID();
  await sql`insert into boocode.chats (id, cwd, backend) values (${chatId}, '/', 'claude_sdk')`;
  const lease = (await claimLease(sql, chatId, hostId, 600_000))!;
  const source: FeedLog = {
    async read(page) {
      await options.slowly?.();
      const events = await readEvents(sql, chatId, page);
      await options.slowly?.();
      return events;
    },
    async find(seq) {
      await options.slowly?.();
      return findLogPlace(sql, chatId, seq);
    },
  };
  const clock = new ManualClock();
  const feed = new Feed(source, { backlogBytes: options.backlogBytes ?? 1024 * 1024 });
  const log = new ChatLog({
    sql,
    lease,
    feed,
    clock,
    logger: silentLog,
    retry: () => Promise.resolve(false),
    onStored: () => undefined,
    onFenced: () => undefined,
  });
  /** A moment after the one before, so that each is shown at once. */
  const preview = (body: DeltaBody): void => {
    clock.advance(10);
    log.preview(turnId, body);
  };
  return {
    chatId,
    feed,
    log,
    stored: () => readEvents(sql, chatId, { after: 0, limit: 10_000 }),
    say: (message) => log.append({ events: [{ body: { type: 'notice', level: 'info', code: 'test', message } }] }),
    preview,
    stream: (text, messageId = 'm') =>
      preview({ type: 'agent_message_chunk', messageId, content: { type: 'text', text } }),
  };
}

const seqsOf = (items: readonly FeedItem[]): number[] =>
  items.flatMap((item) => (item.kind === 'event' ? [item.event.seq] : []));
const verdictOf = (following: Following): FeedItem | undefined => following.items[0];
const follow = (line: Line, after = 0): Following => new Following(line.feed.follow({ after }));

describe('a reader', () => {
  let line: Line;
  beforeEach(async () => {
    line = await openLine();
    for (const message of ['one', 'two', 'three']) await line.say(message);
  });

  test('LOG-4: gets the verdict "ok" and every event after its cursor', async () => {
    for (const after of [0, 1, 3]) {
      const reader = follow(line, after);
      await reader.until((item) => item.kind === 'resume');
      expect(verdictOf(reader)).toMatchObject({ kind: 'resume', verdict: 'ok', after, head: 3 });
      await until(() => seqsOf(reader.items).length === 3 - after);
      await reader.close();
      expect(reader.events).toEqual((await line.stored()).slice(after));
    }
  });

  test('LOG-4: gets the verdict "gap" and the whole log when its cursor is not in this log', async () => {
    const reader = follow(line, 4);
    await reader.untilSeq(3);
    expect(verdictOf(reader)).toMatchObject({ kind: 'resume', verdict: 'gap', after: 4, head: 3 });
    expect(seqsOf(reader.items)).toEqual([1, 2, 3]);
    await line.say('four');
    await reader.untilSeq(4);
    expect(seqsOf(reader.items)).toEqual([1, 2, 3, 4]);
    await reader.close();
  });

  test('LOG-2: sees an event only once it is stored', async () => {
    const reader = follow(line, 3);
    await reader.until((item) => item.kind === 'resume');
    await until(() => line.feed.readerCount === 1);
    const gate = createGate();
    const blocker = database.sql.begin(async (tx) => {
      await tx`select from boocode.chats where id = ${line.chatId} for update`;
      await gate.pass();
    });
    await gate.reached;
    const write = line.say('four');
    await until(async () => {
      const [row] = await database.sql<{ count: number }[]>`
        select count(*) from pg_stat_activity where datname = current_database() and wait_event_type = 'Lock'`;
      return row!.count === 1;
    });
    expect(seqsOf(reader.items)).toEqual([]);
    gate.open();
    await blocker;
    await write;
    await reader.untilSeq(4);
    await reader.close();
  });

  test('LOG-6 LOG-7: gets what has streamed so far, then the rest, when it joins in the middle of a message', async () => {
    const early = follow(line, 3);
    line.stream('Hello, ');
    line.stream('wor');
    const late = follow(line, 3);
    await late.until((item) => item.kind === 'delta');
    line.stream('ld');
    line.stream('other', 'n');
    await late.until(
      (item) => item.kind === 'delta' && item.delta.type !== 'tool_call_chunk' && item.delta.messageId === 'n',
    );
    expect(late.deltaText).toBe('Hello, world' + 'other');
    await early.until(
      (item) => item.kind === 'delta' && item.delta.type !== 'tool_call_chunk' && item.delta.messageId === 'n',
    );
    expect(early.deltaText).toBe('Hello, world' + 'other');

    await line.log.append({
      events: [
        { turnId, body: { type: 'agent_message', messageId: 'm', content: [{ type: 'text', text: 'Hello, world' }] } },
      ],
    });
    const after = follow(line, 3);
    await after.until((item) => item.kind === 'delta');
    expect(after.deltaText).toBe('other');
    expect(after.events.map((event) => event.type)).toEqual(['agent_message']);
    for (const reader of [early, late, after]) {
      await reader.close();
      expect(reader.items.filter((item) => item.kind === 'delta').every((item) => !('seq' in item.delta))).toBe(true);
    }
    expect(JSON.stringify(await line.stored())).not.toContain('chunk');
  });

  test('LOG-6: also gets partly streamed tool input and thoughts when it joins late, until the turn ends', async () => {
    const call = { type: 'tool_call_chunk', toolCallId: 't', title: 'Bash' } as const;
    line.preview({ ...call, partialInput: '{"command":' });
    line.preview({ ...call, partialInput: '"ls"}' });
    line.preview({ type: 'agent_thought_chunk', messageId: 'th', content: { type: 'text', text: 'Hm.' } });
    const reader = follow(line, 3);
    await reader.until((item) => item.kind === 'delta' && item.delta.type === 'agent_thought_chunk');
    const deltas = reader.items.flatMap((item): Delta[] => (item.kind === 'delta' ? [item.delta] : []));
    expect(deltas).toMatchObject([{ partialInput: '{"command":"ls"}' }, { messageId: 'th' }]);
    await reader.close();

    const made = { type: 'tool_call', toolCallId: 't', title: 'Bash', kind: 'execute', rawInput: {} } as const;
    await line.log.append({ events: [{ turnId, body: { ...made, toolName: 'Bash' } }] });
    const later = follow(line, 3);
    await later.until((item) => item.kind === 'delta');
    expect(later.items.flatMap((item) => (item.kind === 'delta' ? [item.delta.type] : []))).toEqual([
      'agent_thought_chunk',
    ]);
    await later.close();

    const usage = { inputTokens: 0, outputTokens: 0, cacheReadInputTokens: 0, cacheCreationInputTokens: 0 };
    await line.log.append({
      events: [{ turnId, body: { type: 'turn_finished', turnId, outcome: 'interrupted', usage, costUsd: 0 } }],
    });
    const after = follow(line, 3);
    await after.untilSeq(5);
    await line.say('next');
    await after.untilSeq(6);
    expect(after.items.map((item) => item.kind)).toEqual(['resume', 'event', 'event', 'event']);
    await after.close();
    expect(line.feed.readerCount).toBe(0);
  });

  test('ends when it is closed, when its feed ends and when its loop is left', async () => {
    const [closed, ended] = [follow(line), follow(line)];
    await Promise.all([closed.untilSeq(3), ended.untilSeq(3)]);
    await closed.close();
    line.feed.end('closing');
    await ended.ended;
    expect(line.feed.readerCount).toBe(0);
    for await (const item of line.feed.follow({ after: 0 }).items) {
      expect(item.kind).toBe('resume');
      break;
    }
    expect(line.feed.readerCount).toBe(0);
  });
});

/**
 * Reads until the reader is live, then stops reading. It has read the history before it asks for more: an event that is
 * written while it reads the history may come from there, and then it is not live yet.
 */
async function liveIterator(line: Line, { items }: Reader): Promise<AsyncIterator<FeedItem>> {
  await line.say('history');
  const iterator = items[Symbol.asyncIterator]();
  await iterator.next();
  await iterator.next();
  const live = iterator.next();
  await line.say('live');
  await live;
  return iterator;
}

test('LOG-5: a reader that never drains is cut off without delaying others, and can continue from its cursor', async () => {
  const line = await openLine({ backlogBytes: 10_000 });
  await line.say('first');
  const quick = follow(line);
  const stuck = line.feed.follow({ after: 0 });
  const iterator = stuck.items[Symbol.asyncIterator]();
  const seen: FeedItem[] = [];
  const read = async (): Promise<boolean> => {
    const next = await iterator.next();
    if (next.done !== true) seen.push(next.value);
    return next.done !== true;
  };
  // Reads until it is live, then stops reading.
  await read();
  await read();
  const live = read();
  await line.say('second');
  await live;
  for (let index = 0; index < 40; index += 1) {
    await line.say('x'.repeat(500));
    line.stream('y'.repeat(100));
  }
  await quick.untilSeq(42);
  expect(line.feed.readerCount).toBe(1);
  // It still gets what was buffered for it, without a gap, and then ends.
  while (await read());
  const seqs = seqsOf(seen);
  expect(seqs).toEqual(seqs.map((_, index) => index + 1));
  expect(seqs.length).toBeLessThan(42);
  const again = follow(line, seqs.at(-1));
  await again.untilSeq(42);
  expect([...seqs, ...seqsOf(again.items)]).toEqual(seqsOf(quick.items));
  await Promise.all([quick.close(), again.close()]);
});

test('LOG-5: deltas count too, and one item larger than the buffer does not cut off a reader that has read everything before it', async () => {
  const line = await openLine({ backlogBytes: 10_000 });
  await liveIterator(line, line.feed.follow({ after: 0 }));
  for (let index = 0; index < 100; index += 1) line.stream('y'.repeat(100));
  expect(line.feed.readerCount).toBe(0);

  const quick = follow(line);
  await quick.untilSeq(2);
  await line.say('z'.repeat(20_000));
  await quick.untilSeq(3);
  expect(line.feed.readerCount).toBe(1);
  await quick.close();
});

test('LOG-5: what a client left unread no longer counts once it stops following that chat', async () => {
  const line = await openLine();
  const backlog = new Backlog(10_000);
  const iterator = await liveIterator(line, line.feed.follow({ after: 0, backlog }));
  for (let index = 0; index < 10; index += 1) await line.say('x'.repeat(500));
  expect(backlog.bytes).toBeGreaterThan(5_000);
  await iterator.return?.();
  expect(backlog.bytes).toBe(0);
});

describe('readers that come and go at random while a writer writes', () => {
  /** Waits a random number of event loop turns, in place of a slow database or network. */
  const hops = (random: () => number) => async (): Promise<void> => {
    for (let count = Math.floor(random() * 4); count > 0; count -= 1) await new Promise((done) => setImmediate(done));
  };

  interface RandomReader {
    events: Event[];
    done: Promise<void>;
  }

  /** Reads to the end of the log, dropping its connection at random and coming back with its cursor. */
  function startReader(line: Line, random: () => number, isOver: (seq: number) => boolean): RandomReader {
    const events: Event[] = [];
    const wait = hops(random);
    const run = async (): Promise<void> => {
      while (!isOver(events.at(-1)?.seq ?? 0)) {
        const reader = line.feed.follow({ after: events.at(-1)?.seq ?? 0 });
        const staysFor = Math.floor(random() * 40);
        let count = 0;
        for await (const item of reader.items) {
          if (item.kind === 'resume' && item.verdict !== 'ok') throw new Error('A gap in its own log.');
          if (item.kind === 'event') events.push(item.event);
          if (isOver(events.at(-1)?.seq ?? 0)) break;
          count += 1;
          // Leave either from within the loop, or from outside while it is still reading.
          if (count >= staysFor && random() < 0.5) break;
          if (count >= staysFor) reader.close();
          await wait();
        }
        await wait();
      }
    };
    return { events, done: run() };
  }

  test('LOG-1 LOG-3: four readers see identical logs over 100 operations, for each of 50 seeds', async () => {
    let reconnects = 0;
    for (let seed = 1; seed <= 50; seed += 1) {
      const random = randomOf(seed);
      const line = await openLine({ slowly: hops(random), backlogBytes: 20_000 });
      const follows = line.feed.follow.bind(line.feed);
      line.feed.follow = (cursor) => {
        reconnects += 1;
        return follows(cursor);
      };
      let last = Number.POSITIVE_INFINITY;
      const readers = [1, 2, 3, 4].map(() => startReader(line, random, (seq) => seq >= last));
      const wait = hops(random);
      for (let operation = 0; operation < 100; operation += 1) {
        if (random() < 0.5) line.stream(`d${operation}`, `m${operation % 3}`);
        else if (random() < 0.2) await Promise.all([line.say(`a${operation}`), line.say(`b${operation}`)]);
        else await line.say(`e${operation}`);
        if (random() < 0.3) await wait();
      }
      const stored = await line.stored();
      assertDense(stored);
      last = stored.length;
      // Ends the feed, so that readers waiting at the end of the log stop.
      line.feed.end('closing');
      for (const reader of readers) await reader.done;
      for (const reader of readers) expect(reader.events).toEqual(stored);
      expect(line.feed.readerCount).toBe(0);
    }
    expect(reconnects).toBeGreaterThan(50 * 4 * 2);
  });

  test('LOG-3: a reader that starts between a commit and its publication sees the event once', async () => {
    for (let round = 0; round < 20; round += 1) {
      const line = await openLine();
      const publish = line.feed.publishEvent.bind(line.feed);
      // Committed but not yet published: readers that start now find it in the history.
      const pending: Event[] = [];
      line.feed.publishEvent = (event) => void pending.push(event);
      await line.say('one');
      await line.say('two');
      const reader = follow(line);
      if (round % 2 === 0) await reader.untilSeq(1 + (round % 3 === 0 ? 1 : 0));
      for (const event of pending) publish(event);
      line.feed.publishEvent = publish;
      await line.say('three');
      await reader.untilSeq(3);
      expect(seqsOf(reader.items)).toEqual([1, 2, 3]);
      await reader.close();
    }
  });
});
