import { createSerial } from '../lib/serial.ts';
import type { Delta, DeltaBody, Event } from '../protocol/event.ts';
import type { Sql } from '../store/database.ts';
import { appendEvents, type Lease, type NewWrite } from '../store/events.ts';
import type { Feed } from './feed.ts';

export type Write = NewWrite;

/**
 * The writing end of one chat's log. Writes go one at a time, in the order they were asked for, and are shown to readers
 * only once they are stored.
 */
export class ChatLog {
  readonly lease: Lease;
  readonly #sql: Sql;
  readonly #feed: Feed;
  readonly #retry: (attempt: number) => Promise<boolean>;
  readonly #serial = createSerial();
  #waiting = 0;

  constructor(parts: { sql: Sql; lease: Lease; feed: Feed; retry: (attempt: number) => Promise<boolean> }) {
    this.lease = parts.lease;
    this.#sql = parts.sql;
    this.#feed = parts.feed;
    this.#retry = parts.retry;
  }

  /** True while a write is under way. */
  get isBusy(): boolean {
    return this.#waiting > 0;
  }

  append(write: Write): Promise<Event[]> {
    return this.appendIf(() => write) as Promise<Event[]>;
  }

  /** Looks and writes with nobody in between: `decide` runs when it is this write's turn; null writes nothing. */
  appendIf(decide: () => Write | null): Promise<Event[] | null> {
    this.#waiting += 1;
    return this.#serial(async () => {
      const write = decide();
      if (!write) return null;
      const stored = await appendEvents(this.#sql, this.lease, write, { retry: this.#retry });
      for (const event of stored) this.#feed.publishEvent(event);
      return stored;
    }).finally(() => (this.#waiting -= 1));
  }

  /** Resolves when every write asked for until now is through. */
  settled(): Promise<void> {
    return this.#serial(() => Promise.resolve());
  }

  /** Shows a preview at once; it is never stored. */
  preview(turnId: string, body: DeltaBody): void {
    this.#feed.publishDelta({ chatId: this.lease.chatId, turnId, ...body } as Delta);
  }
}
