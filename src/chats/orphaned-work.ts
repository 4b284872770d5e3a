/**
 * Looks for chats with work that nobody holds, and has each of them taken: on start, and every few seconds. Chats that
 * this host had to drop are taken too: what their agents' files hold may not be stored yet.
 */
import type { Clock } from '../lib/clock.ts';
import type { Log } from '../lib/log.ts';
import { BooError } from '../protocol/error.ts';
import type { Sql } from '../store/database.ts';
import { inTime } from '../store/in-time.ts';
import { findOrphanedWork } from '../store/leases.ts';

/** Often enough that a lease that has run out is noticed well within five seconds. */
const lookEveryMs = 3_000;

export interface OrphanedWorkParts {
  sql: Sql;
  clock: Clock;
  logger: Log;
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

  constructor(parts: OrphanedWorkParts) {
    this.#parts = parts;
  }

  /** Resolves after the first look. */
  async start(): Promise<void> {
    await (this.#looking = this.#look());
  }

  async stop(): Promise<void> {
    this.#isStopped = true;
    this.#cancel?.();
    await this.#looking;
  }

  async #look(): Promise<void> {
    const { sql, clock, logger, dropped, take } = this.#parts;
    try {
      const found = await inTime(findOrphanedWork(sql, 100));
      for (const chatId of new Set([...found, ...dropped()])) {
        if (this.#isStopped) return;
        // Another host may be quicker, which is just as good.
        await take(chatId).catch((error: unknown) => {
          if (!(error instanceof BooError)) logger.error({ chatId, err: error }, 'A chat could not be claimed.');
        });
      }
    } catch (error) {
      logger.warn({ err: error }, 'The search for unclaimed work failed.');
    }
    if (this.#isStopped) return;
    this.#cancel = clock.after(lookEveryMs, () => {
      this.#looking = this.#look();
    });
  }
}
