/**
 * What follows from a spent budget. A turn that it has stopped ends, and continues with a prompt of the server's own, which
 * waits before all others; whatever waits is held until the budget allows more. That is looked at before anything is started,
 * and again whenever there is another budget.
 */
import { randomUUID } from 'node:crypto';
import { budgetSpentText } from '../protocol/budget-text.ts';
import type { ChatBudget } from './chat-budget.ts';
import { howToGoOn, spentError } from './chat-budget.ts';
import type { ChatContext } from './chat-context.ts';
import type { NewHold, QueueHold } from './queue-hold.ts';
import type { BudgetState } from './shared-budgets.ts';
import type { TurnAftermath, TurnEnd } from './turn.ts';

/** As the program itself says it to its agent. */
const goOn = 'Continue from where you left off.';

export class BudgetHold {
  readonly #context: ChatContext;
  readonly #hold: QueueHold;

  constructor(context: ChatContext, hold: QueueHold) {
    this.#context = context;
    this.#hold = hold;
  }

  get isHolding(): boolean {
    return this.#context.settings.row.hold?.reason === 'budget_spent';
  }

  get #budget(): ChatBudget {
    return this.#context.budget;
  }

  /** Holds what waits if a budget is spent, or releases it. Undefined if there is nothing to look at. */
  look(): Promise<void> | undefined {
    if (this.isHolding) return this.#lookAgain();
    return this.#budget.isLimited ? this.#look() : undefined;
  }

  async #look(): Promise<void> {
    const { queue, settings } = this.#context;
    const spent = await this.#budget.spent();
    const isWaiting = (): boolean => settings.row.waitingPrompts > 0 || queue.has('continuation');
    if (spent && !queue.isClosed)
      await this.#hold.hold(holdFor(spent), () => settings.row.hold === null && isWaiting());
  }

  async #lookAgain(): Promise<void> {
    const { settings, queue } = this.#context;
    if (queue.isClosed) return;
    const spent = await this.#budget.spent();
    if (!spent) return this.#hold.resume({}, { by: 'host' });
    const before = settings.row.hold?.budget;
    const isSame = before?.of === spent.of && before.limitUsd === spent.limitUsd;
    if (!isSame) await this.#hold.hold(holdFor(spent), () => this.isHolding);
  }

  /** Before a prompt is given to an agent that is ready: whether it has to wait after all. */
  async holds(isNext: () => boolean): Promise<boolean> {
    const spent = await this.#budget.spent();
    if (spent) await this.#hold.hold(holdFor(spent), isNext);
    return spent !== null;
  }

  /** Throws `budget_spent` if it would only be held again. */
  async assertResumable(): Promise<void> {
    const spent = this.isHolding ? await this.#budget.spent() : null;
    if (spent) throw spentError(spent);
  }

  /** A turn that was stopped because of a budget has failed with that reason, and is to continue. */
  afterTurn(end: TurnEnd): { end: TurnEnd } & TurnAftermath {
    const stop = this.#budget.takeStop();
    const { state, settings } = this.#context;
    const isStopped = end.outcome === 'interrupted' || end.error?.code === 'hook_stopped';
    if (!stop || !isStopped || state.turn?.interruption) return { end };
    const costUsd = settings.row.costUsd + end.costUsd;
    const spent: BudgetState = stop.of === 'chat' ? { ...stop, spentUsd: Math.max(stop.spentUsd, costUsd) } : stop;
    const isHeld = this.isHolding;
    const hold = holdFor(spent);
    return {
      end: { ...end, outcome: 'failed', error: { code: 'budget_spent', message: budgetSpentText(spent) } },
      hold: () => (this.isHolding ? null : this.#hold.holding(hold)),
      // What it was told stays in its memory: one prompt is enough.
      ...(isHeld ? {} : { followUp: { promptId: randomUUID(), content: [{ type: 'text', text: goOn }] } }),
    };
  }
}

function holdFor({ resetsAt, ...budget }: BudgetState): NewHold {
  return { reason: 'budget_spent', message: `${budgetSpentText(budget)} ${howToGoOn(budget.of)}`, resetsAt, budget };
}
