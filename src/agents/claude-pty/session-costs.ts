/** What a session's requests have cost so far, and which of them were told. */
import type { Usage } from '../../protocol/event.ts';
import { mostOf, sumOf, noUsage } from '../../protocol/usage.ts';
import type { CountedRequests, ModelCost } from '../agent-backend.ts';
import type { RunningTotals } from '../claude/mapping/model-costs.ts';
import type { RequestCost } from './cost-receiver.ts';

// A request is told within a tenth of a second of its end, where it is told at all.
const waitMs = 700;

interface NotedRequest {
  model: string;
  usage: Usage;
}

const zero: ModelCost = { ...noUsage, costUsd: 0 };

export class SessionCosts {
  #totals: RunningTotals;
  readonly #told = new Set<string>();
  /** Requests of the turn that runs, and of those before it, that stand in the transcript and were not told. */
  #noted = new Map<string, NotedRequest>();
  #owed = new Map<string, NotedRequest>();
  /** The totals are the program's own, as it left. */
  #isWhole = false;
  #isTold = true;
  #onTold: (() => void) | undefined;

  constructor(baseline: RunningTotals) {
    this.#totals = baseline;
  }

  get totals(): RunningTotals {
    return this.#totals;
  }

  /** Which requests are in the totals. */
  get counted(): CountedRequests {
    return this.#isWhole ? 'all' : this.#told;
  }

  /** A request of the turn that runs has been answered, as far as its transcript says by now; it may be told yet. */
  noteRequest({ requestId, model, usage }: NotedRequest & { requestId: string | undefined }): void {
    this.#isWhole = false;
    if (requestId === undefined || this.#told.has(requestId)) return;
    this.#noted.set(requestId, { model, usage: mostOf(this.#noted.get(requestId)?.usage ?? noUsage, usage) });
  }

  /** The turn has ended with what was told of it. */
  endTurn(): void {
    for (const [requestId, request] of this.#noted) this.#owed.set(requestId, request);
    this.#noted.clear();
  }

  /** The program is gone. What it never told of the turns before is counted from their transcript: dollars are unknown. */
  settle(): void {
    for (const { model, usage } of this.#owed.values()) this.#count(model, { ...usage, costUsd: 0 });
    this.#owed.clear();
  }

  /** The program counts from here on. */
  reset(totals: RunningTotals): void {
    this.#totals = totals;
    this.#isWhole = true;
    this.#told.clear();
    this.#noted.clear();
    this.#owed.clear();
  }

  add({ requestId, model, cost }: RequestCost): void {
    if (requestId !== null) {
      this.#told.add(requestId);
      this.#noted.delete(requestId);
      this.#owed.delete(requestId);
    }
    this.#isTold = true;
    this.#isWhole = false;
    this.#count(model, cost);
    this.#onTold?.();
  }

  #count(model: string, cost: ModelCost): void {
    const before = Object.hasOwn(this.#totals.models, model) ? (this.#totals.models[model] ?? zero) : zero;
    const now: ModelCost = { ...sumOf(before, cost), costUsd: before.costUsd + cost.costUsd };
    this.#totals = {
      costUsd: this.#totals.costUsd + cost.costUsd,
      models: { ...this.#totals.models, [model]: now },
    };
  }

  /**
   * Resolves when all of these requests were told, or it has become clear that they will not be: then what they cost is
   * counted when the program ends.
   */
  async told(requestIds: ReadonlySet<string>): Promise<void> {
    const isDone = (): boolean => [...requestIds].every((id) => this.#told.has(id));
    // Once waited for in vain is enough: the program's telemetry goes elsewhere.
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
