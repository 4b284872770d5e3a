// When agents may start, in which order, and what those that wait are told.
import { beforeEach, expect, test } from 'vitest';
import { openAdmission } from '../../test/support/open-admission.ts';
import { ManualClock } from '../../test/support/manual-clock.ts';
import type { Memory } from '../lib/memory.ts';
import { type Admission, type Place, reserveOf } from './admission.ts';
import { firstToEnd, type IdleAgent } from './idle-agent.ts';

const mb = 1024 * 1024;
let clock: ManualClock;
let memory: Memory | null;
let idle: IdleAgent[];
/** Chats whose idle agents have ended. */
let ended: string[];

beforeEach(() => {
  clock = new ManualClock();
  memory = { totalBytes: 4_000 * mb, availableBytes: 4_000 * mb, stalledPercent: 0 };
  [idle, ended] = [[], []];
});

function open(startsAtOnce = 1): Admission {
  const limits = { startsAtOnce, agentBytes: 250 * mb, reserveBytes: 500 * mb };
  return openAdmission({ clock, limits, readMemory: () => memory, idle: () => idle });
}

/** An idle agent that gives back this much. */
function idleAgent(chatId: string, about: Partial<IdleAgent> = {}, freesMb = 250): IdleAgent {
  const agent: IdleAgent = {
    chatId,
    isAhead: about.isAhead ?? false,
    isCached: about.isCached ?? false,
    idleMs: about.idleMs ?? 60_000,
    head: about.head ?? 100,
    end() {
      ended.push(chatId);
      idle = idle.filter((each) => each !== agent);
      if (memory) memory = { ...memory, availableBytes: memory.availableBytes + freesMb * mb };
      return Promise.resolve();
    },
  };
  return agent;
}

interface Asked {
  place: Place | undefined;
  error: unknown;
  changes: number;
  order: number | undefined;
  give: AbortController;
}

function ask(admission: Admission, chatId: string, order?: number): Asked {
  const asked: Asked = {
    place: undefined,
    error: undefined,
    changes: 0,
    order: undefined,
    give: new AbortController(),
  };
  const request = { chatId, order, signal: asked.give.signal, onChanged: () => (asked.changes += 1) };
  admission
    .enter(request, (waiting) => (asked.order = waiting.order))
    .then(
      (place) => (asked.place = place),
      (error: unknown) => (asked.error = error),
    );
  return asked;
}

const ticks = async (): Promise<void> => {
  for (let tick = 0; tick < 20; tick += 1) await Promise.resolve();
};

test('AGENT-42: a single start on an idle host has its place at once', async () => {
  const admission = open();
  const place = admission.enter({ chatId: 'a', signal: new AbortController().signal, onChanged: () => {} }, () => {
    throw new Error('It need not wait.');
  });
  expect(await Promise.race([place.then(() => 'place'), Promise.resolve().then(() => Promise.resolve('later'))])).toBe(
    'place',
  );
  expect([admission.startingCount, admission.waitingCount, clock.pending]).toEqual([1, 0, 0]);
});

test('AGENT-42: only so many agents start at once, in the order in which they were asked for', async () => {
  const admission = open(2);
  const [a, b, c, d] = ['a', 'b', 'c', 'd'].map((id) => ask(admission, id));
  await ticks();
  expect([a?.place, b?.place, c?.place].map(Boolean)).toEqual([true, true, false]);
  b!.place!.leave();
  b!.place!.leave();
  await ticks();
  expect([c?.place, d?.place].map(Boolean)).toEqual([true, false]);
  expect([admission.startingCount, admission.waitingCount]).toEqual([2, 1]);
});

test('AGENT-43: whoever waits knows its place and why, and hears of every change', async () => {
  const admission = open();
  const a = ask(admission, 'a');
  const [b, c] = [ask(admission, 'b'), ask(admission, 'c')];
  await ticks();
  expect(admission.waitOf('a')).toBeNull();
  const since = clock.now().toISOString();
  const what = '2 of 2 in line: one agent starts at a time';
  expect(admission.waitOf('c')).toEqual({ for: 'start', since, what, place: 2, retry: null });
  const before = c.changes;
  clock.advance(1_000);
  a.place!.leave();
  await ticks();
  expect(b.place).toBeDefined();
  expect(admission.waitOf('c')).toMatchObject({ since, place: 1, what: '1 of 1 in line: one agent starts at a time' });
  expect(c.changes).toBe(before + 1);
});

test('AGENT-43: a wait ends with its signal, and the next one moves up', async () => {
  const admission = open();
  const [a, b, c] = [ask(admission, 'a'), ask(admission, 'b'), ask(admission, 'c')];
  const why = new Error('No longer.');
  b.give.abort(why);
  await ticks();
  expect([b.error, admission.waitOf('b'), admission.waitOf('c')?.place]).toEqual([why, null, 1]);
  a.place!.leave();
  await ticks();
  expect(c.place).toBeDefined();
  expect(admission.waitingCount).toBe(0);
});

test('AGENT-43: who comes back has its place again', async () => {
  const admission = open();
  const [a, b, c] = [ask(admission, 'a'), ask(admission, 'b'), ask(admission, 'c')];
  b.give.abort(new Error('Something else goes first.'));
  await ticks();
  const again = ask(admission, 'b', b.order);
  a.place!.leave();
  await ticks();
  expect([again.place, c.place].map(Boolean)).toEqual([true, false]);
});

