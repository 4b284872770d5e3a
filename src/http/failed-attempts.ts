/**
 * Credentials that were wrong, counted by source and in all. They are counted after the check, so whoever holds a good
 * one is never kept out, whatever others do from the same address.
 */
import type { Clock } from '../lib/clock.ts';
import type { Log } from '../lib/log.ts';
import { minuteMs, MinuteTally } from './minute-tally.ts';

export interface FailedAttempts {
  /** One more. Returns for how many seconds the source should leave it, or undefined while it has not failed much. */
  add(source: string): number | undefined;
}

export interface AttemptLimits {
  perSource: number;
  inAll: number;
}

export function createFailedAttempts(options: { clock: Clock; log: Log; limits: AttemptLimits }): FailedAttempts {
  const { clock, log, limits } = options;
  const sources = new MinuteTally<string>({
    clock,
    others: 'others',
    onFirst: (source) => log.warn({ source, failures: 1 }, 'A credential was refused.'),
    onMinute: (source, failures) => log.warn({ source, failures }, 'Credentials were refused within a minute.'),
  });
  let failures = 0;
  let minuteEndsMs = -Infinity;

  return {
    add(source) {
      const nowMs = clock.monotonicMs();
      if (nowMs >= minuteEndsMs) {
        failures = 0;
        minuteEndsMs = nowMs + minuteMs;
      }
      failures += 1;
      const own = sources.add(source, source);
      return own > limits.perSource || failures > limits.inAll ? minuteMs / 1000 : undefined;
    },
  };
}
