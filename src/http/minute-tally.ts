/**
 * Counts frequent occurrences by kind: the first of a kind is reported immediately, and further ones within the same
 * minute together at its end. Beyond two hundred kinds, the rest count as one, until others have been quiet for a
 * minute.
 */
import type { Clock } from '../lib/clock.ts';

export const minuteMs = 60_000;
const maxKinds = 200;
const others = 'others';

export interface MinuteTallyParts<Facts> {
  clock: Clock;
  /** The facts reported for the kinds that count as one. */
  others: Facts;
  readonly onFirst: (facts: Facts) => void;
  /** The number of further ones. */
  readonly onMinute: (facts: Facts, count: number) => void;
}

interface Minute {
  count: number;
  untold: number;
}

export class MinuteTally<Facts> {
  readonly #parts: MinuteTallyParts<Facts>;
  readonly #minutes = new Map<string, Minute>();

  constructor(parts: MinuteTallyParts<Facts>) {
    this.#parts = parts;
  }

  /** Counts one more; returns how many of its kind there were in this minute. */
  add(given: string, facts: Facts): number {
    const isKnown = this.#minutes.has(given);
    const kind = isKnown || this.#minutes.size < maxKinds ? given : others;
    const minute = this.#minutes.get(kind);
    if (!minute) return this.#begin(kind, kind === given ? facts : this.#parts.others);
    minute.untold += 1;
    return (minute.count += 1);
  }

  #begin(kind: string, facts: Facts): number {
    const { clock, onFirst, onMinute } = this.#parts;
    const minute = { count: 1, untold: 0 };
    this.#minutes.set(kind, minute);
    onFirst(facts);
    const tell = (): void => {
      if (minute.untold === 0) return void this.#minutes.delete(kind);
      onMinute(facts, minute.untold);
      minute.count = minute.untold = 0;
      clock.after(minuteMs, tell);
    };
    clock.after(minuteMs, tell);
    return minute.count;
  }
}
