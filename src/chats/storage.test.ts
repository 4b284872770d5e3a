import { afterEach, beforeEach, describe, expect, test, vi } from 'vitest';
import { BooError } from '../protocol/error.ts';
import type { Sql } from '../store/database.ts';
import { FencedError } from '../store/storage-error.ts';
import { ask, databaseLost, elsewhere, lettingGo, shuttingDown, unknownChat, write } from './storage.ts';

const lost = Object.assign(new Error('closed'), { code: 'CONNECTION_CLOSED' });
const unavailable = { code: 'storage_unavailable', cause: lost };
const other = new Error('a mistake');

beforeEach(() => {
  vi.useFakeTimers();
  vi.advanceTimersByTime(1_000);
});
afterEach(() => void vi.useRealTimers());

describe('a query', () => {
  /** Fails as often as given, then answers; each attempt takes `ms`. */
  function failing(
    times: number,
    { error = lost as Error, ms = 0 } = {},
  ): { calls: number; run: () => Promise<string> } {
    const query = {
      calls: 0,
      run: async () => {
        query.calls += 1;
        if (ms > 0) await new Promise((done) => setTimeout(done, ms));
        if (query.calls <= times) throw error;
        return 'answer';
      },
    };
    return query;
  }
  const never = (): Promise<never> => new Promise(() => {});

  test('is repeated twice after lost connections, then the database cannot be reached', async () => {
    const twice = failing(2);
    expect(await ask(twice.run)).toBe('answer');
    const thrice = failing(3);
    await expect(ask(thrice.run)).rejects.toMatchObject(unavailable);
    expect([twice.calls, thrice.calls]).toEqual([3, 3]);
  });

  test('is not repeated after an error of its own', async () => {
    const wrong = failing(1, { error: other });
    await expect(ask(wrong.run)).rejects.toBe(other);
    expect(wrong.calls).toBe(1);
  });

  test('without an answer is given up after five seconds, and repeated once', async () => {
    let calls = 0;
    const asked = ask(() => ((calls += 1), never()));
    const failure = asked.catch((error: unknown) => error);
    await vi.advanceTimersByTimeAsync(4_999);
    expect(calls).toBe(1);
    await vi.advanceTimersByTimeAsync(1);
    expect(calls).toBe(2);
    await vi.advanceTimersByTimeAsync(5_000);
    expect(await failure).toMatchObject({ code: 'storage_unavailable' });
    expect([calls, vi.getTimerCount()]).toEqual([2, 0]);
  });

  test('is repeated until seven and a half seconds have passed', async () => {
    const quick = failing(2, { ms: 3_750 });
    const slow = failing(2, { ms: 3_751 });
    const answers = Promise.allSettled([ask(quick.run), ask(slow.run)]);
    await vi.advanceTimersByTimeAsync(20_000);
    expect(await answers).toMatchObject([{ value: 'answer' }, { reason: { code: 'storage_unavailable' } }]);
    expect([quick.calls, slow.calls]).toEqual([3, 2]);
  });
});

describe('a write', () => {
  test('is tried once, and its problems are reported as ours', async () => {
    expect(await write(() => Promise.resolve(5))).toBe(5);
    await expect(write(() => Promise.reject(lost))).rejects.toMatchObject(unavailable);
    await expect(write(() => Promise.reject(other))).rejects.toBe(other);
    const fenced = new FencedError('c');
    await expect(write(() => Promise.reject(fenced))).rejects.toEqual(
      new BooError('chat_elsewhere', 'Chat c is now held by another host.', { cause: fenced }),
    );
  });
});

test('each refusal says what the matter is', async () => {
  const nobody = (() => Promise.resolve([])) as unknown as Sql;
  const refusals = [await elsewhere(nobody, 'c'), databaseLost(), unknownChat(), shuttingDown(), lettingGo()];
  expect(refusals.map(({ code, message }) => [code, message])).toEqual([
    ['chat_elsewhere', 'Another host holds chat c. Try again shortly.'],
    ['storage_unavailable', 'The database did not answer in time.'],
    ['not_found', 'This chat does not exist.'],
    ['shutting_down', 'This host is shutting down.'],
    ['shutting_down', 'This host is releasing the chat. Try again shortly.'],
  ]);
});
