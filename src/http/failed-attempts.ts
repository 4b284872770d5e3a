/**
 * Credentials that were wrong, counted by source and in all. They are counted after the check, so whoever holds a good
 * one is never kept out, whatever others do from the same address.
 */
import type { Clock } from '../lib/clock.ts';
import type { Log } from '../lib/log.ts';

export interface FailedAttempts {
  /** One more. Returns for how many seconds the source should leave it, or undefined while it has not failed much. */
  add(source: string): number | undefined;
}

export interface AttemptLimits {
  perSource: number;
  inAll: number;
}

const minuteMs = 60_000;
/** Sources beyond these are counted as one, until others have been quiet for a minute. */
const maxSources = 200;
const others = 'others';

export function createFailedAttempts(options: { clock: Clock; log: Log; limits: AttemptLimits }): FailedAttempts {
  const { clock, log, limits } = options;
  const failuresOf = new Map<string, number>();
  let failures = 0;
  let minuteEndsMs = -Infinity;

  /** A source's minute: its first failure is told at once, and the rest in one line when the minute is over. */
  function watch(source: string): void {
    log.warn({ source, failures: 1 }, 'A credential was refused.');
    failuresOf.set(source, 0);
    const tell = (): void => {
      const more = failuresOf.get(source) ?? 0;
      if (more === 0) return void failuresOf.delete(source);
      log.warn({ source, failures: more }, 'Credentials were refused within a minute.');
      failuresOf.set(source, 0);
      clock.after(minuteMs, tell);
    };
    clock.after(minuteMs, tell);
  }

  return {
    add(given) {
      const nowMs = clock.monotonicMs();
      if (nowMs >= minuteEndsMs) {
        failures = 0;
        minuteEndsMs = nowMs + minuteMs;
      }
      failures += 1;
      const source = failuresOf.has(given) || failuresOf.size < maxSources ? given : others;
      const known = failuresOf.get(source);
      if (known === undefined) watch(source);
      else failuresOf.set(source, known + 1);
      const own = failuresOf.get(source) ?? 0;
      return own >= limits.perSource || failures > limits.inAll ? minuteMs / 1000 : undefined;
    },
  };
}
