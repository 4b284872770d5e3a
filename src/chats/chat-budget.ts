/**
 * What a chat may still spend: its own budget, and those that it shares with all others. What is booked is in the chat's row;
 * what its agent has spent since is told by the agent while it runs.
 */
import type { SpendingLimit } from '../agents/agent-backend.ts';
import { budgetNearText, budgetSpentText } from '../protocol/budget-text.ts';
import { BooError } from '../protocol/error.ts';
import type { Event } from '../protocol/event.ts';
import type { Write } from '../store/events.ts';
import type { ChatLog } from './chat-log.ts';
import type { ChatSettings } from './chat-settings.ts';
import { costOf } from './chat-view.ts';
import type { BudgetState, SharedBudgets } from './shared-budgets.ts';

/** The part of a budget after which a warning is given. */
const nearlySpent = 0.8;
// Sums of small floating-point amounts, added in a different order, differ by less than this.
const dust = 1e-9;

export interface ChatBudgetParts {
  readonly log: ChatLog;
  readonly settings: ChatSettings;
  readonly budgets: SharedBudgets;
}

export class ChatBudget implements SpendingLimit {
  readonly #parts: ChatBudgetParts;
  /** Of the agent's process, as it was told last. */
  #unreportedUsd = 0;
  /** Of earlier processes: the next one may tell it. */
  #leftUsd = 0;
  #stoppedBy: BudgetState | undefined;
  #warning: Promise<void> = Promise.resolve();

  constructor(parts: ChatBudgetParts) {
    this.#parts = parts;
  }

  get isLimited(): boolean {
    const { settings, budgets } = this.#parts;
    return settings.row.budgetUsd !== null || budgets.isLimited;
  }

  readonly mayAsk = async (unreportedUsd: number): Promise<string | null> => {
    this.#unreportedUsd = unreportedUsd;
    this.#tell();
    const spent = await this.spent();
    if (!spent) return null;
    this.#stoppedBy ??= spent;
    return budgetSpentText(spent);
  };

  /** A budget that is spent; null if there is none. Gives the warnings that are due. */
  async spent(): Promise<BudgetState | null> {
    if (!this.isLimited) return null;
    const { settings, budgets, log } = this.#parts;
    const { budgetUsd, costUsd } = settings.row;
    const own: BudgetState[] =
      budgetUsd === null ? [] : [{ of: 'chat', limitUsd: budgetUsd, spentUsd: costUsd + this.#unbookedUsd }];
    const all = budgets.isLimited ? [...own, ...(await log.ask(() => budgets.look()))] : own;
    await (this.#warning = this.#warning.then(() => this.#warn(all)));
    const spent = all.find(({ limitUsd, spentUsd }) => spentUsd >= limitUsd - dust) ?? null;
    if (!spent) this.#stoppedBy = undefined;
    return spent;
  }

  /** Why the agent was stopped, once. */
  takeStop(): BudgetState | undefined {
    const stoppedBy = this.#stoppedBy;
    this.#stoppedBy = undefined;
    return stoppedBy;
  }

  /** Throws `budget_spent`. */
  async assertLeft(): Promise<void> {
    const spent = await this.spent();
    if (spent) throw spentError(spent);
  }

  /** An event was stored. */
  noted(event: Event): void {
    const booked = costOf(event);
    if (booked === 0) return;
    // A session also tells what an earlier process of it has spent.
    const ofLeft = event.type === 'turn_finished' ? 0 : Math.min(booked, this.#leftUsd);
    this.#leftUsd -= ofLeft;
    this.#unreportedUsd = Math.max(0, this.#unreportedUsd - (booked - ofLeft));
    this.#parts.budgets.noteBooked();
    this.#tell();
  }

  /** The agent's process is gone. */
  noteEnd(): void {
    this.#leftUsd += this.#unreportedUsd;
    this.#unreportedUsd = 0;
  }

  /** The chat leaves this host. */
  stop(): void {
    this.#parts.budgets.noteUnbooked(this.#parts.settings.row.id, 0);
  }

  get #unbookedUsd(): number {
    return this.#unreportedUsd + this.#leftUsd;
  }

  #tell(): void {
    this.#parts.budgets.noteUnbooked(this.#parts.settings.row.id, this.#unbookedUsd);
  }

  async #warn(all: readonly BudgetState[]): Promise<void> {
    const { settings, log, budgets } = this.#parts;
    for (const budget of all) {
      if (budget.spentUsd < budget.limitUsd * nearlySpent) continue;
      const isOwn = budget.of === 'chat';
      if (isOwn && settings.row.budgetWarnedUsd === budget.limitUsd) continue;
      if (!isOwn && (await log.ask(() => budgets.isWarned(budget)))) continue;
      const write: Write = {
        events: [{ body: nearly(budget) }],
        ...(isOwn && { chat: { budgetWarnedUsd: budget.limitUsd } }),
      };
      await log.append(write);
      if (isOwn) settings.stored({ budgetWarnedUsd: budget.limitUsd });
    }
  }
}

export function spentError({ resetsAt: _resetsAt, ...budget }: BudgetState): BooError {
  return new BooError('budget_spent', `${budgetSpentText(budget)} ${howToGoOn(budget.of)}`, { details: { budget } });
}

/** What a person can do about it. */
export function howToGoOn(of: BudgetState['of']): string {
  return of === 'chat'
    ? 'Raise or remove it in the settings of the chat to go on.'
    : `Raise or remove it in the settings of the server${of === 'day' ? ', or wait until tomorrow,' : ''} to go on.`;
}

function nearly({ of, limitUsd, spentUsd, resetsAt }: BudgetState) {
  const data = { of, limitUsd, spentUsd, ...(resetsAt === undefined ? {} : { resetsAt }) };
  const message = budgetNearText({ of, limitUsd, spentUsd });
  return { type: 'notice', level: 'warning', code: 'budget_near', message, data } as const;
}
