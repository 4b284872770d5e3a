import { createRetryDelay, type RetryRange, wait } from '../../client/retry-delay.ts';

/**
 * Repeats `work` with growing delays until it returns true or `signal` is aborted. `attempt` counts from 0. Never
 * rejects.
 */
export async function retryUntil(
  work: (attempt: number) => Promise<boolean>,
  { signal, backoff = { minMs: 1_000, maxMs: 20_000 } }: { signal: AbortSignal; backoff?: RetryRange },
): Promise<void> {
  const delay = createRetryDelay(backoff);
  for (let attempt = 0; !signal.aborted && !(await work(attempt)); attempt += 1) await wait(delay.next(), signal);
}
