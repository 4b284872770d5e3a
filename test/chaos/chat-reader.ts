/**
 * One person who follows one chat for a whole run, over any number of connections and hosts. Without the typed client,
 * which would put right what a server does wrong: whatever arrives is recorded as shown.
 */
import { setTimeout as delay } from 'node:timers/promises';
import { createParser } from 'eventsource-parser';
import type { Event } from '../../src/protocol/event.ts';
import type { ChaosHost } from './chaos-host.ts';
import { digestOf } from './checker/read-run.ts';
import type { Records } from './records.ts';

export interface ReaderParts {
  reader: string;
  chatId: string;
  records: Records;
  token: string;
  /** Chosen again for every connection, whether or not it holds the chat. */
  readonly pickHost: () => ChaosHost;
  readonly random: () => number;
  readonly onEvent: (event: Event) => void;
}

/** A host sends a sign of life every fifteen seconds. */
const silenceMs = 22_000;

export class ChatReader {
  /** The seq of the last event that was shown. */
  seq = 0;
  readonly #parts: ReaderParts;
  readonly #stop = new AbortController();
  /** As the server gave it with the last event. */
  #cursor: string | undefined;
  #isPatient = false;
  readonly #done: Promise<void>;

  constructor(parts: ReaderParts) {
    this.#parts = parts;
    this.#done = this.#follow();
  }

  /** From now on it leaves no connection on its own. */
  settle(): void {
    this.#isPatient = true;
  }

  async close(): Promise<void> {
    this.#stop.abort();
    await this.#done;
  }

  async #follow(): Promise<void> {
    const { random } = this.#parts;
    const { signal } = this.#stop;
    while (!signal.aborted) {
      await this.#readOnce();
      // At once, or a moment later.
      await delay(20 + random() * 400, undefined, { signal }).catch(() => undefined);
    }
  }

  /** One connection, until it ends, falls silent, or its reader walks away. */
  async #readOnce(): Promise<void> {
    const { reader, chatId, records, token, pickHost, random } = this.#parts;
    const line = new AbortController();
    const hangUp = (): void => line.abort();
    this.#stop.signal.addEventListener('abort', hangUp);
    const leaving = this.#isPatient ? undefined : setTimeout(hangUp, 500 + random() * 25_000);
    let silence = setTimeout(hangUp, silenceMs);
    records.write({ kind: 'reader', reader, chatId, after: this.seq });
    try {
      const query = this.#cursor === undefined ? '?after=0' : '';
      const response = await fetch(`${pickHost().url}/v1/chats/${chatId}/events${query}`, {
        headers: {
          authorization: `Bearer ${token}`,
          accept: 'text/event-stream',
          ...(this.#cursor === undefined ? {} : { 'last-event-id': this.#cursor }),
        },
        signal: line.signal,
      });
      if (!response.ok || !response.body) {
        await response.body?.cancel();
        return;
      }
      const parser = createParser({ onEvent: ({ event, id, data }) => this.#take(event, id, data) });
      for await (const piece of response.body.pipeThrough(new TextDecoderStream())) {
        clearTimeout(silence);
        silence = setTimeout(hangUp, silenceMs);
        parser.feed(piece);
      }
    } catch {
      // Cut off, refused or left: the next connection goes on from the cursor.
    } finally {
      clearTimeout(leaving);
      clearTimeout(silence);
      this.#stop.signal.removeEventListener('abort', hangUp);
    }
  }

  #take(event: string | undefined, id: string | undefined, data: string): void {
    const { reader, chatId, records, onEvent } = this.#parts;
    if (event === 'resume') {
      const { verdict } = JSON.parse(data) as { verdict: string };
      if (verdict === 'ok') return;
      records.write({ kind: 'reset', reader, chatId, verdict });
      this.seq = 0;
      this.#cursor = undefined;
    }
    if (event !== 'event') return;
    const shown = JSON.parse(data) as Event;
    const { seq, type } = shown;
    records.write({ kind: 'shown', reader, chatId, seq, type, digest: digestOf(data) });
    this.seq = shown.seq;
    this.#cursor = id ?? String(shown.seq);
    onEvent(shown);
  }
}
