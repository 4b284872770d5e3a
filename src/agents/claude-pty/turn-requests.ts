/**
 * The requests to the model of the turn that runs. What they used comes by the program's telemetry, with its price; of one
 * that is broken off nothing comes: its tokens are counted from the transcript, as far as they stand there, and its price is
 * known when the program ends.
 */
import type { SessionStoreEntry } from '@anthropic-ai/claude-agent-sdk';
import type { Usage } from '../../protocol/event.ts';
import { noUsage, sumOf, tokensIn } from '../../protocol/usage.ts';
import type { AgentEvent } from '../agent-backend.ts';
import { notice } from '../claude/mapping/notice.ts';
import { requestOf } from '../claude/mapping/turn-traces.ts';
import type { RequestCost } from './cost-receiver.ts';
import type { SessionCosts } from './session-costs.ts';

type Request = RequestCost & { requestId: string };

export class TurnRequests {
  readonly #costs: SessionCosts;
  readonly #requests = new Map<string, Request>();
  /** The ids of those that will be told. */
  readonly #whole = new Set<string>();

  constructor(costs: SessionCosts) {
    this.#costs = costs;
  }

  get isEmpty(): boolean {
    return this.#requests.size === 0;
  }

  /** A line of an answer: the last one of a request counts. `isAborted`: the answer was broken off. */
  note(entry: SessionStoreEntry, isAborted: boolean): void {
    const { requestId, model, usage } = requestOf(entry) ?? {};
    if (!requestId || model === undefined || !usage) return;
    this.#requests.set(requestId, { requestId, model, cost: { ...usage, costUsd: 0 } });
    if (isAborted) this.#whole.delete(requestId);
    else this.#whole.add(requestId);
  }

  /** Resolves when all is told that will be, and the rest is counted; with what there is to say of the rest. */
  async settle(wasInRequest: boolean): Promise<AgentEvent[]> {
    await this.#costs.told(this.#whole);
    const untold = this.#costs.addUntold(this.#requests.values());
    if (untold.length === 0) return wasInRequest ? [unknown()] : [];
    return [counted(untold.reduce((sum, { cost }) => sumOf(sum, cost), noUsage))];
  }

  clear(): void {
    this.#requests.clear();
    this.#whole.clear();
  }
}

const later = 'is added to the chat’s totals when its agent ends in order: at a rest, a flip or a stop.';

function counted(usage: Usage): AgentEvent {
  const message =
    `${tokensIn(usage)} tokens in and ${usage.outputTokens} out of this turn were counted from its transcript, since the agent ` +
    `does not tell yet what they cost. The price, and what was written beyond that, ${later}`;
  return notice('info', 'turn_cost_unknown', message);
}

function unknown(): AgentEvent {
  const message = `What the interrupted request used is not known yet. It ${later}`;
  return notice('info', 'turn_cost_unknown', message);
}
