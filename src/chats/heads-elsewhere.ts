/**
 * Shows readers what other hosts write: for the chats that are followed here and held elsewhere, or by nobody, it asks
 * the database how far their logs reach, and who holds them. It asks only as long as there are any.
 */
import { findHeads, type Head } from '../store/chats.ts';
import type { Sql } from '../store/database.ts';
import type { Holder } from '../store/hosts.ts';
import { inTime } from '../store/in-time.ts';
import type { Doorbell } from './doorbell.ts';
import type { Feed } from './feed.ts';
import { Relays, type RelaysParts } from './relays.ts';

export const askEveryMs = 1_000;
/** How long what was read of a chat's holder is good: less than a lease outlives a host that dies. */
export const seenForMs = 2 * askEveryMs;

export interface HeadsElsewhereParts extends RelaysParts {
  sql: Sql;
  readonly feeds: ReadonlyMap<string, Feed>;
  /** Other hosts ring it when they have written. */
  doorbell?: Pick<Doorbell, 'onRing'> | undefined;
}

export class HeadsElsewhere {
  readonly #parts: HeadsElsewhereParts;
  readonly #relays: Relays;
  /** How far feeds with a live relay were when they were behind, and since when. */
  readonly #behind = new Map<string, { seq: number; sinceMs: number }>();
  readonly #seen = new Map<string, { holder: Holder; atMs: number }>();
  #cancel: (() => void) | undefined;
  #asking: Promise<void> | undefined;
  #isFailing = false;
  #isStopped = false;
  /** Something was written after the database was asked. */
  #asksAgain = false;

  constructor(parts: HeadsElsewhereParts) {
    this.#parts = parts;
    this.#relays = new Relays(parts);
    parts.doorbell?.onRing(({ chatIds }) => this.askNow(chatIds));
  }

  /** Call it when there may be such a feed. */
  arm(): void {
    if (this.#isStopped || this.#cancel || this.#asking) return;
    this.#cancel = this.#parts.clock.after(askEveryMs, () => this.#start());
  }

  /** Call it when a chat is about to get a reader in this very step: its holder is looked up at once. */
  askSoon(): void {
    queueMicrotask(() => this.askNow(null));
  }

  /** Another host has written to these chats, or to some if null: asks at once if any is followed. */
  askNow(chatIds: ReadonlySet<string> | null): void {
    if (this.#isStopped || ![...this.#followed.keys()].some((id) => !chatIds || chatIds.has(id))) return;
    if (this.#asking) this.#asksAgain = true;
    else this.#start();
  }

  /** Who held a followed chat a moment ago, if another host did. */
  holderOf(chatId: string): Holder | undefined {
    const seen = this.#seen.get(chatId);
    return seen && this.#parts.clock.monotonicMs() - seen.atMs < seenForMs ? seen.holder : undefined;
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
    this.#relays.keepOnly(new Set());
    await this.#asking;
  }

  get #followed(): Map<string, Feed> {
    const { feeds, isHeld } = this.#parts;
    return new Map([...feeds].filter(([chatId, feed]) => feed.readerCount > 0 && !isHeld(chatId)));
  }

  async #ask(): Promise<void> {
    const { sql, logger } = this.#parts;
    const asked = this.#followed;
    this.#relays.keepOnly(asked);
    for (const kept of [this.#behind, this.#seen]) {
      for (const chatId of kept.keys()) if (!asked.has(chatId)) kept.delete(chatId);
    }
    this.#asksAgain = false;
    if (asked.size === 0) return;
    const atMs = this.#parts.clock.monotonicMs();
    const shown = new Map([...asked].map(([chatId, feed]) => [chatId, feed.publishedSeq]));
    try {
      const heads = await inTime(findHeads(sql, [...asked.keys()]));
      this.#isFailing = false;
      for (const [chatId, feed] of asked) {
        const found = heads.get(chatId);
        if (found?.holder) this.#seen.set(chatId, { holder: found.holder, atMs });
        else this.#seen.delete(chatId);
        if (found === undefined) feed.end('deleted');
        // Events that were shown are gone: the database was set back.
        else if (found.head < shown.get(chatId)!) feed.restart();
        else if (!this.#isStopped && !this.#parts.isHeld(chatId)) this.#show(chatId, feed, found);
      }
    } catch (err) {
      if (!this.#isFailing) logger.warn({ err }, 'What other hosts have written could not be read; trying again.');
      this.#isFailing = true;
    }
  }

  #show(chatId: string, feed: Feed, { head, holder }: Head): void {
    if (!this.#isComing(chatId, feed, head)) feed.noteHead(head);
    this.#relays.connect(chatId, feed, holder);
  }

  /** Whether a relay is about to bring what is new, with its previews. One that stands still is not waited for. */
  #isComing(chatId: string, feed: Feed, head: number): boolean {
    if (head <= feed.publishedSeq || !this.#relays.isLive(chatId)) return false;
    const nowMs = this.#parts.clock.monotonicMs();
    const last = this.#behind.get(chatId);
    if (last?.seq !== feed.publishedSeq) this.#behind.set(chatId, { seq: feed.publishedSeq, sinceMs: nowMs });
    return last?.seq !== feed.publishedSeq || nowMs - last.sinceMs < askEveryMs;
  }
}
