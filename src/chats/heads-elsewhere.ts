/**
 * Shows readers what other hosts write: for the chats that are followed here and held elsewhere, or by nobody, it asks
 * the database how far their logs reach. It asks only as long as there are any.
 */
import type { Clock } from '../lib/clock.ts';
import type { Log } from '../lib/log.ts';
import { findHeads } from '../store/chats.ts';
import type { Sql } from '../store/database.ts';
import { inTime } from '../store/in-time.ts';
import type { Doorbell } from './doorbell.ts';
import type { Feed } from './feed.ts';

export const askEveryMs = 1_000;

export interface HeadsElsewhereParts {
  sql: Sql;
  clock: Clock;
  logger: Log;
  readonly feeds: ReadonlyMap<string, Feed>;
  /** Whether this host holds the chat. */
  readonly isHeld: (chatId: string) => boolean;
  /** Other hosts ring it when they have written. */
  doorbell?: Pick<Doorbell, 'onRing'> | undefined;
}

export class HeadsElsewhere {
  readonly #parts: HeadsElsewhereParts;
  #cancel: (() => void) | undefined;
  #asking: Promise<void> | undefined;
  #isFailing = false;
  #isStopped = false;
  /** Something was written after the database was asked. */
  #asksAgain = false;

  constructor(parts: HeadsElsewhereParts) {
    this.#parts = parts;
    parts.doorbell?.onRing(({ chatIds }) => this.askNow(chatIds));
  }

  /** Call it when there may be such a feed. */
  arm(): void {
    if (this.#isStopped || this.#cancel || this.#asking) return;
    this.#cancel = this.#parts.clock.after(askEveryMs, () => this.#start());
  }

  /** Another host has written to these chats, or to some if null: asks at once if any is followed. */
  askNow(chatIds: ReadonlySet<string> | null): void {
    if (this.#isStopped || ![...this.#followed.keys()].some((id) => !chatIds || chatIds.has(id))) return;
    if (this.#asking) this.#asksAgain = true;
    else this.#start();
  }

  #start(): void {
    this.#cancel?.();
    this.#cancel = undefined;
    this.#asking = this.#ask().finally(() => {
      this.#asking = undefined;
      if (this.#followed.size === 0) return;
      if (this.#asksAgain && !this.#isStopped) this.#start();
      else this.arm();
    });
  }

  async stop(): Promise<void> {
    this.#isStopped = true;
    this.#cancel?.();
    await this.#asking;
  }

  get #followed(): Map<string, Feed> {
    const { feeds, isHeld } = this.#parts;
    return new Map([...feeds].filter(([chatId, feed]) => feed.readerCount > 0 && !isHeld(chatId)));
  }

  async #ask(): Promise<void> {
    const { sql, logger } = this.#parts;
    const asked = this.#followed;
    this.#asksAgain = false;
    if (asked.size === 0) return;
    try {
      const heads = await inTime(findHeads(sql, [...asked.keys()]));
      this.#isFailing = false;
      for (const [chatId, feed] of asked) {
        const head = heads.get(chatId);
        if (head === undefined) feed.end('deleted');
        else feed.noteHead(head);
      }
    } catch (err) {
      if (!this.#isFailing) logger.warn({ err }, 'What other hosts have written could not be read; trying again.');
      this.#isFailing = true;
    }
  }
}
