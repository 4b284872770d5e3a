import type { Clock } from '../lib/clock.ts';

/** Less than a frame of a screen. */
export const gatherMs = 10;

/**
 * Decides when queued data is written to a socket, because writing costs far more than creating a frame. Everything
 * queued within one turn of the event loop is written together, and deltas that follow a write within a
 * screen's frame are collected for that long. A delta after a pause is not delayed, and urgent data never is: it takes
 * everything queued with it.
 */
export interface Pacer {
  /** The queue contains something urgent. */
  urge(): void;
  /** Call it when something was queued; schedules the write. */
  schedule(): void;
  /** Writes now. */
  flush(): void;
  /** The queue was written. */
  left(): void;
  stop(): void;
}

/** `leave` may do nothing while writing is impossible; the code that detects that it is possible again schedules it. */
export function createPacer(clock: Clock, leave: () => void): Pacer {
  let isScheduled = false;
  /** Cancels the timer for collecting deltas; undefined while none is running. */
  let stopGathering: (() => void) | undefined;
  let isUrgent = false;
  let leftAtMs = -Infinity;

  const flush = (): void => {
    isScheduled = false;
    stopGathering?.();
    stopGathering = undefined;
    leave();
  };

  return {
    urge: () => void (isUrgent = true),
    schedule() {
      if (isScheduled || (stopGathering && !isUrgent)) return;
      const waitMs = isUrgent ? 0 : leftAtMs + gatherMs - clock.monotonicMs();
      if (waitMs > 0) {
        stopGathering = clock.after(waitMs, flush);
        return;
      }
      isScheduled = true;
      setImmediate(flush);
    },
    flush,
    left() {
      isUrgent = false;
      leftAtMs = clock.monotonicMs();
    },
    stop: () => stopGathering?.(),
  };
}
