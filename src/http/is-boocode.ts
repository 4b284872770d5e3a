import type { Health } from '../protocol/info.ts';

/** Whether it is BooCode that answers at this address. Never throws. */
export async function isBooCode(url: string): Promise<boolean> {
  try {
    const response = await fetch(`${url}/healthz`, { signal: AbortSignal.timeout(2_000) });
    return ((await response.json()) as Partial<Health>).name === 'boocode';
  } catch {
    return false;
  }
}
