// Ringing for other hosts, and hearing them, over a real database.
import { randomUUID } from 'node:crypto';
import { afterAll, afterEach, beforeAll, beforeEach, describe, expect, test } from 'vitest';
import { ManualClock } from '../../test/support/manual-clock.ts';
import { type Pgbouncer, pgbouncerPath, startPgbouncer } from '../../test/support/pgbouncer.ts';
import { createTestDatabase, type TestDatabase } from '../../test/support/postgres.ts';
import { openPostgresProxy } from '../../test/support/postgres-proxy.ts';
import { until } from '../../test/support/until.ts';
import { silentLog } from '../lib/log.ts';
import { openDatabase, type Sql } from '../store/database.ts';
import { listen, notify } from '../store/notifications.ts';
import { Doorbell, ringEveryMs } from './doorbell.ts';
import { heardWithinMs, reopenAfterMs, testEveryMs } from './doorbell-listener.ts';

let database: TestDatabase;
let open: { stop(): Promise<void> }[];
beforeAll(async () => {
  database = await createTestDatabase();
});
afterAll(() => database.drop());
beforeEach(() => {
  open = [];
});
afterEach(async () => {
  await Promise.all(open.map((each) => each.stop()));
});

interface Bell {
  doorbell: Doorbell;
  clock: ManualClock;
  /** The chats of each ring that was heard, or `any`, and whether lists changed. */
  heard: (string | boolean)[][];
  lines: string[];
  sql: Sql;
}

/** A host with a doorbell, whose clock stands still. */
function openBell({ listenUrl = database.url, sql = database.sql, isPooled = false } = {}): Bell {
  const clock = new ManualClock();
  const lines: string[] = [];
  const note = (_: object, message: string) => void lines.push(message);
  const doorbell = new Doorbell({
    sql,
    hostId: randomUUID(),
    clock,
    logger: { ...silentLog, info: note, warn: note },
    openListener: (handlers) => listen(listenUrl, { isPooled, ...handlers }),
  });
  const heard: Bell['heard'] = [];
  doorbell.onRing(({ chatIds, inList }) => heard.push([...(chatIds ?? ['any']), inList]));
  doorbell.start();
  open.push(doorbell);
  return { doorbell, clock, heard, lines, sql };
}

/** Listens, and has heard itself: then the next test of that is due. */
const isListening = ({ clock }: Bell) => until(() => clock.nextMs === testEveryMs, { what: 'a host that listens' });
/** Two hosts that know of each other. */
async function openTwo(): Promise<[Bell, Bell]> {
  const [a, b] = [openBell(), openBell()];
  await Promise.all([isListening(a), isListening(b)]);
  a.doorbell.noteOthers(true);
  a.clock.advance(0);
  await until(() => b.heard.length === 1);
  // It answers, since it knows now that there is another one.
  b.clock.advance(0);
  await until(() => a.heard.length === 1);
  expect([a.heard.splice(0), b.heard.splice(0)]).toEqual([[['any', true]], [['any', true]]]);
  return [a, b];
}
/** Rings, so that everything that was rung before has arrived when it has. */
async function flush(from: Bell, to: Bell): Promise<void> {
  const before = to.heard.length;
  from.clock.advance(ringEveryMs);
  await until(() => to.heard.length > before);
}

test('HOST-10: a host rings for its chats, at once and then at most twenty times a second, for all of them together', async () => {
  const [a, b] = await openTwo();
  a.clock.advance(ringEveryMs);
  a.doorbell.ring({ type: 'logged', chatId: 'one' });
  a.doorbell.ring({ type: 'logged', chatId: 'two' });
  a.clock.advance(0);
  await until(() => b.heard.length === 1);
  expect(b.heard).toEqual([['one', 'two', false]]);
  for (let count = 0; count < 100; count += 1) a.doorbell.ring({ type: 'logged', chatId: 'busy' });
  a.doorbell.ring({ type: 'changed', chatId: 'other' });
  await until(() => a.clock.nextMs === ringEveryMs, { what: 'the next ring to be due' });
  a.clock.advance(ringEveryMs - 1);
  expect(b.heard).toHaveLength(1);
  await flush(a, b);
  expect(b.heard.slice(1)).toEqual([['busy', 'other', true]]);
  // Its own are not for itself.
  expect(a.heard).toEqual([]);
});

test('HOST-10: a ring for more chats than it can name is for any, and fits into a notification', async () => {
  const [a, b] = await openTwo();
  const ids = Array.from({ length: 101 }, () => randomUUID());
  for (const chatId of ids.slice(0, 100)) a.doorbell.ring({ type: 'logged', chatId });
  await flush(a, b);
  for (const chatId of ids) a.doorbell.ring({ type: 'left', chatId });
  a.doorbell.ring({ type: 'logged', chatId: 'one more' });
  await flush(a, b);
  expect(b.heard).toEqual([
    [...ids.slice(0, 100), false],
    ['any', true],
  ]);
});

