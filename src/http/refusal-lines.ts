/** The log's lines about requests that were refused: who, what, and why. Of the request's texts nothing is repeated. */
import type { Clock } from '../lib/clock.ts';
import type { Log } from '../lib/log.ts';
import { MinuteTally } from './minute-tally.ts';

export interface Refusal {
  source: string;
  /** The id of who asked, where their credential was good. */
  principal?: string | undefined;
  /** What the client calls itself, where it does. */
  client?: string | undefined;
  method: string;
  /** As the route declares it; what fits no route is `unknown`. */
  path: string;
  status: number;
  code: string;
  field?: string | undefined;
}

export class RefusalLines {
  readonly #tally: MinuteTally<Refusal | { code: string }>;

  constructor(clock: Clock, log: Log) {
    this.#tally = new MinuteTally({
      clock,
      others: { code: 'others' },
      onFirst: (facts) => log.info(facts, 'A request was refused.'),
      onMinute: (facts, refusals) =>
        log.info({ ...facts, refusals }, 'Requests like this were refused within a minute.'),
    });
  }

  add(refusal: Refusal): void {
    const { source, principal, method, path, code, field } = refusal;
    this.#tally.add(JSON.stringify([source, principal, method, path, code, field]), refusal);
  }
}
