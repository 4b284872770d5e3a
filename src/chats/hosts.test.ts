// What hosts show of themselves, on a real database.
import { randomUUID } from 'node:crypto';
import { hostname } from 'node:os';
import { afterAll, beforeAll, beforeEach, expect, test } from 'vitest';
import { openChatsHost } from '../../test/support/chats-host.ts';
import { lostQuery } from '../../test/support/lost-query.ts';
import { ManualClock } from '../../test/support/manual-clock.ts';
import { newChat } from '../../test/support/new-chat.ts';
import { createTestDatabase, type TestDatabase } from '../../test/support/postgres.ts';
import { until } from '../../test/support/until.ts';
import { type Log, silentLog } from '../lib/log.ts';
import { insertChat } from '../store/chats.ts';
import { beatHost, findOtherHost, insertHost, markDraining, stopHost } from '../store/hosts.ts';
import { claimLease } from '../store/leases.ts';
import { beatEveryMs, Heartbeat } from './heartbeat.ts';
import { describeHosts } from './hosts.ts';
import { registerHost } from './register-host.ts';

let database: TestDatabase;
beforeAll(async () => {
  database = await createTestDatabase();
});
afterAll(() => database.drop());
beforeEach(() => database.sql`truncate boocode.hosts cascade`);

const address = 'http://10.0.0.5:4127';
const register = () =>
  registerHost(
    database.sql,
    {
      name: null,
      version: '1.2.3',
      address,
      offers: { backends: ['claude_sdk', 'claude_pty'], workspaces: ['/elsewhere'] },
    },
    silentLog,
  );
const ago = (id: string, seconds: number) =>
  database.sql`update boocode.hosts set seen_at = clock_timestamp() - ${seconds} * interval '1 second' where id = ${id}`;

test('HOST-1: a host shows its address, version, backends, load, and the chats that it holds', async () => {
  const { sql } = database;
  const id = await register();
  await beatHost(sql, id, { memoryBytes: 8, freeMemoryBytes: 4, warmChats: 2, waitingStarts: 3 }, 20_000);
  for (const ttlMs of [60_000, 60_000, -1]) {
    const chat = await insertChat(sql, newChat());
    await claimLease(sql, chat.id, id, ttlMs);
  }
  const [host, ...others] = await describeHosts(sql, id);
  expect(others).toEqual([]);
  expect(host).toEqual({
    id,
    name: hostname(),
    address,
    version: '1.2.3',
    state: 'up',
    isThis: true,
    startedAt: expect.stringMatching(/Z$/) as string,
    seenAt: expect.stringMatching(/Z$/) as string,
    backends: ['claude_sdk', 'claude_pty'],
    workspaces: ['/elsewhere'],
    chats: 2,
    warmChats: 2,
    waitingStarts: 3,
    memoryBytes: 8,
    freeMemoryBytes: 4,
  });
});

test('HOST-1: one without a heartbeat for twenty seconds is silent, and one that has stopped is not listed', async () => {
  const { sql } = database;
  const [up, silent, stopped] = [await register(), await register(), await register()] as const;
  await ago(up, 19);
  await ago(silent, 21);
  await stopHost(sql, stopped);
  const hosts = await describeHosts(sql, silent);
  expect(hosts.map(({ id, state, isThis }) => [id, state, isThis])).toEqual([
    [up, 'up', false],
    [silent, 'silent', true],
  ]);
});

test('HOST-1: one that was silent for a day is listed only as long as it holds a chat', async () => {
  const { sql } = database;
  const [gone, holding] = [await register(), await register()];
  for (const id of [gone, holding]) await ago(id, 86_401);
  const chat = await insertChat(sql, newChat());
  await claimLease(sql, chat.id, holding, 60_000);
  expect((await describeHosts(sql, gone)).map(({ id }) => id)).toEqual([holding]);
});

