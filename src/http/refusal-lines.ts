/** Logs requests that were refused: who, what, and why. No text from the request is repeated. */
import type { Clock } from '../lib/clock.ts';
import type { Log } from '../lib/log.ts';
import { MinuteTally } from './minute-tally.ts';

export interface Refusal {
  source: string;
  /** The principal's id, if the credential was valid. */
  principal?: string | undefined;
  /** The client's name for itself, if given. */
  client?: string | undefined;
  method: string;
  /** The route's declared path; `unknown` for requests that match no route. */
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
