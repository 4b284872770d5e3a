import type { Clock } from '../lib/clock.ts';
import type { Log } from '../lib/log.ts';
import { Redaction } from '../lib/redaction.ts';
import { createSerial } from '../lib/serial.ts';
import type { Delta, DeltaBody, Event } from '../protocol/event.ts';
import type { Sql } from '../store/database.ts';
import { appendEvents, type Lease, type Write } from '../store/events.ts';
import { inTime } from '../store/in-time.ts';
import { FencedError, isRetried } from '../store/storage-error.ts';
import type { Feed } from './feed.ts';
import { previewKey, previewText, withPreviewText } from './preview-text.ts';
import { Previews } from './previews.ts';
import type { ChatSecrets } from './secrets/chat-secrets.ts';
import { redactedSql } from './secrets/redacted-store.ts';
import { UnfinishedMessages } from './unfinished-messages.ts';

export interface ChatLogParts {
  sql: Sql;
  lease: Lease;
  feed: Feed;
  clock: Clock;
  logger: Log;
  /** What must not be in it. */
  secrets?: ChatSecrets | undefined;
  /** Called after a lost connection or a refusal that may pass. Resolves to whether to try again, when it is time to. */
  retry(attempt: number): Promise<boolean>;
  /** Called for every event once it is stored, before the next write starts. */
  onStored(event: Event): void;
  /** A write has found that another host holds the chat. */
  onFenced(): void;
}

/**
 * The writing end of one chat's log. Writes go one at a time, in the order they were asked for, and are shown to readers
 * only once they are stored. Here, and nowhere else, the chat's secrets are taken out of what is stored and shown: of
 * events, of the rows that are written with them, and of previews.
 */
export class ChatLog {
  readonly lease: Lease;
  readonly unfinished: UnfinishedMessages;
  readonly redaction: Redaction;
  readonly #secrets: ChatSecrets | undefined;
  readonly #sql: Sql;
  readonly #feed: Feed;
  readonly #previews: Previews;
  readonly #retry: (attempt: number) => Promise<boolean>;
  readonly #onStored: (event: Event) => void;
  readonly #onFenced: () => void;
  readonly #serial = createSerial();
  #waiting = 0;
  #isLeft = false;

  constructor(parts: ChatLogParts) {
    this.lease = parts.lease;
    this.#secrets = parts.secrets;
    this.redaction = parts.secrets?.redaction ?? new Redaction();
    this.unfinished = new UnfinishedMessages(parts);
    this.#sql = parts.sql;
    this.#feed = parts.feed;
    this.#previews = new Previews(parts.clock, (turnId, body) =>
      this.#feed.publishDelta({ chatId: this.lease.chatId, turnId, ...body } as Delta),
    );
    this.#retry = async (attempt) => !this.#isLeft && (await parts.retry(attempt)) && !this.#isLeft;
    this.#onStored = (event) => parts.onStored(event);
    this.#onFenced = () => parts.onFenced();
  }

  /** What the chat's agents have had is taken out from now on. */
  readonly knowSecrets = async (): Promise<void> => this.#secrets?.prepare();

  /** True while a write is under way. */
  get isBusy(): boolean {
    return this.#waiting > 0;
  }

  append(write: Write): Promise<Event[]> {
    return this.appendIf(() => write) as Promise<Event[]>;
  }

  /**
   * Reads and writes with no other write in between: `decide` runs when it is this write's turn, and may query the
   * database; null writes nothing.
   */
  appendIf(decide: () => Write | null | Promise<Write | null>): Promise<Event[] | null> {
    this.#waiting += 1;
    return this.#serial(async () => {
      if (this.#isLeft) throw new FencedError(this.lease.chatId, `This host has dropped chat ${this.lease.chatId}.`);
      await this.knowSecrets();
      const decided = await decide();
      if (!decided) return null;
      const write = this.#redacted(decided);
      const stored = await appendEvents(this.#sql, this.lease, write, { retry: this.#retry });
      this.#previews.flush();
      for (const event of stored) {
        this.unfinished.noted(event);
        if (event.type === 'turn_finished') this.redaction.forgetPieces();
        this.#onStored(event);
        this.#feed.publishEvent(event);
      }
      return stored;
    })
      .catch((error: unknown) => {
        if (error instanceof FencedError) this.#onFenced();
        throw error;
      })
      .finally(() => (this.#waiting -= 1));
  }

  #redacted({ events, side, chat }: Write): Write {
    const { redaction } = this;
    if (redaction.isEmpty) return { events, side, chat };
    return {
      events: events.map(({ turnId, body }) => ({ turnId, body: redaction.deep(body) })),
      side: side && ((db) => side(redactedSql(db, redaction))),
      chat: redaction.deep(chat),
    };
  }

  /** A query to the database, retried after lost connections as long as a write would be. */
  ask<T>(question: () => Promise<T>): Promise<T> {
    return this.retrying(() => inTime(question()));
  }

  /** The same for work that takes as long as it needs. */
  async retrying<T>(work: () => Promise<T>): Promise<T> {
    for (let attempt = 1; ; attempt += 1) {
      try {
        return await work();
      } catch (error) {
        if (!isRetried(error, attempt) || !(await this.#retry(attempt))) throw error;
      }
    }
  }

  /**
   * The chat was dropped: nothing more is written, and no write is tried again, even if its lease turns out to be ours
   * still. What is open belongs to the next holder, who says why.
   */
  leave(): void {
    this.#isLeft = true;
  }

  /** Resolves when every write requested until now has finished. */
  settled(): Promise<void> {
    return this.#serial(() => Promise.resolve());
  }

  /** Shows a preview. It is no event; see `unfinished` for what is kept of it. */
  preview(turnId: string, piece: DeltaBody): void {
    const body = this.redaction.isEmpty ? piece : this.#redactedPiece(piece);
    if (!body) return;
    this.unfinished.add(turnId, body);
    this.#previews.add(turnId, body);
  }

  /** Null if nothing of it can be shown yet. */
  #redactedPiece(piece: DeltaBody): DeltaBody | null {
    const text = this.redaction.piece(`${piece.type} ${previewKey(piece)}`, previewText(piece));
    return text === '' ? null : this.redaction.deep(withPreviewText(piece, text));
  }
}
