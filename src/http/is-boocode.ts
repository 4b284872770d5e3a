import type { Health } from '../protocol/info.ts';

/** Whether it is BooCode that answers at this address. Never throws. */
export async function isBooCode(url: string): Promise<boolean> {
  const abort = new AbortController();
  // Not `AbortSignal.timeout`: that one keeps no process alive, and a start that fails may have nothing else left to do.
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
