import { expect, it } from 'vitest';
import { retryUntil } from './retry-until.ts';

const backoff = { minMs: 1, maxMs: 2 };

it('WEB-28: repeats the work until it succeeds', async () => {
  const attempts: number[] = [];
  const work = (attempt: number): Promise<boolean> => Promise.resolve(attempts.push(attempt) === 3);
  await retryUntil(work, { signal: new AbortController().signal, backoff });
  expect(attempts).toEqual([0, 1, 2]);
});

it('stops at once when the signal is aborted', async () => {
  const asking = new AbortController();
  let attempts = 0;
  const work = (): Promise<boolean> => {
    attempts += 1;
    return Promise.resolve(false);
  };
  // It stops although the next attempt is an hour away.
  const done = retryUntil(work, { signal: asking.signal, backoff: { minMs: 3_600_000, maxMs: 3_600_000 } });
  await expect.poll(() => attempts).toBe(1);
  asking.abort();
  await done;
  await retryUntil(work, { signal: asking.signal, backoff });
  expect(attempts).toBe(1);
});
