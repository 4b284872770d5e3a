/**
 * Joins a chat's history to its live events, for any number of readers.
 *
 * No gap and nothing twice: a reader goes over the stored log until it has seen everything that this feed has
 * published, and joins the live list in the same step, with no await between the check and joining. What was
 * committed but not yet published at that moment arrives live, and a seq that the reader already has is dropped.
 *
 * An event that is not the reader's next one, because another host has written in between, sends it back to the stored
 * log. So does `noteHead`, for what other hosts have written.
 *
 * The database may be set back under a running server, as when a lagging replica takes over. So every page of the stored
 * log begins with the reader's last event, and a reader whose event is not there any more ends, as all do when the log
 * is written again from an earlier event on. Their cursors then tell them.
 *
 * Every reader has a bounded buffer. A reader that overflows it is cut off and comes back with a cursor: the log, not
 * the server's memory, is where a slow reader waits.
 */
import type { Delta, Event, FeedItem } from '../protocol/event.ts';
import { createPushable, type Pushable } from '../lib/pushable.ts';
import { isInLog, isMarked, logCursor, type LogCursor, seqOf } from '../protocol/log-cursor.ts';
import { Backlog } from './backlog.ts';
import type { Reader, ReaderEnd } from './chats.ts';
import { joinedPreview, previewKey, previewText, withPreviewText } from './preview-text.ts';

export interface FeedLog {
  /** Stored events after a seq, in order. */
  read(page: { after: number; limit: number }): Promise<Event[]>;
  /** The seq of the newest stored event, the log's id, and the time of the event with this seq; null if there is none. */
  find(seq: number): Promise<{ head: number; logId: string; at: string | null } | null>;
}

const pageSize = 500;

/** Roughly the bytes that an item holds in memory; near enough to bound a buffer. */
function sizeOf(item: FeedItem): number {
  if (item.kind === 'delta') {
    const { delta } = item;
    return 200 + previewText(delta).length;
  }
  return item.kind === 'event' ? eventSize(item.event) : 200;
}

const eventSizes = new WeakMap<Event, number>();

function eventSize(event: Event): number {
  let size = eventSizes.get(event);
  if (size === undefined) {
    size = JSON.stringify(event).length;
    eventSizes.set(event, size);
  }
  return size;
}

export class Feed {
  readonly #log: FeedLog;
  readonly #backlogBytes: number;
  readonly #readers = new Set<FeedReader>();
  /** What has streamed so far of every message that is still being made. */
  readonly #unfinished = new Map<string, Delta>();
  #publishedSeq = 0;
  #publishedCursor: LogCursor = 0;
  /** The newest event that was shown here as it was written. */
  #shownSeq = 0;

  constructor(log: FeedLog, options: { backlogBytes: number }) {
    this.#log = log;
    this.#backlogBytes = options.backlogBytes;
  }

  get readerCount(): number {
    return this.#readers.size;
  }

  /** The seq of the newest event that readers have or are about to read. */
  get publishedSeq(): number {
    return this.#publishedSeq;
  }

  /** The same, as a cursor; marked if it is known. */
  get publishedCursor(): LogCursor {
    return this.#publishedCursor;
  }

  /** The log is not the one that readers have seen: they end, and come back with their cursors. */
  restart(): void {
    this.#unfinished.clear();
    this.#publishedSeq = 0;
    this.#publishedCursor = 0;
    this.#shownSeq = 0;
    this.end('closed');
  }

