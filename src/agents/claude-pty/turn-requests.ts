/**
 * The model requests of the running turn. Their usage and price arrive by the program's telemetry. For an interrupted
 * request nothing arrives: its tokens are counted from the transcript, as far as they appear there, and its price is
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
  /** Ids of those that will be reported. */
  readonly #whole = new Set<string>();

  constructor(costs: SessionCosts) {
    this.#costs = costs;
  }

  get isEmpty(): boolean {
    return this.#requests.size === 0;
  }

  /** A line of an answer: a request's last line counts. `isAborted`: the answer was cut short. */
  note(entry: SessionStoreEntry, isAborted: boolean): void {
    const { requestId, model, usage } = requestOf(entry) ?? {};
    if (!requestId || model === undefined || !usage) return;
    this.#requests.set(requestId, { requestId, model, cost: { ...usage, costUsd: 0 } });
    if (isAborted) this.#whole.delete(requestId);
    else this.#whole.add(requestId);
  }

  /** Resolves when all reports have arrived and the rest is counted; with a notice about the rest. */
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

const later =
  'is added to the chat’s totals when its agent exits cleanly: when it becomes cold, flips or the server stops.';

function counted(usage: Usage): AgentEvent {
  const message =
    `${tokensIn(usage)} input and ${usage.outputTokens} output tokens of this turn were counted from its transcript, because the agent ` +
    `has not reported their cost yet. The cost, and that of any further output, ${later}`;
  return notice('info', 'turn_cost_unknown', message);
}

function unknown(): AgentEvent {
  const message = `The usage of the interrupted request is not known yet. It ${later}`;
  return notice('info', 'turn_cost_unknown', message);
}
