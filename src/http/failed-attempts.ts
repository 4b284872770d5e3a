/**
 * Counts wrong credentials, by source and in total. They are counted after the check, so a valid credential is never
 * locked out, whatever others do from the same address.
 */
import type { Clock } from '../lib/clock.ts';
import type { Log } from '../lib/log.ts';
import { minuteMs, MinuteTally } from './minute-tally.ts';

export interface FailedAttempts {
  /** Counts one more. Returns how many seconds the source should wait, or undefined below the limit. */
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
