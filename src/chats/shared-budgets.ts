/**
 * The budgets that all chats share: what may be spent on a day, and ever. Hosts learn of each other's spending from the
 * ledger, once it is booked; what an agent has spent since is known to its own host. Each host looks every few seconds
 * whether somebody has set another budget.
 */
import type { Clock } from '../lib/clock.ts';
import type { Log } from '../lib/log.ts';
import type { Budgets, PatchBudgets, SpentBudget } from '../protocol/budget.ts';
import type { Actor } from '../protocol/principal.ts';
import { noteWarning, readBudgets, setBudgets, type SharedBudgetName } from '../store/budgets.ts';
import type { Sql } from '../store/database.ts';
import { inTime } from '../store/in-time.ts';
import { sumUsage } from '../store/usage-ledger.ts';

/** A budget with what is spent of it, and when that begins anew. */
export interface BudgetState extends SpentBudget {
  resetsAt?: string;
}

export type SharedLimits = Readonly<Record<SharedBudgetName, number | null>>;

export interface SharedBudgetsParts {
  sql: Sql;
  clock: Clock;
  logger: Log;
  /** This host's own, which apply as long as nobody has set another one. */
  defaults: SharedLimits;
}

const lookEveryMs = 5_000;
/** What other hosts have booked meanwhile is not known. */
const knownForMs = 2_000;

interface Sums {
  readAtMs: number;
  dayStart: number;
  dayUsd: number;
  /** Before that day, which does not change any more. */
  beforeUsd: number;
}

export class SharedBudgets {
  readonly #parts: SharedBudgetsParts;
  #set: Partial<SharedLimits> = {};
  #cancel: (() => void) | undefined;
  #isStopped = false;
  #onChanged: () => void = () => {};
  #sums: Sums | undefined;
  #reading: Promise<Sums> | undefined;
  readonly #unbooked = new Map<string, number>();
  /** Limits, with the start of their day, that somebody is known to have been warned about. */
  readonly #warned = new Set<string>();

  constructor(parts: SharedBudgetsParts) {
    this.#parts = parts;
  }

  /** Sets who is called whenever there are other budgets. */
  observe(onChanged: () => void): void {
    this.#onChanged = onChanged;
  }

  async start(): Promise<void> {
    this.#set = await inTime(readBudgets(this.#parts.sql));
    this.#lookLater();
  }

  stop(): void {
    this.#isStopped = true;
    this.#cancel?.();
  }

  #lookLater(): void {
    if (this.#isStopped) return;
    this.#cancel = this.#parts.clock.after(lookEveryMs, () => {
      this.#lookAgain()
        .catch((err: unknown) => this.#parts.logger.warn({ err }, 'The budgets could not be read.'))
        .finally(() => this.#lookLater());
    });
  }

  async #lookAgain(): Promise<void> {
    const before = JSON.stringify(this.limits);
    this.#set = await inTime(readBudgets(this.#parts.sql));
    if (JSON.stringify(this.limits) !== before) this.#onChanged();
  }

  get limits(): SharedLimits {
    const { day, server } = { ...this.#parts.defaults, ...this.#set };
    return { day, server };
  }

  /** There is one. */
  get isLimited(): boolean {
    return this.limits.day !== null || this.limits.server !== null;
  }

  /** Those that there are, with what is spent by now. */
  async look(): Promise<BudgetState[]> {
    const { day, server } = this.limits;
    if (day === null && server === null) return [];
    const { dayUsd, serverUsd, resetsAt } = await this.#spent();
    return [
      ...(server === null ? [] : [{ of: 'server' as const, limitUsd: server, spentUsd: serverUsd }]),
      ...(day === null ? [] : [{ of: 'day' as const, limitUsd: day, spentUsd: dayUsd, resetsAt }]),
    ];
  }

  async read(): Promise<Budgets> {
    this.#sums = undefined;
    const { dayUsd, serverUsd, resetsAt } = await this.#spent();
    const { day, server } = this.limits;
    return {
      day: { limitUsd: day, spentUsd: dayUsd, isSet: this.#set.day !== undefined, resetsAt },
      server: { limitUsd: server, spentUsd: serverUsd, isSet: this.#set.server !== undefined },
    };
  }

  async patch({ principal, via }: Actor, { dayUsd, serverUsd }: PatchBudgets): Promise<Budgets> {
    const given: [SharedBudgetName, number | null | undefined][] = [
      ['day', dayUsd],
      ['server', serverUsd],
    ];
    const limits = given.flatMap(([name, limitUsd]) => (limitUsd === undefined ? [] : [{ name, limitUsd }]));
    await setBudgets(this.#parts.sql, limits);
    this.#parts.logger.info({ limits, principal: principal.id, by: principal.name, via }, 'Budgets were set.');
    await this.#lookAgain();
    return this.read();
  }

  /** What an agent of this host has spent that is not booked yet. */
  noteUnbooked(chatId: string, usd: number): void {
    if (usd > 0) this.#unbooked.set(chatId, usd);
    else this.#unbooked.delete(chatId);
  }

  /** Something was booked here. */
  noteBooked(): void {
    this.#sums = undefined;
    this.#reading = undefined;
  }

  /** Whether somebody was warned about this limit before. If not, it has to be done now. */
  async isWarned({ of, limitUsd }: BudgetState): Promise<boolean> {
    if (of === 'chat') return false;
    const since = of === 'day' ? dayOf(this.#parts.clock.now()).start : null;
    const key = `${of} ${limitUsd} ${since?.getTime() ?? ''}`;
    if (this.#warned.has(key)) return true;
    this.#warned.add(key);
    return !(await inTime(noteWarning(this.#parts.sql, { name: of, limitUsd, since })));
  }

  async #spent(): Promise<{ dayUsd: number; serverUsd: number; resetsAt: string }> {
    const { dayUsd, beforeUsd } = await this.#read();
    const unbooked = [...this.#unbooked.values()].reduce((sum, usd) => sum + usd, 0);
    const { end } = dayOf(this.#parts.clock.now());
    const today = dayUsd + unbooked;
    return { dayUsd: today, serverUsd: beforeUsd + today, resetsAt: end.toISOString() };
  }

  async #read(): Promise<Sums> {
    const { sql, clock } = this.#parts;
    const { start } = dayOf(clock.now());
    const known = this.#sums;
    const isOfToday = known?.dayStart === start.getTime();
    if (isOfToday && clock.monotonicMs() - known.readAtMs < knownForMs) return known;
    const reading = (this.#reading ??= (async () => {
      const readAtMs = clock.monotonicMs();
      const [day, before] = await Promise.all([
        inTime(sumUsage(sql, { from: start })),
        isOfToday ? known.beforeUsd : inTime(sumUsage(sql, { to: start })).then(({ costUsd }) => costUsd),
      ]);
      return { readAtMs, dayStart: start.getTime(), dayUsd: day.costUsd, beforeUsd: before };
    })());
    try {
      const sums = await reading;
      if (this.#reading === reading) this.#sums = sums;
      return sums;
    } finally {
      if (this.#reading === reading) this.#reading = undefined;
    }
  }
}

/** In the time zone of the server. */
function dayOf(now: Date): { start: Date; end: Date } {
  const start = new Date(now.getFullYear(), now.getMonth(), now.getDate());
  return { start, end: new Date(now.getFullYear(), now.getMonth(), now.getDate() + 1) };
}
