import { expect, test, vi } from 'vitest';
import { inTime } from './in-time.ts';
import { isPassing } from './storage-error.ts';

test('passes on an answer, and an error', async () => {
  expect(await inTime(Promise.resolve(1))).toBe(1);
  await expect(inTime(Promise.reject(new Error('no')))).rejects.toThrow('no');
  vi.useFakeTimers();
  try {
    await inTime(Promise.resolve(1));
    expect(vi.getTimerCount()).toBe(0);
  } finally {
    vi.useRealTimers();
  }
});

test('LOG-8: a statement that is never answered may be retried', async () => {
  const error: unknown = await inTime(new Promise(() => undefined), 1).catch((reason: unknown) => reason);
  expect(isPassing(error)).toBe(true);
  expect(error).toMatchObject({ message: 'The database did not answer in time.' });
});
