import { describe, expect, test, vi } from 'vitest';
import { createPushable, type Pushable } from './pushable.ts';

function iteratorOf<T>(pushable: Pushable<T>): AsyncIterator<T> {
  return pushable.iterable[Symbol.asyncIterator]();
}

async function drain<T>(pushable: Pushable<T>): Promise<T[]> {
  const values: T[] = [];
  for await (const value of pushable.iterable) values.push(value);
  return values;
}

describe('a pushable', () => {
  test('yields buffered values in push order', async () => {
    const pushable = createPushable<number>();
    for (const value of [1, 2, 3]) pushable.push(value);
    const iterator = iteratorOf(pushable);
    expect(await iterator.next()).toEqual({ done: false, value: 1 });
    pushable.push(4);
    pushable.close();
    expect([await iterator.next(), await iterator.next(), await iterator.next()]).toEqual(
      [2, 3, 4].map((value) => ({ done: false, value })),
    );
    expect(await iterator.next()).toEqual({ done: true, value: undefined });
  });

  test('lets a consumer wait without a timer, and gives it the next value immediately', async () => {
    vi.useFakeTimers();
    try {
      const pushable = createPushable<string>();
      const iterator = iteratorOf(pushable);
      let got: unknown;
      const read = iterator.next().then((result) => (got = result.value));
      await Promise.resolve();
      expect(got).toBeUndefined();
      expect(vi.getTimerCount()).toBe(0);
      pushable.push('now');
      // Microtasks only: no timer or I/O between the push and the value.
      await Promise.resolve();
      expect(got).toBe('now');
      await read;
    } finally {
      vi.useRealTimers();
    }
  });

  test('keeps the order when several values are pushed while a consumer waits', async () => {
    const pushable = createPushable<number>();
    const all = drain(pushable);
    await Promise.resolve();
    for (const value of [1, 2, 3]) pushable.push(value);
    pushable.close();
    expect(await all).toEqual([1, 2, 3]);
  });

  test('passes on values that are undefined, null or false', async () => {
    const pushable = createPushable<unknown>();
    const all = drain(pushable);
    for (const value of [undefined, null, false, 0, '']) pushable.push(value);
    pushable.close();
    expect(await all).toEqual([undefined, null, false, 0, '']);
  });

  test('close is idempotent, ends a waiting consumer, delivers earlier values and drops later ones', async () => {
    const parked = createPushable<number>();
    const end = iteratorOf(parked).next();
    expect(parked.closed).toBe(false);
    parked.close();
    parked.close();
    expect(parked.closed).toBe(true);
    expect(await end).toEqual({ done: true, value: undefined });

    const buffered = createPushable<number>();
    buffered.push(1);
    buffered.close();
    buffered.push(2);
    expect(await drain(buffered)).toEqual([1]);
  });

  test('is closed by leaving the loop, and drops the rest', async () => {
    const pushable = createPushable<number>();
    for (const value of [1, 2, 3]) pushable.push(value);
    for await (const value of pushable.iterable) {
      expect(value).toBe(1);
      break;
    }
    expect(pushable.closed).toBe(true);
    pushable.push(4);
    expect(() => iteratorOf(pushable)).toThrow('one consumer');
  });

  test('return ends a pending read and every later one', async () => {
    const pushable = createPushable<number>();
    const iterator = iteratorOf(pushable);
    const parked = iterator.next();
    expect(await iterator.return?.()).toEqual({ done: true, value: undefined });
    expect(await parked).toEqual({ done: true, value: undefined });
    expect(await iterator.next()).toEqual({ done: true, value: undefined });
  });

  test('refuses a second consumer with a clear error, and loses no value to it', async () => {
    const pushable = createPushable<number>();
    const iterator = iteratorOf(pushable);
    expect(() => iteratorOf(pushable)).toThrow('one consumer');
    const first = iterator.next();
    await expect(iterator.next()).rejects.toThrow('one consumer');
    pushable.push(1);
    pushable.push(2);
    expect(await first).toEqual({ done: false, value: 1 });
    expect(await iterator.next()).toEqual({ done: false, value: 2 });
  });

  test('takes the same time per value however many are buffered', async () => {
    // A ratio, not a limit: a queue that shifts an array takes a hundred times as long per value at the larger size.
    const perValue = async (count: number): Promise<number> => {
      const pushable = createPushable<number>();
      const began = process.cpuUsage();
      for (let value = 0; value < count; value += 1) pushable.push(value);
      pushable.close();
      let sum = 0;
      for await (const value of pushable.iterable) sum += value;
      expect(sum).toBe((count * (count - 1)) / 2);
      const { user, system } = process.cpuUsage(began);
      return (user + system) / count;
    };
    await perValue(20_000); // Lets the engine compile the code.
    const small = [await perValue(10_000), await perValue(10_000), await perValue(10_000)].toSorted(
      (a, b) => a - b,
    )[1]!;
    const large = await perValue(100_000);
    expect(large / small).toBeLessThan(8);
  });
});
