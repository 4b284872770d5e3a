/**
 * Looks for chats with work that nobody holds, and has each of them taken: on start, every few seconds, and when the leases of a
 * host that is gone run out. Schedules that are due are found by the same look, which comes when the next one is; those are given
 * by the host that holds their chat, or by one that takes it. A few chats are taken at a
 * time, and none that takes long delays the next look. One whose directory this host does not have is left to others; now and
 * then it is tried again. Chats that this host had to drop are taken too: what their agents' files hold may not be stored yet.
 */
import type { Clock } from '../lib/clock.ts';
import { createLimiter } from '../lib/limiter.ts';
import type { Log } from '../lib/log.ts';
import { BooError } from '../protocol/error.ts';
import type { Sql } from '../store/database.ts';
import { inTime } from '../store/in-time.ts';
import type { SharedLimits } from './shared-budgets.ts';
import { findNextLeaseEnd, findOrphanedWork } from '../store/leases.ts';
import { findDueChats, findNextDue } from '../store/schedules.ts';

const lookEveryMs = 5_000;
/** How many looks a chat is left out of whose directory was not here. */
const looksWithout = 12;
const atOnce = 8;
/** After the end of a lease: the query takes a moment. */
const lateMs = 20;
const lookAgainMs = 250;

export interface OrphanedWorkParts {
  sql: Sql;
  hostId: string;
  clock: Clock;
  logger: Log;
  /** Whether this host takes chats now. */
  readonly isTaking: () => boolean;
  /** What all chats may spend. */
  readonly budgets?: () => SharedLimits;
  /** The chats that this host dropped, and nobody is known to have taken. */
  readonly dropped: () => readonly string[];
  /** Takes the chat. Throws a BooError if it cannot be taken here and now. */
  readonly take: (chatId: string) => Promise<unknown>;
}

export class OrphanedWork {
  readonly #parts: OrphanedWorkParts;
  #cancel: (() => void) | undefined;
  #looking: Promise<void> | undefined;
  #isStopped = false;
  #isAskedSoon = false;
  /** Chats whose directory was not here, with the number of looks they are left out of. */
  readonly #missing = new Map<string, number>();
  readonly #taking = new Map<string, Promise<void>>();
  readonly #limit = createLimiter(atOnce);

  constructor(parts: OrphanedWorkParts) {
    this.#parts = parts;
  }

  /** Resolves when what the first look found has been taken. */
  async start(): Promise<void> {
    await (this.#looking = this.#look());
  }

  async stop(): Promise<void> {
    this.#isStopped = true;
    this.#cancel?.();
    await this.#looking;
    await Promise.all(this.#taking.values());
  }

  async #look(): Promise<void> {
    const { sql, hostId, clock, logger, isTaking, dropped } = this.#parts;
    let taking: Promise<void>[] = [];
    let nextMs = lookEveryMs;
    try {
      const found = isTaking() ? await this.#find() : [];
      const fresh = [...new Set([...found, ...dropped()])].filter((chatId) => !this.#taking.has(chatId));
      taking = fresh.map((chatId) => this.#take(chatId));
      const [endsInMs, dueInMs] = await Promise.all([
        inTime(findNextLeaseEnd(sql, hostId, lookEveryMs)),
        inTime(findNextDue(sql, lookEveryMs)),
      ]);
      if (endsInMs !== null) nextMs = Math.max(Math.ceil(endsInMs) + lateMs, lookAgainMs);
      if (dueInMs !== null) nextMs = Math.min(nextMs, Math.ceil(dueInMs) + 1);
    } catch (error) {
      logger.warn({ err: error }, 'The search for unclaimed work failed.');
    }
    if (this.#isAskedSoon) nextMs = 0;
    this.#isAskedSoon = false;
    if (!this.#isStopped) {
      this.#cancel = clock.after(Math.min(nextMs, lookEveryMs), () => this.#lookNow());
    }
    await Promise.all(taking);
  }

  #lookNow(): void {
    this.#cancel = undefined;
    this.#looking = this.#look();
  }

  /** Looks at once: something may be due before the look that is planned. */
  lookSoon(): void {
    if (this.#isStopped) return;
    this.#cancel?.();
    // A look that is under way may have missed it.
    if (this.#cancel) this.#lookNow();
    else this.#isAskedSoon = true;
  }

  async #find(): Promise<string[]> {
    const { sql, hostId } = this.#parts;
    const leftOut = this.#leftOut();
    const [work, due] = await Promise.all([
      inTime(findOrphanedWork(sql, hostId, 100, leftOut, this.#parts.budgets?.())),
      inTime(findDueChats(sql, hostId, 100, leftOut)),
    ]);
    return [...work, ...due];
  }

  #take(chatId: string): Promise<void> {
    const { isTaking, take } = this.#parts;
    const taken = this.#limit(async () => {
      if (this.#isStopped || !isTaking()) return;
      try {
        await take(chatId);
        this.#missing.delete(chatId);
      } catch (error) {
        this.#refused(chatId, error);
      }
    }).finally(() => this.#taking.delete(chatId));
    this.#taking.set(chatId, taken);
    return taken;
  }

  #leftOut(): string[] {
    const out: string[] = [];
    for (const [chatId, looks] of this.#missing) {
      this.#missing.set(chatId, looks - 1);
      if (looks > 0) out.push(chatId);
    }
    return out;
  }

  #refused(chatId: string, error: unknown): void {
    const { logger } = this.#parts;
    if (!(error instanceof BooError)) return logger.error({ chatId, err: error }, 'A chat could not be claimed.');
    // Another host may be quicker, which is just as good.
    if (error.code !== 'workspace_missing' || error.details['isCloning'] === true) return;
    if (!this.#missing.has(chatId)) {
      logger.warn(
        { chatId, cause: error.message },
        'A chat with work is left to other hosts: its directory is not here.',
      );
    }
    this.#missing.set(chatId, looksWithout);
  }
}
