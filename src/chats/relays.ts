/**
 * For chats that are followed here and held by another host: one connection each to that host, so that previews stream here
 * as they do there. The stored log, which this host reads itself, has everything else, so a relay may fail.
 */
import type { Clock } from '../lib/clock.ts';
import type { Log } from '../lib/log.ts';
import type { FeedItem } from '../protocol/event.ts';
import type { LogCursor } from '../protocol/log-cursor.ts';
import type { Holder } from '../store/hosts.ts';
import type { Feed } from './feed.ts';
import { previewKey } from './preview-text.ts';

/**
 * What the holder of a chat shows its own readers from this cursor on. Ends when it no longer holds the chat or stops, throws
 * if it cannot be reached.
 */
export type FollowHolder = (
  holder: Holder,
  from: { chatId: string; after: LogCursor },
  signal: AbortSignal,
) => AsyncIterable<FeedItem>;

const retryAfterMs = 1_000;
const retryLaterMs = 15_000;

export interface RelaysParts {
  clock: Clock;
  logger: Log;
  /** Without it previews of other hosts' chats are not shown. */
  followHolder?: FollowHolder | undefined;
  /** Whether this host holds the chat: then its own events count. */
  readonly isHeld: (chatId: string) => boolean;
}

interface Relay {
  holderId: string;
  feed: Feed;
  abort: AbortController;
  /** Whether the holder has answered. */
  isLive: boolean;
  isOver: boolean;
  failures: number;
  retryAtMs: number;
}

export class Relays {
  readonly #parts: RelaysParts;
  readonly #relays = new Map<string, Relay>();

  constructor(parts: RelaysParts) {
    this.#parts = parts;
  }

  /** Whether what the holder publishes arrives here. */
  isLive(chatId: string): boolean {
    return this.#relays.get(chatId)?.isLive ?? false;
  }

  /** Has the feed show what this host publishes, or nobody if nobody holds the chat. */
  connect(chatId: string, feed: Feed, holder: Holder | null): void {
    const old = this.#relays.get(chatId);
    if (old && (old.holderId !== holder?.id || old.feed !== feed)) this.disconnect(chatId);
    const { followHolder } = this.#parts;
    if (!holder?.address || !followHolder) return;
    const last = this.#relays.get(chatId);
    if (last && (!last.isOver || this.#parts.clock.monotonicMs() < last.retryAtMs)) return;
    const { failures = 0 } = last ?? {};
    const abort = new AbortController();
    const relay = { holderId: holder.id, feed, abort, isLive: false, isOver: false, failures, retryAtMs: 0 };
    this.#relays.set(chatId, relay);
    void this.#run(chatId, relay, followHolder(holder, { chatId, after: feed.publishedCursor }, abort.signal));
  }

  disconnect(chatId: string): void {
    this.#relays.get(chatId)?.abort.abort();
    this.#relays.delete(chatId);
  }

  /** Disconnects all but these. */
  keepOnly(chatIds: { has(chatId: string): boolean }): void {
    for (const chatId of this.#relays.keys()) if (!chatIds.has(chatId)) this.disconnect(chatId);
  }

  async #run(chatId: string, relay: Relay, items: AsyncIterable<FeedItem>): Promise<void> {
    const { clock, logger, isHeld } = this.#parts;
    const { feed } = relay;
    const { signal } = relay.abort;
    /** The first preview of a message on this connection has all that has streamed of it. */
    const begun = new Set<string>();
    try {
      for await (const item of items) {
        if (signal.aborted || isHeld(chatId)) break;
        relay.isLive = true;
        relay.failures = 0;
        if (item.kind === 'resume') {
          if (item.verdict === 'gap') feed.restart();
        } else if (item.kind === 'event') {
          if (item.event.seq > feed.publishedSeq) feed.publishEvent(item.event, item.cursor);
        } else {
          const key = previewKey(item.delta);
          if (begun.has(key)) feed.publishDelta(item.delta);
          else feed.publishWhole(item.delta);
          begun.add(key);
        }
      }
    } catch (err) {
      if (!signal.aborted) {
        relay.failures += 1;
        logger.debug(
          { err, chatId, host: relay.holderId },
          'Another host could not be followed; its log is read instead.',
        );
      }
    }
    relay.isLive = false;
    relay.isOver = true;
    relay.retryAtMs = clock.monotonicMs() + Math.min(retryAfterMs * 2 ** relay.failures, retryLaterMs);
  }
}
