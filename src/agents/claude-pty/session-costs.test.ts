import { afterEach, beforeEach, describe, expect, test, vi } from 'vitest';
import { zeroTotals } from '../claude/mapping/model-costs.ts';
import type { RequestCost } from './cost-receiver.ts';
import { SessionCosts } from './session-costs.ts';

const request = (requestId: string | null, model = 'big', costUsd = 0.5): RequestCost => ({
  requestId,
  model,
  cost: { inputTokens: 1, outputTokens: 2, cacheReadInputTokens: 3, cacheCreationInputTokens: 4, costUsd },
});

/** Whether it has resolved once all pending microtasks have run. */
async function isDone(promise: Promise<void>): Promise<boolean> {
  let done = false;
  void promise.then(() => (done = true));
  await vi.advanceTimersByTimeAsync(0);
  return done;
}

describe('TURN-4: the totals of a session', () => {
  test('are the previous totals plus each request’s cost, by model', () => {
    const before = { costUsd: 1, models: { big: { ...request(null).cost, costUsd: 1 } } };
    const costs = new SessionCosts();
    costs.open(before);
    costs.add(request('a'));
    costs.add(request('b', 'small', 0.25));
    costs.add(request(null, 'small', 0.25));
    expect(costs.totals.costUsd).toBe(2);
    const { big } = costs.totals.models;
    expect(big).toEqual({
      inputTokens: 2,
      outputTokens: 4,
      cacheReadInputTokens: 6,
      cacheCreationInputTokens: 8,
      costUsd: 1.5,
    });
    expect(costs.totals.models['small']).toMatchObject({ outputTokens: 4, costUsd: 0.5 });
    expect(before.models.big.costUsd).toBe(1);
  });

  test('keep apart models whose names are properties of every object', () => {
    const costs = new SessionCosts();
    for (const model of ['__proto__', 'constructor', '__proto__']) costs.add(request(null, model));
    expect(Object.entries(costs.totals.models).map(([model, cost]) => [model, cost.costUsd])).toEqual([
      ['__proto__', 1],
      ['constructor', 0.5],
    ]);
  });

  test('start over with the program’s totals', () => {
    const costs = new SessionCosts();
    costs.add(request('a'));
    costs.reset(zeroTotals);
    expect(costs.totals).toBe(zeroTotals);
  });
});

describe('TURN-20: an unreported request', () => {
  test('is counted once, without a cost; if reported later, only the difference is added', () => {
    const costs = new SessionCosts();
    costs.add(request('a'));
    const untold = { ...request('b', 'big', 0), requestId: 'b' };
    expect(costs.addUntold([{ ...request('a'), requestId: 'a' }, untold])).toEqual([untold]);
    expect(costs.addUntold([untold])).toEqual([]);
    expect(costs.totals.models['big']).toMatchObject({ outputTokens: 4, costUsd: 0.5 });
    const late = request('b');
    costs.add({ ...late, cost: { ...late.cost, outputTokens: 7 } });
    expect(costs.totals.models['big']).toMatchObject({ inputTokens: 2, outputTokens: 9, costUsd: 1 });
  });

  test('is included in the program’s own totals', () => {
    const costs = new SessionCosts();
    costs.reset(zeroTotals);
    expect(costs.addUntold([{ ...request('a'), requestId: 'a' }])).toEqual([]);
  });
});

describe('TURN-4: the end of a turn waits', () => {
  beforeEach(() => void vi.useFakeTimers());
  afterEach(() => {
    const left = vi.getTimerCount();
    vi.useRealTimers();
    if (left > 0) throw new Error(`${left} timers are left.`);
  });

  test('not at all if every request was reported', async () => {
    const costs = new SessionCosts();
    costs.add(request('a'));
    expect(await isDone(costs.told(new Set(['a'])))).toBe(true);
    expect(await isDone(costs.told(new Set()))).toBe(true);
  });

  test('until the last of its requests was reported', async () => {
    const costs = new SessionCosts();
    const told = costs.told(new Set(['a', 'b']));
    costs.add(request('b'));
    costs.add(request('of-another'));
    expect(await isDone(told)).toBe(false);
    costs.add(request('a'));
    expect(await isDone(told)).toBe(true);
  });

  test('only briefly for unreported requests, and only once until something is reported again', async () => {
    const costs = new SessionCosts();
    const first = costs.told(new Set(['a']));
    expect(await isDone(first)).toBe(false);
    await vi.advanceTimersByTimeAsync(1_000);
    expect(await isDone(first)).toBe(true);
    expect(await isDone(costs.told(new Set(['b'])))).toBe(true);
    costs.add(request('b'));
    const later = costs.told(new Set(['c']));
    expect(await isDone(later)).toBe(false);
    costs.add(request('c'));
    await later;
  });
});
