/** What a session's requests have cost so far, and which of them were reported. */
import { noUsage, restOf, sumOf } from '../../protocol/usage.ts';
import type { CountedRequests, ModelCost } from '../agent-backend.ts';
import { type RunningTotals, zeroTotals } from '../claude/mapping/model-costs.ts';
import type { RequestCost } from './cost-receiver.ts';

// A request is reported within a tenth of a second of its end, if at all.
const waitMs = 700;

const zero: ModelCost = { ...noUsage, costUsd: 0 };

export class SessionCosts {
  #totals = zeroTotals;
  readonly #told = new Set<string>();
  /** What was counted for unreported requests, by their ids. */
  readonly #untold = new Map<string, ModelCost>();
  /** The totals are the program's own, from when it exited. */
  #isWhole = false;
  #isTold = true;
  #onTold: (() => void) | undefined;

  /** The session continues from these. */
  open(baseline: RunningTotals): void {
    this.#totals = baseline;
  }

  get totals(): RunningTotals {
    return this.#totals;
  }

  /** Which requests are in the totals. */
  get counted(): CountedRequests {
    return this.#isWhole ? 'all' : this.#told;
  }

  /** A request has been answered, whether or not it is reported. */
  noteRequest(): void {
    this.#isWhole = false;
  }

  /** The program counts from here on. */
  reset(totals: RunningTotals): void {
    this.#totals = totals;
    this.#isWhole = true;
    this.#told.clear();
    this.#untold.clear();
  }

  add({ requestId, model, cost }: RequestCost): void {
    this.#isTold = true;
    const counted = requestId === null ? undefined : this.#untold.get(requestId);
    if (requestId !== null) this.#untold.delete(requestId);
    this.#add({ requestId, model, cost: counted ? beyond(counted, cost) : cost });
    this.#onTold?.();
  }

  /** Adds what is known of unreported requests, and returns which these were. The program counts them when it ends. */
  addUntold(requests: Iterable<RequestCost & { requestId: string }>): RequestCost[] {
    const untold = [...requests].filter(({ requestId }) => !this.#isWhole && !this.#told.has(requestId));
    for (const request of untold) {
      this.#untold.set(request.requestId, request.cost);
      this.#add(request);
    }
    return untold;
  }

  #add({ requestId, model, cost }: RequestCost): void {
    if (requestId !== null) this.#told.add(requestId);
    this.noteRequest();
    const before = Object.hasOwn(this.#totals.models, model) ? (this.#totals.models[model] ?? zero) : zero;
    const now: ModelCost = { ...sumOf(before, cost), costUsd: before.costUsd + cost.costUsd };
    this.#totals = {
      costUsd: this.#totals.costUsd + cost.costUsd,
      models: { ...this.#totals.models, [model]: now },
    };
  }

  /**
   * Resolves when all of these requests were reported, or it is clear that they will not be: then their cost is counted
   * when the program ends.
   */
  async told(requestIds: ReadonlySet<string>): Promise<void> {
    const isDone = (): boolean => [...requestIds].every((id) => this.#told.has(id));
    // One wait in vain is enough: the program's telemetry goes elsewhere.
    if (!this.#isTold || isDone()) return;
    await new Promise<void>((resolve) => {
      const timer = setTimeout(() => {
        this.#isTold = false;
        done();
      }, waitMs);
      const done = (): void => {
        clearTimeout(timer);
        this.#onTold = undefined;
        resolve();
      };
      this.#onTold = () => {
        if (isDone()) done();
      };
    });
  }
}

const beyond = (counted: ModelCost, told: ModelCost): ModelCost => ({
  ...restOf(told, counted),
  costUsd: told.costUsd,
});
