import { afterEach, beforeEach, describe, expect, it, vi } from 'vitest';
import type { LiveState } from '../../client/client.ts';
import type { Health } from '../../protocol/info.ts';
import { type ServerTrouble, watchTrouble } from './server-trouble.ts';

const fine: Health = { name: 'boocode', status: 'ok' };
const full: Health = { ...fine, status: 'unavailable', reason: 'database_full', message: 'The disk is full.' };
let state: LiveState;
let answer: Health | Error;
let isVisible: boolean;
let asked: number;
let listeners: (() => void)[];
let trouble: ServerTrouble;

beforeEach(() => {
  vi.useFakeTimers();
  [state, answer, isVisible, asked, listeners] = ['open', fine, true, 0, []];
  trouble = watchTrouble({
    health() {
      asked += 1;
      return answer instanceof Error ? Promise.reject(answer) : Promise.resolve(answer);
    },
    live: {
      get state() {
        return state;
      },
      onState(listener) {
        listeners.push(listener);
        return () => void (listeners = listeners.filter((each) => each !== listener));
      },
    },
    isVisible: () => isVisible,
  });
});
afterEach(() => {
  trouble.close();
  vi.useRealTimers();
});

const pass = (ms: number): Promise<unknown> => vi.advanceTimersByTimeAsync(ms);
async function turn(to: LiveState): Promise<void> {
  state = to;
  for (const listener of listeners) listener();
  await pass(0);
}

describe('WEB-71: what is wrong with a server that can be reached', () => {
  it('is asked for now and then, and more often while there is something', async () => {
    await pass(0);
    expect([asked, trouble.store.get()]).toEqual([1, undefined]);
    answer = full;
    await pass(14_999);
    expect(asked).toBe(1);
    await pass(1);
    expect([asked, trouble.store.get()]).toEqual([2, 'The disk is full.']);
    answer = fine;
    await pass(3_000);
    expect([asked, trouble.store.get()]).toEqual([3, undefined]);
    await pass(3_000);
    expect(asked).toBe(3);
  });

  it('is not asked for while nobody looks, or while the server cannot be reached', async () => {
    answer = full;
    await pass(15_000);
    expect(trouble.store.get()).toBe('The disk is full.');
    await turn('offline');
    expect(trouble.store.get()).toBeUndefined();
    const before = asked;
    await pass(60_000);
    expect(asked).toBe(before);
    isVisible = false;
    await turn('open');
    await pass(60_000);
    expect(asked).toBe(before);
    isVisible = true;
    await pass(15_000);
    expect([asked, trouble.store.get()]).toEqual([before + 1, 'The disk is full.']);
  });

  it('is unknown without an answer, and nothing is asked once the page has closed it', async () => {
    answer = full;
    await turn('open');
    answer = new Error('gone');
    await pass(3_000);
    expect(trouble.store.get()).toBeUndefined();
    trouble.close();
    const before = asked;
    await pass(60_000);
    expect([asked, listeners]).toEqual([before, []]);
  });
});
