/**
 * What a chat may still spend: its own budget, and those that it shares with all others. What is booked is in the chat's row;
 * what its agent has spent since is told by the agent while it runs.
 */
import type { SpendingLimit } from '../agents/agent-backend.ts';
import { budgetNearText, budgetSpentText } from '../protocol/budget-text.ts';
import { BooError } from '../protocol/error.ts';
import type { Event } from '../protocol/event.ts';
import { isAlreadyWarned, noteWarning } from '../store/budgets.ts';
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

export class ChatBudget {
  readonly #parts: ChatBudgetParts;
  /** What the agent's process was given to ask. */
  #limit: SpendingLimit | undefined;
  #hasTurn = false;
  #isStopped = false;
  /** Of the agent's process, as it was told last. */
  #unreportedUsd = 0;
  /** Of a process that was lost during the turn: the end of the turn may have it. */
  #leftInTurnUsd = 0;
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

  /** For a new process of the agent. What that tells once it has ended does not count. */
  open(): SpendingLimit {
    const isLimited = (): boolean => this.isLimited;
    const limit: SpendingLimit = {
      get isLimited() {
        return isLimited();
      },
      mayAsk: (unreportedUsd) => this.#mayAsk(limit, unreportedUsd),
    };
    this.#limit = limit;
    return limit;
  }

  async #mayAsk(limit: SpendingLimit, unreportedUsd: number): Promise<string | null> {
    if (this.#limit === limit) {
      this.#unreportedUsd = unreportedUsd;
      this.#tell();
    }
    const spent = await this.spent();
    if (!spent) return null;
    if (this.#limit === limit) this.#stoppedBy ??= spent;
    return budgetSpentText(spent);
  }

  /** A budget that is spent; null if there is none. Gives the warnings that are due. */
  async spent(): Promise<BudgetState | null> {
    if (!this.isLimited) return null;
    const { settings, budgets, log } = this.#parts;
    const { budgetUsd, costUsd } = settings.row;
    const own: BudgetState[] =
      budgetUsd === null ? [] : [{ of: 'chat', limitUsd: budgetUsd, spentUsd: costUsd + this.#unbookedUsd }];
    const all = budgets.isLimited ? [...own, ...(await log.ask(() => budgets.look()))] : own;
    await (this.#warning = this.#warning.catch(() => undefined).then(() => this.#warn(all)));
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
    if (event.type === 'turn_started') this.#hasTurn = true;
    if (event.type === 'turn_finished') this.#settleTurn(booked);
    else if (!isAside(event)) this.#settle(booked);
    if (booked === 0) return;
    this.#parts.budgets.noteBooked();
    this.#tell();
  }

  /** A session also tells what an earlier process of it has spent. */
  #settle(booked: number): void {
    const ofLeft = Math.min(booked, this.#leftUsd);
    this.#leftUsd -= ofLeft;
    const ofTurn = Math.min(booked - ofLeft, this.#leftInTurnUsd);
    this.#leftInTurnUsd -= ofTurn;
    this.#unreportedUsd = Math.max(0, this.#unreportedUsd - (booked - ofLeft - ofTurn));
  }

  #settleTurn(booked: number): void {
    this.#hasTurn = false;
    const ofTurn = Math.min(booked, this.#leftInTurnUsd);
    this.#leftUsd += this.#leftInTurnUsd - ofTurn;
    this.#leftInTurnUsd = 0;
    this.#unreportedUsd = Math.max(0, this.#unreportedUsd - (booked - ofTurn));
  }

  /** The agent's process is gone. */
  noteEnd(): void {
    this.#limit = undefined;
    if (this.#hasTurn) this.#leftInTurnUsd += this.#unreportedUsd;
    else this.#leftUsd += this.#unreportedUsd;
    this.#unreportedUsd = 0;
  }

  /** The chat leaves this host. */
  stop(): void {
    this.#isStopped = true;
    this.#parts.budgets.noteUnbooked(this.#parts.settings.row.id, 0);
  }

  get #unbookedUsd(): number {
    return this.#unreportedUsd + this.#leftInTurnUsd + this.#leftUsd;
  }

  #tell(): void {
    // Nobody would take it back.
    if (this.#isStopped) return;
    this.#parts.budgets.noteUnbooked(this.#parts.settings.row.id, this.#unbookedUsd);
  }

  async #warn(all: readonly BudgetState[]): Promise<void> {
    for (const budget of all) {
      if (budget.spentUsd < budget.limitUsd * nearlySpent) continue;
      await (budget.of === 'chat' ? this.#warnOfOwn(budget) : this.#warnOfShared(budget));
    }
  }

  async #warnOfOwn(budget: BudgetState): Promise<void> {
    const { settings, log } = this.#parts;
    const chat = { budgetWarnedUsd: budget.limitUsd };
    if (settings.row.budgetWarnedUsd === budget.limitUsd) return;
    await log.append({ events: [{ body: nearly(budget) }], chat });
    settings.stored(chat);
  }

  async #warnOfShared(budget: BudgetState): Promise<void> {
    const { log, budgets } = this.#parts;
    const warning = await log.ask(() => budgets.warningDue(budget));
    if (!warning) return;
    try {
      await log.append({ events: [{ body: nearly(budget) }], side: (db) => [noteWarning(db, warning)] });
    } catch (error) {
      if (!isAlreadyWarned(error)) throw error;
    }
    budgets.noteWarned(warning);
  }
}

/** Another process than the session's has cost that. */
const isAside = (event: Event): boolean => event.type === 'notice' && event.data?.['isAside'] === true;

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