test('HOST-2: a request for a chat that another host holds says which, and where it is', async () => {
  const { sql } = database;
  const id = await register();
  const here = await openChatsHost(database.url);
  const chat = await insertChat(sql, newChat());
  await claimLease(sql, chat.id, id, 60_000);
  const refused = { code: 'chat_elsewhere', details: { hostId: id, name: hostname(), address } };
  const prompt = () => here.chats.submitPrompt(chat.id, { content: 'x' });
  await expect(prompt()).rejects.toMatchObject(refused);
  await expect(prompt()).rejects.toThrow(
    `The host ${hostname()} holds chat ${chat.id}. Go to ${address}, or try again`,
  );
  await expect(here.chats.interrupt(chat.id)).rejects.toMatchObject(refused);
  await sql`update boocode.hosts set address = null where id = ${id}`;
  await expect(prompt()).rejects.toThrow(
    `The host ${hostname()} holds chat ${chat.id}. It has no address for other hosts (--advertise-url): use it directly, or try again shortly.`,
  );
  await sql`update boocode.hosts set name = null where id = ${id}`;
  await expect(prompt()).rejects.toThrow(`Another host holds chat ${chat.id}. Try again shortly.`);
  await here.close();
});

test('HOST-1: a host of a version without heartbeats has the state silent, and the name of its machine', async () => {
  const id = randomUUID();
  await insertHost(database.sql, { id, machine: 'box/pid:[4026531836]', pid: 1, pidStarted: 'then', version: '0' });
  await database.sql`update boocode.hosts set seen_at = null where id = ${id}`;
  expect(await describeHosts(database.sql, id)).toMatchObject([
    { name: 'box', state: 'silent', seenAt: null, address: null, backends: [], memoryBytes: 0, warmChats: 0 },
  ]);
});

test('HOST-1 HOST-24: the heartbeat comes at once and every five seconds, also after one that failed, until it is stopped', async () => {
  const { sql } = database;
  const id = await register();
  const clock = new ManualClock();
  const warnings: string[] = [];
  const logger: Log = { ...silentLog, warn: (_, message) => void warnings.push(message) };
  let warmChats = 1;
  let isAway = false;
  const flaky = new Proxy(sql, {
    apply: (target, self, given: Parameters<typeof sql>) =>
      isAway ? lostQuery('away') : Reflect.apply(target, self, given),
  });
  const memory = { totalBytes: 5, availableBytes: 3, stalledPercent: null };
  const counts = () => ({ warmChats, waitingStarts: 2 });
  const heartbeat = new Heartbeat({ sql: flaky, hostId: id, clock, logger, counts, readMemory: () => memory });
  const seen = async () => (await describeHosts(sql, id))[0]!;
  const next = async (count: number) => {
    warmChats = count;
    await until(() => clock.nextMs !== null);
    clock.advance(beatEveryMs);
  };

  heartbeat.start();
  await until(async () => (await seen()).warmChats === 1);
  expect(await seen()).toMatchObject({ memoryBytes: 5, freeMemoryBytes: 3, waitingStarts: 2 });
  await ago(id, 60);
  await next(2);
  await until(async () => (await seen()).warmChats === 2);
  expect((await seen()).state).toBe('up');

  isAway = true;
  await next(3);
  await until(() => warnings.length > 0);
  await next(3);
  await until(() => clock.nextMs !== null);
  isAway = false;
  await next(4);
  await until(async () => (await seen()).warmChats === 4);
  expect(warnings).toEqual(['The heartbeat could not be stored; trying again.']);

  await heartbeat.stop();
  expect(clock.nextMs).toBeNull();
});

test('HOST-18: the host that had a chat’s directory last is known as long as it takes chats', async () => {
  const { sql } = database;
  const id = await register();
  const self: string = randomUUID();
  await sql`update boocode.hosts set offers = '{"backends":[],"place":"p1"}' where id = ${id}`;
  const chat = await insertChat(sql, newChat());
  const find = (by = self) => findOtherHost(sql, by, chat.id, { hasDirectory: true });
  expect(await find()).toBeNull();
  const seenBy = (place: string) =>
    sql`update boocode.chats set workspace = ${JSON.stringify({ seenBy: place })}::text::json where id = ${chat.id}`;
  await seenBy('p1');
  expect(await find()).toMatchObject({ id, address });
  expect(await find(id)).toBeNull();
  await seenBy('p2');
  expect(await find()).toBeNull();
  // Any other will do for what needs no directory, but this one is better.
  const any = (by = self) => findOtherHost(sql, by, chat.id, { hasDirectory: false });
  expect(await any()).toEqual({ id, name: expect.any(String) as string, address });
  const later = await register();
  expect(await any()).toMatchObject({ id: later });
  await seenBy('p1');
  expect(await any()).toMatchObject({ id });
  await ago(id, 21);
  expect(await find()).toBeNull();
  expect(await any()).toMatchObject({ id: later });
  await markDraining(sql, later, true);
  expect(await any()).toBeNull();
});
