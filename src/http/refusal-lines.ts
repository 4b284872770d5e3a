/**
 * The log's lines about requests that were refused: who, what, and why. The first of a kind is told at once; those like it
 * within the same minute are counted, and told in one line when it is over. Of the request's texts nothing is repeated.
 */
import type { Clock } from '../lib/clock.ts';
import type { Log } from '../lib/log.ts';

export interface Refusal {
  source: string;
  /** What the client calls itself, where it does. */
  client?: string | undefined;
  method: string;
  /** As the route declares it; what fits no route is `unknown`. */
  path: string;
  status: number;
  code: string;
  field?: string | undefined;
}

const minuteMs = 60_000;
/** Kinds beyond these are told once for all of them, until others have been quiet for a minute. */
const maxKinds = 200;

export class RefusalLines {
  readonly #clock: Clock;
  readonly #log: Log;
  /** How many of each kind were not told yet. */
  readonly #untold = new Map<string, number>();

  constructor(clock: Clock, log: Log) {
    this.#clock = clock;
    this.#log = log;
  }

  add(refusal: Refusal): void {
    const { source, method, path, code, field } = refusal;
    const own = JSON.stringify([source, method, path, code, field]);
    const isOther = !this.#untold.has(own) && this.#untold.size >= maxKinds;
    const kind = isOther ? 'others' : own;
    const untold = this.#untold.get(kind);
    if (untold !== undefined) return void this.#untold.set(kind, untold + 1);
    this.#untold.set(kind, 0);
    const facts = isOther ? { code: 'others' } : refusal;
    this.#log.info(facts, 'A request was refused.');
    const tell = (): void => {
      const count = this.#untold.get(kind) ?? 0;
      if (count === 0) return void this.#untold.delete(kind);
      this.#log.info({ ...facts, refusals: count }, 'Requests like this were refused within a minute.');
      this.#untold.set(kind, 0);
      this.#clock.after(minuteMs, tell);
    };
    this.#clock.after(minuteMs, tell);
  }
}
