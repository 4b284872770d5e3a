/**
 * Keeps the program in a terminal from asking its model once no more may be spent. Its hook asks after the tools of a message
 * have run, and before it takes up what nobody has sent here. Where its hooks do not run it is interrupted.
 */
import type { AgentSessionSpec } from '../agent-backend.ts';
import type { WhyStop } from './display-receiver.ts';
import type { SessionCosts } from './session-costs.ts';

/** What a request has cost is told a tenth of a second after its end. */
const lateMs = 250;

export interface TerminalSpendingParts {
  spec: Pick<AgentSessionSpec, 'spending'>;
  costs: SessionCosts;
  turns: { readonly reportedUsd: number; readonly hasOpenCalls: boolean };
  turn: { readonly running: object | undefined; readonly isTyped: boolean };
  readonly interrupt: () => void;
  readonly onProblem: (error: unknown, message: string) => void;
}

export class TerminalSpending {
  readonly #parts: TerminalSpendingParts;
  /** Its hooks have asked. */
  #runsHooks = false;
  #isLooking = false;
  #isChanged = false;

  constructor(parts: TerminalSpendingParts) {
    this.#parts = parts;
  }

  readonly whyStop: WhyStop = async (before) => {
    const { spec, turn } = this.#parts;
    this.#runsHooks = true;
    // A prompt of the chat is given only when it may be.
    if (!spec.spending?.isLimited || (before === 'UserPromptSubmit' && turn.isTyped)) return null;
    await new Promise((resolve) => setTimeout(resolve, lateMs));
    return this.#ask();
  };

  /** A request has been priced, a call has its result, or a turn has begun in the terminal. */
  look(): void {
    if (!this.#parts.spec.spending?.isLimited) return;
    this.#isChanged = true;
    if (!this.#isLooking) void this.#look();
  }

  async #look(): Promise<void> {
    const { turn, turns, interrupt } = this.#parts;
    this.#isLooking = true;
    while (this.#isChanged) {
      this.#isChanged = false;
      const { running } = turn;
      const reason = await this.#ask();
      if (reason !== null && running && running === turn.running && !turns.hasOpenCalls && !this.#runsHooks)
        interrupt();
    }
    this.#isLooking = false;
  }

  async #ask(): Promise<string | null> {
    const { spec, costs, turns, onProblem } = this.#parts;
    try {
      return (await spec.spending?.mayAsk(Math.max(0, costs.totals.costUsd - turns.reportedUsd))) ?? null;
    } catch (error) {
      onProblem(error, 'What the agent has spent could not be looked at.');
      return null;
    }
  }
}
