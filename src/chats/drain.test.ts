import { afterEach, beforeEach, describe, expect, test, vi } from 'vitest';
import type { Sql } from '../store/database.ts';
import { drain } from './drain.ts';

let calls: string[];
let finish: () => void;
let drained: Promise<void>;
/** What the database answers. */
let answer: () => Promise<unknown>;
beforeEach(() => {
  vi.useFakeTimers({ toFake: ['setTimeout', 'clearTimeout', 'performance'] });
  calls = [];
  drained = new Promise((resolve) => (finish = resolve));
  answer = () => Promise.resolve([]);
});
afterEach(() => {
  vi.useRealTimers();
});

const host = {
  drain: () => drained,
  stopRetrying: () => void calls.push('stops retrying'),
};
const pool = (name: string) =>
  Object.assign(([question]: TemplateStringsArray) => (question === '' ? Promise.resolve() : answer()), {
    end: (options: object) => {
      calls.push(`ends ${name} ${JSON.stringify(options)}`);
      // What was under way fails then, and the host has drained.
      finish();
      return Promise.resolve();
    },
  }) as unknown as Sql;

function begin(): { isDone: () => boolean } {
  let isDone = false;
  void drain(host, [pool('one'), pool('two')]).then(() => (isDone = true));
  return { isDone: () => isDone };
}
const away = () => Promise.reject(Object.assign(new Error('gone'), { code: 'ECONNREFUSED' }));
const allEnded = ['stops retrying', 'ends one {"timeout":0}', 'ends two {"timeout":0}'];

describe('a host that drains', () => {
  test('is waited for as long as its database answers, and keeps its connections', async () => {
    const draining = begin();
    await vi.advanceTimersByTimeAsync(60_000);
    expect(draining.isDone()).toBe(false);
    finish();
    await vi.advanceTimersByTimeAsync(0);
    expect(draining.isDone()).toBe(true);
    expect(calls).toEqual([]);
  });

  test('loses its connections once the database has been away for 2.5 seconds', async () => {
    answer = away;
    const draining = begin();
    // It is first asked after half a second.
    await vi.advanceTimersByTimeAsync(2_999);
    expect(calls).toEqual([]);
    expect(draining.isDone()).toBe(false);
    await vi.advanceTimersByTimeAsync(1);
    expect(calls).toEqual(allEnded);
    expect(draining.isDone()).toBe(true);
  });

  test('loses its connections also when the database is silent', async () => {
    answer = () => new Promise(() => undefined);
    begin();
    // A question takes 1 second, and comes half a second after the one before.
    await vi.advanceTimersByTimeAsync(4_499);
    expect(calls).toEqual([]);
    await vi.advanceTimersByTimeAsync(1_500);
    expect(calls).toEqual(allEnded);
  });

  test('keeps them if the database comes back in between, or answers with another error', async () => {
    answer = away;
    begin();
    await vi.advanceTimersByTimeAsync(2_900);
    answer = () => Promise.reject(Object.assign(new Error('full'), { code: '53100' }));
    await vi.advanceTimersByTimeAsync(500);
    answer = away;
    // Away again since the question after 3.5 seconds.
    await vi.advanceTimersByTimeAsync(2_599);
    expect(calls).toEqual([]);
    await vi.advanceTimersByTimeAsync(1);
    expect(calls).toEqual(allEnded);
  });

  test('is not watched any longer once it has drained', async () => {
    answer = away;
    const draining = begin();
    await vi.advanceTimersByTimeAsync(1_200);
    finish();
    await vi.advanceTimersByTimeAsync(10_000);
    expect(draining.isDone()).toBe(true);
    expect(calls).toEqual([]);
  });
});
