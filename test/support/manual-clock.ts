import type { Clock } from '../../src/lib/clock.ts';

interface Timer {
  dueMs: number;
  call: () => void;
}

/** Time that passes only when the test says so. */
export class ManualClock implements Clock {
  #nowMs = 0;
  readonly #timers = new Set<Timer>();

  now(): Date {
    return new Date(Date.UTC(2030, 0, 1) + this.#nowMs);
  }

  monotonicMs(): number {
    return this.#nowMs;
  }

  after(delayMs: number, call: () => void): () => void {
    const timer: Timer = { dueMs: this.#nowMs + delayMs, call };
    this.#timers.add(timer);
    return () => void this.#timers.delete(timer);
  }

  /** When the next call is due, in milliseconds from now; null if none is. */
  get nextMs(): number | null {
    const next = this.#earliest();
    return next === undefined ? null : next.dueMs - this.#nowMs;
  }

  /** How many calls are due at some time. */
  get pending(): number {
    return this.#timers.size;
  }

  /** Advances, making the calls that become due, each at its own time. */
  advance(byMs: number): void {
    const untilMs = this.#nowMs + byMs;
    for (let next = this.#earliest(); next && next.dueMs <= untilMs; next = this.#earliest()) {
      this.#timers.delete(next);
      this.#nowMs = Math.max(this.#nowMs, next.dueMs);
      next.call();
    }
    this.#nowMs = untilMs;
  }

  /** Like a process that was stopped or a machine that slept: time has passed, and what was due is called only now. */
  sleep(forMs: number): void {
    this.#nowMs += forMs;
    for (let next = this.#earliest(); next && next.dueMs <= this.#nowMs; next = this.#earliest()) {
      this.#timers.delete(next);
      next.call();
    }
  }

  #earliest(): Timer | undefined {
    let earliest: Timer | undefined;
    for (const timer of this.#timers) if (!earliest || timer.dueMs < earliest.dueMs) earliest = timer;
    return earliest;
  }
}
