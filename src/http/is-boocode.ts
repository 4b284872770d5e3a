import type { Health } from '../protocol/info.ts';

/** Whether BooCode answers at this address. Never throws. */
export async function isBooCode(url: string): Promise<boolean> {
  const abort = new AbortController();
  // Not `AbortSignal.timeout`: it does not keep the process alive, and a failing start may have nothing else pending.
  const timer = setTimeout(() => abort.abort(), 2_000);
  try {
    const response = await fetch(`${url}/healthz`, { signal: abort.signal });
    return ((await response.json()) as Partial<Health>).name === 'boocode';
  } catch {
    return false;
  } finally {
    clearTimeout(timer);
  }
}