  /**
   * Shows a stored event. In seq order, but there may be others before it that this host has not written. Its cursor is
   * given if another host has sent it.
   */
  publishEvent(event: Event, cursor: LogCursor = event.seq): void {
    if (event.seq <= this.#shownSeq) this.restart();
    if (event.seq > this.#publishedSeq + 1) this.#unfinished.clear();
    this.#publishedSeq = event.seq;
    this.#publishedCursor = cursor;
    this.#shownSeq = event.seq;
    if (event.type === 'agent_message' || event.type === 'agent_thought') this.#unfinished.delete(event.messageId);
    else if (event.type === 'tool_call') this.#unfinished.delete(event.toolCallId);
    else if (event.type === 'turn_finished') this.#unfinished.clear();
    for (const reader of this.#readers) reader.offer({ kind: 'event', event });
  }

  /** The log reaches this far: readers that are not there yet read it again. */
  noteHead(seq: number): void {
    if (seq <= this.#publishedSeq) return;
    this.#publishedSeq = seq;
    this.#publishedCursor = seq;
    // Of whatever another host has finished since.
    this.#unfinished.clear();
    for (const reader of this.#readers) reader.noteHead(seq);
  }

  /** Shows all that has streamed of a message: what readers do not have of it yet. */
  publishWhole(delta: Delta): void {
    const sofar = this.#unfinished.get(previewKey(delta));
    const rest = sofar ? restOf(delta, sofar) : delta;
    if (rest) this.publishDelta(rest);
  }

  /** Shows a preview. */
  publishDelta(delta: Delta): void {
    const key = previewKey(delta);
    const sofar = this.#unfinished.get(key);
    this.#unfinished.set(key, sofar ? joinedPreview(sofar, delta) : delta);
    for (const reader of this.#readers) reader.offer({ kind: 'delta', delta });
  }

  follow({ after, backlog }: { after: LogCursor; backlog?: Backlog | undefined }): Reader {
    const reader = new FeedReader(after, {
      log: this.#log,
      backlog: backlog ?? new Backlog(this.#backlogBytes),
      isCaughtUp: (seq) => this.#publishedSeq <= seq,
      unfinished: () => this.#unfinished.values(),
      onClose: () => this.#readers.delete(reader),
    });
    this.#readers.add(reader);
    return reader;
  }

  /** Ends every reader. */
  end(reason: ReaderEnd): void {
    for (const reader of this.#readers) reader.close(reason);
  }
}

interface FeedReaderParts {
  log: FeedLog;
  backlog: Backlog;
  isCaughtUp(seq: number): boolean;
  unfinished(): Iterable<Delta>;
  onClose(): void;
}

class FeedReader implements Reader {
  readonly items: AsyncIterable<FeedItem>;
  readonly #parts: FeedReaderParts;
  /** The seq of the last event that the reader got, or has in its queue; and its time. */
  #seen = 0;
  #seenAt: string | null = null;
  #logId = '';
  /** Set while the reader is live. */
  #queue: Pushable<FeedItem> | undefined;
  #waitingBytes = 0;
  #end: ReaderEnd | undefined;

  constructor(after: LogCursor, parts: FeedReaderParts) {
    this.#parts = parts;
    this.items = this.#read(after);
  }

  offer(item: FeedItem): void {
    if (!this.#queue || (item.kind === 'event' && item.event.seq <= this.#seen)) return;
    if (item.kind === 'event' && item.event.seq > this.#seen + 1) return this.#readAgain();
    const bytes = sizeOf(item);
    if (!this.#parts.backlog.add(bytes)) return this.close('behind');
    this.#waitingBytes += bytes;
    this.#queue.push(item.kind === 'event' ? this.#see(item.event) : item);
  }

  noteHead(seq: number): void {
    if (seq > this.#seen) this.#readAgain();
  }

  /** After what is queued, the reader goes on with the stored log. */
  #readAgain(): void {
    this.#queue?.close();
    this.#queue = undefined;
  }

  get #hasEnded(): boolean {
    return this.#end !== undefined;
  }

  get end(): ReaderEnd | undefined {
    return this.#end;
  }

  close(reason: ReaderEnd = 'closed'): void {
    if (this.#end !== undefined) return;
    this.#end = reason;
    this.#queue?.close();
    this.#parts.onClose();
  }

  #taken(bytes: number): void {
    this.#waitingBytes -= bytes;
    this.#parts.backlog.remove(bytes);
  }

  /** The event as the reader gets it, which has it from now on. */
  #see(event: Event): FeedItem {
    this.#seen = event.seq;
    this.#seenAt = event.at;
    return { kind: 'event', event, cursor: logCursor(this.#logId, event) };
  }

  /** What follows in the stored log; null if the log no longer has the reader's last event. */
  async #nextPage(): Promise<Event[] | null> {
    if (this.#seen === 0) return this.#parts.log.read({ after: 0, limit: pageSize });
    const [last, ...next] = await this.#parts.log.read({ after: this.#seen - 1, limit: pageSize + 1 });
    return last && last.seq === this.#seen && last.at === this.#seenAt ? next : null;
  }

  async *#read(cursor: LogCursor): AsyncGenerator<FeedItem> {
    try {
      const after = seqOf(cursor);
      const place = await this.#parts.log.find(after);
      const { head, at, logId } = place ?? { head: 0, at: null, logId: '' };
      const isOk = isMarked(cursor) ? isInLog(cursor, { logId, at }) : after <= head;
      yield { kind: 'resume', type: 'resume', verdict: isOk ? 'ok' : 'gap', after, head };

      this.#logId = logId;
      if (isOk) [this.#seen, this.#seenAt] = [after, at];
      while (!this.#hasEnded) {
        const page = await this.#nextPage();
        if (!page) return;
        for (const event of page) {
          if (this.#hasEnded) return;
          yield this.#see(event);
        }
        if (this.#hasEnded) return;
        if (page.length < pageSize && this.#parts.isCaughtUp(this.#seen)) yield* this.#joinLive();
      }
    } finally {
      this.close();
      // What is left in the queue is never sent, so it no longer counts.
      this.#taken(this.#waitingBytes);
    }
  }

  /** What is live, until the stored log has to be read again. The queue is there before this returns. */
  #joinLive(): AsyncGenerator<FeedItem> {
    const queue = (this.#queue = createPushable<FeedItem>());
    // Copied now: whatever streams in while these are being sent comes through the queue.
    return this.#readLive(queue.iterable, [...this.#parts.unfinished()]);
  }

  async *#readLive(items: AsyncIterable<FeedItem>, unfinished: readonly Delta[]): AsyncGenerator<FeedItem> {
    for (const delta of unfinished) yield { kind: 'delta', delta };
    for await (const item of items) {
      this.#taken(sizeOf(item));
      yield item;
    }
  }
}

/** What the whole has beyond its beginning; undefined if nothing. */
function restOf(whole: Delta, beginning: Delta): Delta | undefined {
  const [text, known] = [previewText(whole), previewText(beginning)];
  const rest = text.startsWith(known) ? text.slice(known.length) : text;
  return rest === '' ? undefined : withPreviewText(whole, rest);
}