test('AGENT-41: no agent starts unless its memory is free beyond the reserve, beside that of those that start', async () => {
  const admission = open(5);
  memory = { totalBytes: 4_000 * mb, availableBytes: 1_040 * mb, stalledPercent: null };
  const [a, b, c] = [ask(admission, 'a'), ask(admission, 'b'), ask(admission, 'c')];
  await ticks();
  expect([a.place, b.place, c.place].map(Boolean)).toEqual([true, true, false]);
  expect(admission.waitOf('c')).toMatchObject({
    for: 'memory',
    what: '1 of 1 in line: 40 MB of memory are free beyond the reserve, and an agent needs 250 MB; no other agent is idle',
  });
  // Memory comes free without a word.
  memory = { ...memory, availableBytes: 1_300 * mb };
  clock.advance(1_000);
  await ticks();
  expect(c.place).toBeDefined();
});

test('AGENT-41: none starts while the machine stands still for lack of memory, or where nothing is known', async () => {
  const admission = open();
  memory = { totalBytes: 4_000 * mb, availableBytes: 3_000 * mb, stalledPercent: 20 };
  const a = ask(admission, 'a');
  await ticks();
  expect(admission.waitOf('a')?.what).toContain('the machine stands still for lack of memory 20 % of the time');
  memory = { ...memory, stalledPercent: 19 };
  clock.advance(1_000);
  await ticks();
  expect(a.place).toBeDefined();
  a.place!.leave();
  memory = null;
  const b = ask(admission, 'b');
  await ticks();
  expect(b.place).toBeDefined();
});

test('AGENT-41: the reserve is a tenth of the memory within limits, unless it is set', () => {
  const of = (totalMb: number, reserveBytes: number | null = null): number =>
    reserveOf({ totalBytes: totalMb * mb, availableBytes: 0, stalledPercent: null }, { reserveBytes }) / mb;
  expect([of(1_000), of(8_000), of(64_000), of(8_000, 0)]).toEqual([256, 800, 2_048, 0]);
});

test('AGENT-45: an idle agent ends for one that waits for memory, one at a time and no more than needed', async () => {
  const admission = open(2);
  memory = { totalBytes: 4_000 * mb, availableBytes: 600 * mb, stalledPercent: 0 };
  idle = ['x', 'y', 'z'].map((id) => idleAgent(id));
  const a = ask(admission, 'a');
  await ticks();
  expect([Boolean(a.place), ended]).toEqual([true, ['x']]);
  const b = ask(admission, 'b');
  await ticks();
  expect([Boolean(b.place), ended]).toEqual([true, ['x', 'y']]);
});

test('AGENT-45: none ends for a start that only waits for others that start', async () => {
  const admission = open();
  idle = [idleAgent('x')];
  ask(admission, 'a');
  ask(admission, 'b');
  await ticks();
  expect(ended).toEqual([]);
});

test('AGENT-45: one that cannot be ended does not keep others waiting', async () => {
  const admission = open();
  memory = { totalBytes: 4_000 * mb, availableBytes: 600 * mb, stalledPercent: 0 };
  idle = [{ ...idleAgent('x'), end: () => ((idle = [idleAgent('y')]), Promise.reject(new Error('No.'))) }];
  const a = ask(admission, 'a');
  await ticks();
  expect([Boolean(a.place), ended]).toEqual([true, ['y']]);
});

test('AGENT-45: while nothing starts, idle agents end as long as the reserve is short', async () => {
  const admission = open();
  admission.start();
  memory = { totalBytes: 4_000 * mb, availableBytes: 300 * mb, stalledPercent: 0 };
  idle = ['x', 'y'].map((id) => idleAgent(id, {}, 250));
  clock.advance(5_000);
  await ticks();
  expect(ended).toEqual(['x']);
  clock.advance(5_000);
  await ticks();
  expect(ended).toEqual(['x']);
  admission.stop();
  memory = { ...memory, availableBytes: 0 };
  clock.advance(60_000);
  await ticks();
  expect(ended).toEqual(['x']);
});

test('AGENT-45: first goes what was started ahead, then what no cache waits for, then the coldest and cheapest to wake', () => {
  const agents = [
    idleAgent('young', { idleMs: 10_000 }),
    idleAgent('cached', { idleMs: 900_000, isCached: true }),
    idleAgent('long', { idleMs: 60_000, head: 20_000 }),
    idleAgent('cold', { idleMs: 50_000 }),
    idleAgent('ahead', { idleMs: 1, isAhead: true, isCached: true }),
  ];
  const order: string[] = [];
  for (let left = agents, next; (next = firstToEnd(left));) {
    const { chatId } = next;
    order.push(chatId);
    left = left.filter((each) => each.chatId !== chatId);
  }
  expect(order).toEqual(['ahead', 'cold', 'long', 'young', 'cached']);
  expect(firstToEnd([])).toBeUndefined();
});

test('AGENT-46: what starts ahead takes no place that is needed, and ends no other agent', async () => {
  const admission = open();
  const ahead = admission.enterAhead();
  expect(ahead).toBeDefined();
  expect(admission.enterAhead()).toBeUndefined();
  // A prompt goes before it.
  const a = ask(admission, 'a');
  await ticks();
  expect(a.place).toBeDefined();
  ahead!.leave();
  expect(admission.enterAhead()).toBeUndefined();
  ask(admission, 'b');
  a.place!.leave();
  await ticks();
  memory = { totalBytes: 4_000 * mb, availableBytes: 600 * mb, stalledPercent: 0 };
  idle = [idleAgent('x')];
  const other = open();
  expect(other.enterAhead()).toBeUndefined();
  await ticks();
  expect(ended).toEqual([]);
});
