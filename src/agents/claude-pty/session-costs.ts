/** What a session's requests have cost so far, and which of them were told. */
import { noUsage } from '../../protocol/event.ts';
import type { ModelCost } from '../agent-backend.ts';
import type { RunningTotals } from '../claude/mapping/model-costs.ts';
import type { RequestCost } from './cost-receiver.ts';

// A request is told within a tenth of a second of its end, where it is told at all.
const waitMs = 700;

const zero: ModelCost = { ...noUsage, costUsd: 0 };

export class SessionCosts {
  #totals: RunningTotals;
  readonly #told = new Set<string>();
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

  /** Which requests are in the totals, by their ids; undefined where all are. */
  get counted(): ReadonlySet<string> | undefined {
    return this.#isWhole ? undefined : this.#told;
  }

  /** A request has been answered, whether or not it is told. */
  noteRequest(): void {
    this.#isWhole = false;
  }

  /** The program counts from here on. */
  reset(totals: RunningTotals): void {
    this.#totals = totals;
    this.#isWhole = true;
    this.#told.clear();
  }

  add({ requestId, model, cost }: RequestCost): void {
    if (requestId !== null) this.#told.add(requestId);
    this.#isTold = true;
    this.noteRequest();
    const before = Object.hasOwn(this.#totals.models, model) ? (this.#totals.models[model] ?? zero) : zero;
    const now: ModelCost = {
      inputTokens: before.inputTokens + cost.inputTokens,
      outputTokens: before.outputTokens + cost.outputTokens,
      cacheReadInputTokens: before.cacheReadInputTokens + cost.cacheReadInputTokens,
      cacheCreationInputTokens: before.cacheCreationInputTokens + cost.cacheCreationInputTokens,
      costUsd: before.costUsd + cost.costUsd,
    };
    this.#totals = {
      costUsd: this.#totals.costUsd + cost.costUsd,
      models: { ...this.#totals.models, [model]: now },
    };
    this.#onTold?.();
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
