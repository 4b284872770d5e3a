/** The feeds of one host: where its chats' events are followed, and those of other hosts' chats that clients follow here. */
import { findLogPlace, readEvents } from '../store/events.ts';
import type { Holder } from '../store/hosts.ts';
import type { ReaderEnd } from './chats.ts';
import { Feed } from './feed.ts';
import { HeadsElsewhere, type HeadsElsewhereParts } from './heads-elsewhere.ts';
import { ask } from './storage.ts';

export interface FeedsParts extends Omit<HeadsElsewhereParts, 'feeds'> {
  /** Bytes that may wait for one reader before it is cut off. */
  readerBacklogBytes: number;
}

export class Feeds {
  readonly #parts: FeedsParts;
  readonly #feeds = new Map<string, Feed>();
  readonly #headsElsewhere: HeadsElsewhere;

  constructor(parts: FeedsParts) {
    this.#parts = parts;
    this.#headsElsewhere = new HeadsElsewhere({ ...parts, feeds: this.#feeds });
  }

  of(chatId: string): Feed {
    let feed = this.#feeds.get(chatId);
    if (!feed) {
      this.#sweep();
      const { sql, readerBacklogBytes } = this.#parts;
      const log = {
        read: (page: { after: number; limit: number }) => ask(() => readEvents(sql, chatId, page)),
        find: (seq: number) => ask(() => findLogPlace(sql, chatId, seq)),
      };
      feed = new Feed(log, { backlogBytes: readerBacklogBytes });
      this.#feeds.set(chatId, feed);
    }
    if (!this.#parts.isHeld(chatId)) this.#headsElsewhere.askSoon();
    return feed;
  }

  /** Another host that held a chat a moment ago, as far as this one knows without asking. */
  holderOf(chatId: string): Holder | undefined {
    return this.#headsElsewhere.holderOf(chatId);
  }

  /** This host no longer holds the chat: its readers now see what others write. */
  released(): void {
    this.#headsElsewhere.arm();
  }

  delete(chatId: string): void {
    this.#feeds.get(chatId)?.end('deleted');
    this.#feeds.delete(chatId);
  }

  async stop(reason: ReaderEnd): Promise<void> {
    for (const feed of this.#feeds.values()) feed.end(reason);
    await this.#headsElsewhere.stop();
  }

  /** Feeds that nobody reads and nobody writes to are forgotten when the next one is made. */
  #sweep(): void {
    for (const [chatId, feed] of this.#feeds) {
      if (feed.readerCount === 0 && !this.#parts.isHeld(chatId)) this.#feeds.delete(chatId);
    }
  }
}
