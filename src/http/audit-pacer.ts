/** Keeps the audit log from being flooded: by refused requests, wrong credentials and repeated reads. */
import type { Act, Audit } from '../chats/audit-log.ts';
import type { Clock } from '../lib/clock.ts';
import { minuteMs, MinuteTally } from './minute-tally.ts';

const hourMs = 3_600_000;
/** Refusals of one person that have a row each, per minute; the rest is counted. */
export const refusalsEach = 60;
const maxReads = 10_000;
const maxPeople = 1_000;

interface Minute {
  written: number;
  /** Those without a row, and the last of them. */
  untold: number;
  last: Act;
}

export class AuditPacer {
  readonly #audit: Audit;
  readonly #clock: Clock;
  /** When each person has read each chat, by `person chat`; the oldest first. */
  readonly #reads = new Map<string, number>();
  readonly #minutes = new Map<string, Minute>();
  readonly #guesses: MinuteTally<Act>;

  constructor(audit: Audit, clock: Clock) {
    this.#audit = audit;
    this.#clock = clock;
    this.#guesses = new MinuteTally<Act>({
      clock,
      others: wrongCredential('others', 'authenticate'),
      onFirst: (act) => void audit.note(act),
      onMinute: (act, count) => void audit.note({ ...act, count }),
    });
  }

  /** What was done has a row each; refusals only within bounds. */
  put(act: Act): Promise<void> {
    if (act.outcome === 'done') return this.#audit.note(act);
    const key = act.person?.id ?? '';
    const minute = this.#minutes.get(key);
    if (!minute) {
      if (this.#minutes.size >= maxPeople) return this.#audit.note(act);
      this.#minutes.set(key, { written: 1, untold: 0, last: act });
      this.#clock.after(minuteMs, () => this.#endMinute(key));
      return this.#audit.note(act);
    }
    if (minute.written < refusalsEach) {
      minute.written += 1;
      return this.#audit.note(act);
    }
    minute.untold += 1;
    minute.last = act;
    return Promise.resolve();
  }

  #endMinute(key: string): void {
    const { untold = 0, last } = this.#minutes.get(key) ?? {};
    this.#minutes.delete(key);
    if (untold === 0 || !last) return;
    void this.#audit.note({ ...last, count: untold, details: { more: true } });
  }

  /** One row for the first guess of a source within a minute, and one for all others. */
  guess(source: string, act: string): void {
    this.#guesses.add(`${source} ${act}`, wrongCredential(source, act));
  }

  hasRead(person: string, chatId: string): boolean {
    const at = this.#reads.get(`${person} ${chatId}`);
    return at !== undefined && this.#clock.monotonicMs() - at < hourMs;
  }

  noteRead(person: string, chatId: string): void {
    const key = `${person} ${chatId}`;
    this.#reads.delete(key);
    this.#reads.set(key, this.#clock.monotonicMs());
    for (const oldest of this.#reads.keys()) if (this.#reads.size > maxReads) this.#reads.delete(oldest);
  }
}

const wrongCredential = (source: string, act: string): Act => ({
  person: null,
  source,
  act,
  outcome: 'refused',
  code: 'unauthorized',
});
