/**
 * Looks for chats with work that nobody holds, and has each of them taken: on start, and every few seconds. One whose directory
 * this host does not have is left to others; now and then it is tried again. Chats that this host had to drop are taken too:
 * what their agents' files hold may not be stored yet.
 */
import type { Clock } from '../lib/clock.ts';
import type { Log } from '../lib/log.ts';
import { BooError } from '../protocol/error.ts';
import type { Sql } from '../store/database.ts';
import { inTime } from '../store/in-time.ts';
import { findOrphanedWork } from '../store/leases.ts';

const lookEveryMs = 5_000;
/** How many looks a chat is left out of whose directory was not here. */
const looksWithout = 12;

export interface OrphanedWorkParts {
  sql: Sql;
  hostId: string;
  clock: Clock;
  logger: Log;
  /** Whether this host takes chats now. */
  readonly isTaking: () => boolean;
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
  /** Chats whose directory was not here, with the number of looks they are left out of. */
  readonly #missing = new Map<string, number>();

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
    const { sql, hostId, clock, logger, isTaking, dropped, take } = this.#parts;
    try {
      const found = isTaking() ? await inTime(findOrphanedWork(sql, hostId, 100, this.#leftOut())) : [];
      for (const chatId of new Set([...found, ...dropped()])) {
        if (this.#isStopped || !isTaking()) break;
        await take(chatId).then(
          () => this.#missing.delete(chatId),
          (error: unknown) => this.#refused(chatId, error),
        );
      }
    } catch (error) {
      logger.warn({ err: error }, 'The search for unclaimed work failed.');
    }
    if (this.#isStopped) return;
    this.#cancel = clock.after(lookEveryMs, () => {
      this.#looking = this.#look();
    });
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
