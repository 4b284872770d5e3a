import type { Clock } from '../lib/clock.ts';

const gatherMs = 5;

/**
 * Decides when what has gathered for a socket leaves. Writing to a socket costs far more than making a frame. So what
 * arrives within one turn of the event loop leaves together, and deltas that come within a few milliseconds of what left
 * before wait for each other that long. A delta after a pause waits for nothing, and what is urgent never does: it takes
 * along what waits.
 */
export interface Pacer {
  /** What waits holds something urgent. */
  urge(): void;
  /** Something waits: has it leave in its time. */
  schedule(): void;
  /** Has it leave now. */
  flush(): void;
  /** All that waited has left. */
  left(): void;
  stop(): void;
}

/** `leave` may leave things as they are, where nothing can go out just now; it is scheduled again by whoever knows. */
export function createPacer(clock: Clock, leave: () => void): Pacer {
  let isScheduled = false;
  /** Takes back the timer that ends the gathering of deltas; undefined while none runs. */
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
