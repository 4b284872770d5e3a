/** Maintains the pages and signatures that searches use, behind the logs of all chats, whoever holds them. */
import { setImmediate as breathe } from 'node:timers/promises';
import type { Clock } from '../lib/clock.ts';
import type { Log } from '../lib/log.ts';
import {
  endOfPage,
  listUnsigned,
  readSpoken,
  savePage,
  type Signed,
  sortPages,
  type Unsigned,
} from '../store/search-index.ts';
import { pageOf, piecesIn, signatureOf } from '../store/search-signature.ts';
import type { SlowLane } from '../store/slow-lane.ts';

const everyMs = 30_000;
const chatsAtOnce = 100;

export interface SearchIndexerParts {
  slow: SlowLane;
  clock: Clock;
  logger: Log;
}

export class SearchIndexer {
  readonly #parts: SearchIndexerParts;
  readonly #stop = new AbortController();
  #cancel: (() => void) | undefined;
  #running: Promise<void> | undefined;

  constructor(parts: SearchIndexerParts) {
    this.#parts = parts;
  }

  start(): void {
    this.#running = this.#run();
  }

  /** Idempotent. */
  async stop(): Promise<void> {
    this.#stop.abort();
    this.#cancel?.();
    await this.#running;
  }

  /** Creates all that are missing. Throws `query_timeout`, `storage_unavailable`. */
  async catchUp(): Promise<void> {
    const { slow } = this.#parts;
    const options = { signal: this.#stop.signal };
    for (;;) {
      const chats = await slow.ask((db) => listUnsigned(db, chatsAtOnce), options);
      for (const chat of chats) await this.#sign(chat);
      if (chats.length > 0) await slow.ask(sortPages, options);
      if (chats.length < chatsAtOnce) return;
    }
  }

  async #run(): Promise<void> {
    try {
      await this.catchUp();
    } catch (error) {
      if (!this.#stop.signal.aborted) {
        this.#parts.logger.warn(
          { err: error },
          'New events were not indexed for searching; they are found all the same.',
        );
      }
    }
    if (this.#stop.signal.aborted) return;
    this.#cancel = this.#parts.clock.after(everyMs, () => this.start());
  }

  async #sign(chat: Unsigned): Promise<void> {
    const { slow } = this.#parts;
    const options = { signal: this.#stop.signal };
    for (let { done } = chat; done < chat.head;) {
      const at = { ...chat, done };
      const page = await slow.ask((db) => readSpoken(db, at), options);
      const signed: Signed[] = [];
      const texts: (number[] | null)[] = [];
      for (const { seq, payload } of page) {
        const pieces = piecesIn(textsIn(payload));
        // Events without text get no signature.
        if (pieces?.length !== 0) {
          signed.push({ seq, signature: signatureOf(pieces) });
          texts.push(pieces);
        }
        await breathe();
      }
      done = endOfPage(at, page);
      const pieces = pageOf(texts);
      await slow.ask((db) => savePage(db, chat.chatId, done, { signed, pieces }), options);
    }
  }
}

/** What was said, or what a tool returned: the latter is one level deeper. */
function textsIn(payload: string): string[] {
  type Block = { text?: unknown; content?: { text?: unknown } | null };
  const { content } = JSON.parse(payload) as { content?: Block[] };
  return (content ?? []).flatMap((block) =>
    [block.text, block.content?.text].filter((text) => typeof text === 'string'),
  );
}
