/**
 * Keeps a program from asking its model once no more may be spent: after the tools that a message has called, which were paid
 * for, and before it takes up something that came by itself. What it is told then stays in its memory.
 *
 * The program tells what it has spent at any time, with all of its sub-agents, and prices it itself.
 */
import type { HookCallback, Options, Query } from '@anthropic-ai/claude-agent-sdk';
import { within } from '../../lib/within.ts';
import type { AgentSessionSpec } from '../agent-backend.ts';

/** For a plan's account it also asks how much of the plan is used. If that takes longer, or fails, what it said before counts. */
const longestMs = 5_000;

export interface SpendingParts {
  spec: Pick<AgentSessionSpec, 'spending'>;
  readonly query: () => Query | undefined;
  /** What the session has reported. */
  readonly reportedUsd: () => number;
  readonly interrupt: () => Promise<void>;
  readonly onProblem: (error: unknown) => void;
}

export class Spending {
  readonly #parts: SpendingParts;
  #totalUsd = 0;
  /** It was looked at since the last request, or a turn has just begun. */
  #isAsked = true;

  constructor(parts: SpendingParts) {
    this.#parts = parts;
  }

  get hooks(): NonNullable<Options['hooks']> {
    return { PostToolBatch: [{ hooks: [this.#afterTools] }] };
  }

  /** Why it must not ask its model; null if it may. */
  async whyStop(): Promise<string | null> {
    const { spec, reportedUsd, onProblem } = this.#parts;
    this.#isAsked = true;
    if (!spec.spending?.isLimited) return null;
    await within(longestMs, this.#read().catch(onProblem));
    try {
      return await spec.spending.mayAsk(Math.max(0, this.#totalUsd - reportedUsd()));
    } catch (error) {
      onProblem(error);
      return null;
    }
  }

  noteTurn(): void {
    this.#isAsked = true;
  }

  /** The program asks its model. Settings may keep it from running hooks, and hooks may have it go on after its answer. */
  async noteRequest(): Promise<void> {
    const isAsked = this.#isAsked;
    this.#isAsked = false;
    if (!isAsked && (await this.whyStop()) !== null) await this.#parts.interrupt();
  }

  /** Also of sub-agents: then only that one ends, and the agent gets what it has said so far. */
  readonly #afterTools: HookCallback = async () => {
    const stopReason = await this.whyStop();
    return stopReason === null ? {} : { continue: false, stopReason };
  };

  async #read(): Promise<void> {
    const query = this.#parts.query();
    if (!query) return;
    const { session } = await query.usage_EXPERIMENTAL_MAY_CHANGE_DO_NOT_RELY_ON_THIS_API_YET({ skipBehaviors: true });
    this.#totalUsd = session.total_cost_usd;
  }
}
