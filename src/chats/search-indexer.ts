/** Maintains the signatures that searches use, behind the logs of all chats, whoever holds them. */
import { setImmediate as breathe } from 'node:timers/promises';
import type { Clock } from '../lib/clock.ts';
import type { Log } from '../lib/log.ts';
import {
  endOfPage,
  listUnsigned,
  readSpoken,
  saveSignatures,
  type Signed,
  type Unsigned,
} from '../store/search-index.ts';
import { signatureOf } from '../store/search-signature.ts';
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
    for (;;) {
      const chats = await this.#parts.slow.ask((db) => listUnsigned(db, chatsAtOnce), { signal: this.#stop.signal });
      for (const chat of chats) await this.#sign(chat);
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
      for (const { seq, payload } of page) {
        const signature = signatureOf(textsIn(payload));
        // Events without text get no signature.
        if (signature?.length !== 0) signed.push({ seq, signature });
        await breathe();
      }
      done = endOfPage(at, page);
      await slow.ask((db) => saveSignatures(db, chat.chatId, done, signed), options);
    }
  }
}

function textsIn(payload: string): string[] {
  const { content } = JSON.parse(payload) as { content?: { text?: unknown }[] };
  return (content ?? []).flatMap(({ text }) => (typeof text === 'string' ? [text] : []));
}
