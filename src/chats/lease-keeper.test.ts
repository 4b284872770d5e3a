import { afterEach, beforeEach, describe, expect, test } from 'vitest';
import { ManualClock } from '../../test/support/manual-clock.ts';
import type { Log } from '../lib/log.ts';
import type { Sql } from '../store/database.ts';
import { LeaseKeeper, type LeaseKeeperParts } from './lease-keeper.ts';

type Row = { id: string; epoch: number };
interface Question {
  values: unknown[];
  answer(rows: Row[]): Promise<void>;
  fail(): Promise<void>;
}

let clock: ManualClock;
let parts: LeaseKeeperParts;
let keeper: LeaseKeeper;
let held: Map<string, number>;
/** The statement of each renewal, in order. */
let asked: Question[];
let lost: string[];
let logged: [level: string, facts: object, message: string][];

const settled = (): Promise<void> => new Promise((done) => setImmediate(done));

beforeEach(() => {
  clock = new ManualClock();
  held = new Map([['chat', 1]]);
  asked = [];
  lost = [];
  logged = [];
  const sql = (_strings: TemplateStringsArray, ...values: unknown[]) =>
    new Promise<Row[]>((resolve, reject) => {
      const then = (act: () => void) => (): Promise<void> => (act(), settled());
      asked.push({
        values,
        answer: (rows) => then(() => resolve(rows))(),
        fail: then(() => reject(new Error('down'))),
      });
    });
  const at =
    (level: string) =>
    (facts: object, message: string): void =>
      void logged.push([level, facts, message]);
  const logger: Log = { debug: at('debug'), info: at('info'), warn: at('warn'), error: at('error') };
  parts = {
    sql: sql as unknown as Sql,
    hostId: 'host',
    clock,
    logger,
    held: () => held,
    onLost: (chatId, epoch, why) => lost.push(`${chatId} ${epoch} ${why}`),
  };
  keeper = new LeaseKeeper(parts);
  keeper.start();
});
afterEach(async () => {
  const stopped = keeper.stop();
  for (const question of asked) await question.answer([]);
  await stopped;
});

const mine: Row[] = [{ id: 'chat', epoch: 1 }];

/** Advances to the next question, which must come at exactly that time. */
async function askedAfter(ms: number): Promise<Question> {
  const count = asked.length;
  clock.advance(ms - 1);
  expect(asked).toHaveLength(count);
  clock.advance(1);
  await settled();
  expect(asked).toHaveLength(count + 1);
  return asked.at(-1)!;
}

test('FENCE-3: renews the leases every five seconds, for fifteen seconds', async () => {
  const first = await askedAfter(5_000);
  expect(first.values).toEqual([15_000, 'host', ['chat']]);
  await first.answer(mine);
  await (await askedAfter(5_000)).answer(mine);
  expect([lost, logged, keeper.isTrusted]).toEqual([[], [], true]);
});

test('FENCE-3: counts a lease from the question, however late the answer comes', async () => {
  const first = await askedAfter(5_000);
  clock.advance(2_000);
  await first.answer(mine);
  // This one stays unanswered.
  await askedAfter(5_000);
  clock.advance(1_999);
  expect([lost, keeper.isTrusted]).toEqual([[], true]);
  clock.advance(1);
  expect([lost, keeper.isTrusted]).toEqual([['chat 1 expired'], false]);
});

test('FENCE-2: drops the chats that another host has taken, and no others', async () => {
  held = new Map([
    ['kept', 1],
    ['gone', 2],
    ['taken', 3],
  ]);
  const question = await askedAfter(5_000);
  await question.answer([
    { id: 'kept', epoch: 1 },
    { id: 'taken', epoch: 4 },
  ]);
  expect([lost, keeper.isTrusted]).toEqual([['gone 2 taken', 'taken 3 taken'], true]);
});

test('retries a failed renewal at once, and logs it once', async () => {
  await (await askedAfter(5_000)).fail();
  await (await askedAfter(250)).fail();
  await (await askedAfter(250)).answer(mine);
  const err = expect.objectContaining({ message: 'down' });
  const said = [
    ['warn', { err }, 'The leases could not be renewed; trying again.'],
    ['info', {}, 'The leases are renewed again.'],
  ];
  expect(logged).toEqual(said);
  await (await askedAfter(5_000)).answer(mine);
  expect(logged).toEqual(said);
  await (await askedAfter(5_000)).fail();
  expect(logged).toEqual([...said, said[0]]);
});

test('FENCE-3: drops every chat after nine seconds without an answer, and trusts the leases again after the next one', async () => {
  const late = await askedAfter(5_000);
  held.set('other', 7);
  clock.advance(4_000);
  expect([lost, keeper.isTrusted]).toEqual([['chat 1 expired', 'other 7 expired'], false]);
  expect(logged).toEqual([['error', {}, 'The leases could not be renewed in time; dropping every chat.']]);
  held.clear();
  await late.fail();
  await (await askedAfter(1_000)).fail();
  expect(lost).toHaveLength(2);
  await (await askedAfter(1_000)).answer([]);
  expect(keeper.isTrusted).toBe(true);

  // From here on the leases are watched again.
  await askedAfter(5_000);
  clock.advance(3_999);
  expect(keeper.isTrusted).toBe(true);
  clock.advance(1);
  expect(keeper.isTrusted).toBe(false);
});

describe('FENCE-6: a process that slept', () => {
  const slept = (forMs: number) => ['warn', { forMs }, 'This process was asleep.'];

  test('asks before it drops anything', async () => {
    clock.sleep(10_000);
    clock.advance(0);
    await settled();
    expect([logged, lost, keeper.isTrusted]).toEqual([[slept(1_000)], [], true]);
    await asked.at(-1)!.answer(mine);
    expect([lost, keeper.isTrusted]).toEqual([[], true]);
  });

  test('is not assumed when the watch fires a little late', () => {
    clock.sleep(9_999);
    expect([logged.map(([level]) => level), lost]).toEqual([['error'], ['chat 1 expired']]);
  });

  test('waits four seconds for the answer', async () => {
    clock.sleep(60_000);
    clock.advance(3_999);
    expect(lost).toEqual([]);
    clock.advance(1);
    expect(lost).toEqual(['chat 1 expired']);
  });

  test('asks again at once after an answer that took a whole renewal interval', async () => {
    await (await askedAfter(5_000)).answer(mine);
    const slow = await askedAfter(5_000);
    clock.sleep(5_000);
    await slow.answer(mine);
    await askedAfter(250);
    expect([lost, keeper.isTrusted]).toEqual([[], true]);
  });

  test('treats an answer to a question from before the sleep as old, and asks again', async () => {
    const before = await askedAfter(5_000);
    clock.sleep(60_000);
    clock.advance(0);
    expect([asked.length, logged]).toEqual([1, [slept(56_000)]]);
    await before.answer(mine);
    await (await askedAfter(250)).answer(mine);
    await askedAfter(5_000);
    expect([lost, keeper.isTrusted]).toEqual([[], true]);
  });
});

test('once stopped, trusts and asks nothing, and waits for the renewal under way', async () => {
  const question = await askedAfter(5_000);
  let isStopped = false;
  const stopped = keeper.stop().then(() => (isStopped = true));
  await settled();
  expect([isStopped, keeper.isTrusted, clock.nextMs]).toEqual([false, false, null]);
  await question.fail();
  await stopped;
  clock.advance(60_000);
  expect([asked.length, lost, clock.nextMs]).toEqual([1, [], null]);
});

test('can be stopped without having been started', async () => {
  await expect(new LeaseKeeper(parts).stop()).resolves.toBeUndefined();
});