test('HOST-10: nothing rings while no other host is up; what cannot be read may mean anything', async () => {
  const [a, b] = await openTwo();
  a.doorbell.noteOthers(false);
  a.doorbell.ring({ type: 'changed', chatId: 'alone' });
  expect(a.clock.nextMs).toBe(testEveryMs);
  a.clock.advance(testEveryMs);
  a.doorbell.noteOthers(true);
  await flush(a, b);
  expect(b.heard.splice(0)).toEqual([['any', true]]);
  for (const text of ['?', '{"from":"x","chats":7}', '{"from":"x","chats":["c"],"list":false,"more":1}']) {
    await notify(database.sql, text);
  }
  await until(() => b.heard.length === 3);
  expect(b.heard).toEqual([
    ['any', true],
    ['any', true],
    ['c', false],
  ]);
});

test('HOST-10: a ring that fails is reported once, and the next one is for what came later', async () => {
  const [, b] = await openTwo();
  const sql = openDatabase(database.url, { max: 1 });
  const a = openBell({ sql });
  await isListening(a);
  a.doorbell.noteOthers(true);
  await sql.end();
  for (const chatId of ['one', 'two']) {
    a.doorbell.ring({ type: 'logged', chatId });
    a.clock.advance(ringEveryMs);
    await until(() => a.lines.length > 0);
    await new Promise(setImmediate);
  }
  expect(a.lines).toEqual(['Other hosts could not be told at once of what has changed.']);
  expect(b.heard).toEqual([]);
});

test('HOST-10: a stop still rings for what has changed until then, and for nothing after it', async () => {
  const [a, b] = await openTwo();
  a.doorbell.ring({ type: 'changed', chatId: 'last' });
  await a.doorbell.stop();
  a.doorbell.ring({ type: 'changed', chatId: 'later' });
  await until(() => b.heard.length === 1);
  expect([b.heard, a.clock.nextMs]).toEqual([[['last', true]], null]);
});

test('HOST-10: a lost connection is noticed and opened again', async () => {
  const proxy = await openPostgresProxy(database.url);
  try {
    const a = openBell();
    const b = openBell({ listenUrl: proxy.url });
    await Promise.all([isListening(a), isListening(b)]);
    a.doorbell.noteOthers(true);
    await flush(a, b);
    // Its answer.
    await flush(b, a);
    await proxy.goDown();
    await until(() => b.clock.nextMs === reopenAfterMs);
    b.clock.advance(reopenAfterMs);
    await until(() => b.clock.nextMs === reopenAfterMs && b.lines.length > 0);
    expect(b.lines).toEqual(['Other hosts cannot be listened to; trying again.']);
    await proxy.comeUp();
    b.clock.advance(reopenAfterMs);
    await isListening(b);
    b.heard.splice(0);
    a.doorbell.ring({ type: 'logged', chatId: 'back' });
    await flush(a, b);
    expect(b.heard).toEqual([['back', false]]);
  } finally {
    await Promise.all(open.splice(0).map((each) => each.stop()));
    await proxy.close();
  }
});

test('HOST-10: a connection that has gone silent is noticed while other hosts are up, and opened again', async () => {
  const proxy = await openPostgresProxy(database.url);
  try {
    const b = openBell({ listenUrl: proxy.url });
    await isListening(b);
    proxy.isFrozen = true;
    // Alone, it does not matter.
    b.clock.advance(testEveryMs);
    await isListening(b);
    b.doorbell.noteOthers(true);
    b.clock.advance(testEveryMs);
    await until(() => b.clock.nextMs === heardWithinMs);
    b.clock.advance(heardWithinMs);
    await until(() => b.clock.nextMs === reopenAfterMs);
    proxy.isFrozen = false;
    b.clock.advance(reopenAfterMs);
    await isListening(b);
    expect(b.lines).toEqual([]);
  } finally {
    await Promise.all(open.splice(0).map((each) => each.stop()));
    await proxy.close();
  }
});

describe.skipIf(pgbouncerPath === undefined)('HOST-11: through pgbouncer', () => {
  let bouncer: Pgbouncer | undefined;
  let sql: Sql | undefined;
  afterEach(async () => {
    await Promise.all(open.splice(0).map((each) => each.stop()));
    await sql?.end({ timeout: 1 });
    await bouncer?.close();
  });
  async function openThrough(mode: 'session' | 'transaction'): Promise<Bell> {
    bouncer = await startPgbouncer(database.url, { pool_mode: mode, default_pool_size: 4 });
    sql = openDatabase(bouncer.url, { max: 2, isPooled: true });
    return openBell({ listenUrl: bouncer.url, sql, isPooled: true });
  }

  test('in transaction mode a host that does not hear itself says so once, stops listening, and still rings', async () => {
    const a = openBell();
    await isListening(a);
    const b = await openThrough('transaction');
    await until(() => b.clock.nextMs === heardWithinMs, { what: 'the test' });
    b.clock.advance(heardWithinMs);
    await until(() => b.lines.length > 0);
    expect(b.lines).toEqual([expect.stringContaining('as behind pgbouncer in transaction mode') as string]);
    expect(b.clock.nextMs).toBeNull();
    b.doorbell.noteOthers(true);
    b.doorbell.ring({ type: 'logged', chatId: 'from there' });
    await flush(b, a);
    expect(a.heard).toEqual([['any', true]]);
  });

  test('in session mode it listens', async () => {
    const b = await openThrough('session');
    await isListening(b);
    expect(b.lines).toEqual([]);
  });
});
