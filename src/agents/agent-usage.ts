/** What agents spend. */
import type { Usage } from '../protocol/event.ts';

/** Tokens and cost of one model, as a delta of one turn. */
export type ModelCost = Usage & { costUsd: number };

/** What was spent since the last report, in total and by model. */
export interface SessionCost {
  costUsd: number;
  models: Record<string, ModelCost>;
}

/** Ids of requests to the model. */
export type CountedRequests = ReadonlySet<string> | 'all';

/** Collects what a transcript's stored entries show of a turn whose end was never recorded. */
export interface TurnTraces {
  /** One entry as JSON text. */
  add(json: string): void;
  /** Tokens used by its requests to the model. Their cost in dollars is unknown. */
  readonly seen: Record<string, Usage>;
  /** The same, without the requests that were counted elsewhere. */
  readonly spent: Record<string, Usage>;
  /** Ids of the tool calls that have a result. */
  readonly finishedCalls: ReadonlySet<string>;
}

/** What an agent may spend. It is asked while a turn runs, and about work in the background. */
export interface SpendingLimit {
  /** There is a limit now. Without one the agent need not ask. */
  readonly isLimited: boolean;
  /**
   * To be asked before each request to the model that the agent makes by itself, in dollars that the session has spent beyond
   * what it has reported. Resolves with why it must make none, as a sentence; null if it may.
   */
  readonly mayAsk: (unreportedUsd: number) => Promise<string | null>;
}
