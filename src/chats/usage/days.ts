/** Days in a time zone. They begin at quarters of an hour, and may have 23 or 25 of them, or begin at one o'clock. */

const quarterMs = 900_000;
const hourMs = 3_600_000;
const dayMs = 24 * hourMs;

/** A calendar of one time zone. Days are written as `2027-01-31`. */
export class Days {
  readonly #format: Intl.DateTimeFormat;
  /** From midnight of UTC to the last start that was looked for: that of the next one is mostly the same. */
  #distanceMs = 0;

  constructor(timeZone: string) {
    const parts = { year: 'numeric', month: '2-digit', day: '2-digit' } as const;
    this.#format = new Intl.DateTimeFormat('en-US', {
      timeZone,
      calendar: 'iso8601',
      numberingSystem: 'latn',
      ...parts,
    });
  }

  /** On which day it is. */
  of(time: Date): string {
    const parts = Object.fromEntries(this.#format.formatToParts(time).map(({ type, value }) => [type, value]));
    return `${parts['year']!.padStart(4, '0')}-${parts['month']}-${parts['day']}`;
  }

  /** When it begins: the first quarter of an hour that is on this day, or on a later one if clocks have skipped it. */
  start(day: string): Date {
    const midnight = Date.parse(`${day}T00:00:00Z`);
    const likely = midnight + this.#distanceMs;
    const isIt = this.of(new Date(likely)) === day && this.of(new Date(likely - quarterMs)) < day;
    const start = isIt ? likely : this.#search(day, midnight);
    this.#distanceMs = start - midnight;
    return new Date(start);
  }

  #search(day: string, midnight: number): number {
    // Time zones are up to 14 hours away from UTC.
    let [before, after] = [(midnight - 18 * hourMs) / quarterMs, (midnight + 18 * hourMs) / quarterMs];
    while (after - before > 1) {
      const middle = Math.floor((before + after) / 2);
      if (this.of(new Date(middle * quarterMs)) < day) before = middle;
      else after = middle;
    }
    return after * quarterMs;
  }
}

/** The day so many days later, or earlier. */
export function addDays(day: string, count: number): string {
  return new Date(Date.parse(`${day}T00:00:00Z`) + count * dayMs).toISOString().slice(0, 10);
}

/** How many days the second one is later. */
export function daysBetween(one: string, other: string): number {
  return Math.round((Date.parse(`${other}T00:00:00Z`) - Date.parse(`${one}T00:00:00Z`)) / dayMs);
}
