/**
 * The budgets that all chats share: what may be spent on a day, and ever. Hosts learn of each other's spending from the
 * ledger, once it is booked; what an agent has spent since is known to its own host. Each host looks every few seconds
 * whether somebody has set another budget.
 */
import type { Clock } from '../lib/clock.ts';
import type { Log } from '../lib/log.ts';
import type { Budgets, PatchBudgets, SpentBudget } from '../protocol/budget.ts';
import type { Actor } from '../protocol/principal.ts';
import { type BudgetWarning, isWarned, readBudgets, setBudgets, type SharedBudgetName } from '../store/budgets.ts';
import type { Sql } from '../store/database.ts';
import { inTime } from '../store/in-time.ts';
import { sumUsage } from '../store/usage-ledger.ts';
import { ask } from './storage.ts';

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
/** How often the sums are read if something is booked here meanwhile. */
const maxReads = 3;

/** What was spent on a day. */
interface DaySum {
  readAtMs: number;
  dayStart: number;
  usd: number;
}

interface Spent {
  dayUsd: number;
  /** Undefined if nobody has asked for it. */
  serverUsd: number | undefined;
  resetsAt: string;
}

export class SharedBudgets {
  readonly #parts: SharedBudgetsParts;
  #set: Partial<SharedLimits> = {};
  #cancel: (() => void) | undefined;
  #isStopped = false;
  #onChanged: () => void = () => {};
  #day: DaySum | undefined;
  #reading: Promise<DaySum> | undefined;
  /** What was spent before this day, which does not change any more. */
  #before: { dayStart: number; usd: Promise<number> } | undefined;
  /** How often something was booked here. */
  #bookings = 0;
  readonly #unbooked = new Map<string, number>();
  /** As JSON: the warnings that are known to be given. */
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
    const { dayUsd, serverUsd, resetsAt } = await this.#spent(server !== null);
    return [
      ...(server === null || serverUsd === undefined
        ? []
        : [{ of: 'server' as const, limitUsd: server, spentUsd: serverUsd }]),
      ...(day === null ? [] : [{ of: 'day' as const, limitUsd: day, spentUsd: dayUsd, resetsAt }]),
    ];
  }

  async read(): Promise<Budgets> {
    this.#outdate();
    const { dayUsd, serverUsd = 0, resetsAt } = await ask(() => this.#spent(true));
    const { day, server } = this.limits;
    return {
      day: { limitUsd: day, spentUsd: dayUsd, isSet: this.#set.day !== undefined, resetsAt },
      server: { limitUsd: server, spentUsd: serverUsd, isSet: this.#set.server !== undefined },
    };
  }

  async patch({ principal, via }: Actor, { dayUsd, serverUsd }: PatchBudgets): Promise<Budgets> {
    const given: [SharedBudgetName, PatchBudgets['dayUsd']][] = [
      ['day', dayUsd],
      ['server', serverUsd],
    ];
    const limits = given.flatMap(([name, limitUsd]) => (limitUsd === undefined ? [] : [{ name, limitUsd }]));
    await ask(() => setBudgets(this.#parts.sql, limits));
    this.#parts.logger.info({ limits, principal: principal.id, by: principal.name, via }, 'Budgets were set.');
    await ask(() => this.#lookAgain());
    return this.read();
  }

  /** What an agent of this host has spent that is not booked yet. */
  noteUnbooked(chatId: string, usd: number): void {
    if (usd > 0) this.#unbooked.set(chatId, usd);
    else this.#unbooked.delete(chatId);
  }

  /** Something was booked here. */
  noteBooked(): void {
    this.#bookings += 1;
    this.#outdate();
  }

  /** The warning about this limit; null if somebody is known to have got it. Then `noteWarned` is next. */
  async warningDue({ of, limitUsd }: BudgetState): Promise<BudgetWarning | null> {
    if (of === 'chat') return null;
    const since = of === 'day' ? dayOf(this.#parts.clock.now()).start : null;
    const warning = { name: of, limitUsd, since };
    if (this.#warned.has(JSON.stringify(warning))) return null;
    if (!(await inTime(isWarned(this.#parts.sql, warning)))) return warning;
    this.noteWarned(warning);
    return null;
  }

  /** Somebody has got it, here or on another host. */
  noteWarned(warning: BudgetWarning): void {
    this.#warned.add(JSON.stringify(warning));
  }

  async #spent(withServer: boolean): Promise<Spent> {
    for (let reads = 1; ; reads += 1) {
      const bookings = this.#bookings;
      const { start, end } = dayOf(this.#parts.clock.now());
      const [day, beforeUsd] = await Promise.all([
        this.#readDay(start),
        withServer ? this.#readBefore(start) : undefined,
      ]);
      // What was booked meanwhile may be in neither.
      if (bookings !== this.#bookings && reads < maxReads) continue;
      const unbooked = [...this.#unbooked.values()].reduce((sum, usd) => sum + usd, 0);
      const dayUsd = day.usd + unbooked;
      const serverUsd = beforeUsd === undefined ? undefined : beforeUsd + dayUsd;
      return { dayUsd, serverUsd, resetsAt: end.toISOString() };
    }
  }

  async #readDay(start: Date): Promise<DaySum> {
    const { sql, clock } = this.#parts;
    const known = this.#day;
    const isOfToday = known?.dayStart === start.getTime();
    if (isOfToday && clock.monotonicMs() - known.readAtMs < knownForMs) return known;
    const reading = (this.#reading ??= (async () => {
      const readAtMs = clock.monotonicMs();
      const { costUsd } = await inTime(sumUsage(sql, { from: start }));
      return { readAtMs, dayStart: start.getTime(), usd: costUsd };
    })());
    try {
      const day = await reading;
      if (this.#reading === reading) this.#day = day;
      return day;
    } finally {
      if (this.#reading === reading) this.#reading = undefined;
    }
  }

  /** Reads the whole ledger before the day, once. */
  #readBefore(start: Date): Promise<number> {
    const dayStart = start.getTime();
    if (this.#before?.dayStart === dayStart) return this.#before.usd;
    const usd = inTime(sumUsage(this.#parts.sql, { to: start })).then(({ costUsd }) => costUsd);
    const before = (this.#before = { dayStart, usd });
    usd.catch(() => {
      if (this.#before === before) this.#before = undefined;
    });
    return usd;
  }

  #outdate(): void {
    this.#day = undefined;
    this.#reading = undefined;
  }
}

/** In the time zone of the server. */
function dayOf(now: Date): { start: Date; end: Date } {
  const start = new Date(now.getFullYear(), now.getMonth(), now.getDate());
  return { start, end: new Date(now.getFullYear(), now.getMonth(), now.getDate() + 1) };
}
