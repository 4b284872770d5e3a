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

/** One source's. What was not told yet is told when it is over. */
interface Minute {
  failures: number;
  untold: number;
}

const minuteMs = 60_000;
/** Sources beyond these are counted as one, until others have been quiet for a minute. */
const maxSources = 200;
const others = 'others';

export function createFailedAttempts(options: { clock: Clock; log: Log; limits: AttemptLimits }): FailedAttempts {
  const { clock, log, limits } = options;
  const minutes = new Map<string, Minute>();
  let failures = 0;
  let minuteEndsMs = -Infinity;

  /** The first failure is told at once, and the others in one line when their minute is over. */
  function watch(source: string): Minute {
    const minute = { failures: 0, untold: 0 };
    minutes.set(source, minute);
    log.warn({ source, failures: 1 }, 'A credential was refused.');
    const tell = (): void => {
      if (minute.untold === 0) return void minutes.delete(source);
      log.warn({ source, failures: minute.untold }, 'Credentials were refused within a minute.');
      minute.failures = minute.untold = 0;
      clock.after(minuteMs, tell);
    };
    clock.after(minuteMs, tell);
    return minute;
  }

  function minuteOf(given: string): Minute {
    const source = minutes.has(given) || minutes.size < maxSources ? given : others;
    const known = minutes.get(source);
    if (!known) return watch(source);
    known.untold += 1;
    return known;
  }

  return {
    add(source) {
      const nowMs = clock.monotonicMs();
      if (nowMs >= minuteEndsMs) {
        failures = 0;
        minuteEndsMs = nowMs + minuteMs;
      }
      failures += 1;
      const own = minuteOf(source);
      own.failures += 1;
      return own.failures > limits.perSource || failures > limits.inAll ? minuteMs / 1000 : undefined;
    },
  };
}
