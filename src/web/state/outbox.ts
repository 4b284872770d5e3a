/**
 * Prompts on their way, of all chats. Each has its id from the start, so that sending it again is sending it once. What the
 * server cannot be reached for waits, and goes by itself when it can; those of one chat go one after the other, in the order
 * in which they were written. They are kept over a reload of the page as long as they fit.
 */
import { isUnreachable } from '../../client/client.ts';
import type { ContentBlock } from '../../protocol/content.ts';
import { type BooError, toBooError } from '../../protocol/error.ts';
import { createRetryDelay, type RetryRange, wait } from '../../client/retry-delay.ts';
import type { Api } from './api.ts';
import { openPersistentMap, type PersistentMap } from './persistent-map.ts';
import { createStore, type Store } from './store.ts';

export interface Outgoing {
  promptId: string;
  chatId: string;
  content: ContentBlock[];
  /** `waiting` for the server to be reached; `refused` stays until somebody sends it again or drops it. */
  state: 'sending' | 'waiting' | 'refused';
  /** Why it did not go. */
  problem?: string;
  /** A reload of the page does not lose it. */
  isKept: boolean;
}

export interface Outbox {
  readonly store: Store<readonly Outgoing[]>;
  send(chatId: string, content: ContentBlock[]): void;
  retry(promptId: string): void;
  /** Takes one back that did not go. */
  drop(promptId: string): void;
  /** The server may be reached again: what waits or hangs is sent at once. */
  hurry(): void;
  /** Sends no more. What is kept is sent by the next one. */
  close(): void;
  /** Closes, and keeps nothing. */
  clear(): void;
}

export interface OutboxOptions {
  api: Pick<Api, 'prompt'>;
  storage: Storage;
  backoff?: RetryRange;
  onRefused?: (outgoing: Outgoing) => void;
  /** The token is no longer taken. What waits, waits on. */
  onUnauthorized?: () => void;
}

export const outboxPrefix = 'boocode.outbox.';

/** Of about five million that a browser keeps for a page; the rest is for drafts. */
const maxKeptChars = 4_000_000;

export function createOutbox({ api, storage, backoff, onRefused, onUnauthorized }: OutboxOptions): Outbox {
  const stored: PersistentMap<Pick<Outgoing, 'promptId' | 'chatId' | 'content'>> = openPersistentMap(
    storage,
    outboxPrefix,
    {
      maxChars: maxKeptChars,
      isValid: (value) => typeof value.chatId === 'string' && Array.isArray(value.content),
    },
  );
  const kept = stored.entries().map(([promptId, { chatId, content }]): Outgoing => {
    return { promptId, chatId, content, state: 'waiting', isKept: true };
  });
  const store = createStore<readonly Outgoing[]>(kept);
  const closing = new AbortController();
  const draining = new Set<string>();
  let attempt = new AbortController();

  const change = (promptId: string, part: Pick<Outgoing, 'state' | 'problem'>): void =>
    store.update((list) =>
      list.map((each) => {
        if (each.promptId !== promptId) return each;
        const { problem: _, ...rest } = each;
        return { ...rest, ...part };
      }),
    );
  const remove = (promptId: string): void => {
    stored.delete(promptId);
    store.update((list) => list.filter((each) => each.promptId !== promptId));
  };
  const next = (chatId: string): Outgoing | undefined =>
    closing.signal.aborted ? undefined : store.get().find((each) => each.chatId === chatId && each.state !== 'refused');

  async function drain(chatId: string): Promise<void> {
    if (draining.has(chatId)) return;
    draining.add(chatId);
    const delay = createRetryDelay(backoff ?? { minMs: 1_000, maxMs: 20_000 });
    for (let outgoing = next(chatId); outgoing; outgoing = next(chatId)) {
      const { promptId, content } = outgoing;
      const { signal } = attempt;
      try {
        change(promptId, { state: 'sending' });
        await api.prompt(chatId, { id: promptId, content }, { attempts: 1, signal });
        remove(promptId);
        delay.reset();
      } catch (thrown) {
        const error = toBooError(thrown);
        if (closing.signal.aborted) break;
        if (error.code === 'unauthorized') {
          change(promptId, { state: 'waiting' });
          onUnauthorized?.();
          break;
        }
        if (isPassing(error)) {
          change(promptId, { state: 'waiting', ...(isUnreachable(error) ? {} : { problem: error.message }) });
          await wait(delay.next(), signal);
        } else {
          change(promptId, { state: 'refused', problem: error.message });
          onRefused?.(outgoing);
        }
      }
    }
    draining.delete(chatId);
  }

  function hurry(): void {
    const before = attempt;
    attempt = new AbortController();
    before.abort();
    for (const chatId of new Set(store.get().map((each) => each.chatId))) void drain(chatId);
  }
  function close(): void {
    closing.abort();
    attempt.abort();
  }
  hurry();

  return {
    store,
    send(chatId, content) {
      const promptId = newId();
      const isKept = stored.set(promptId, { promptId, chatId, content });
      store.update((list) => [...list, { promptId, chatId, content, state: 'waiting', isKept }]);
      void drain(chatId);
    },
    retry(promptId) {
      const outgoing = store.get().find((each) => each.promptId === promptId);
      if (!outgoing) return;
      if (outgoing.state === 'refused') change(promptId, { state: 'waiting' });
      hurry();
    },
    drop(promptId) {
      remove(promptId);
    },
    hurry,
    close,
    clear() {
      close();
      for (const { promptId } of store.get()) stored.delete(promptId);
    },
  };
}

/** It may go well another time, without anybody's doing. */
function isPassing(error: BooError): boolean {
  const { status } = error.details;
  return isUnreachable(error) || (typeof status === 'number' && [408, 429, 502, 503, 504].includes(status));
}

/** `crypto.randomUUID` is missing on a page without TLS. */
function newId(): string {
  const bytes = crypto.getRandomValues(new Uint8Array(16));
  return `web-${Array.from(bytes, (byte) => byte.toString(16).padStart(2, '0')).join('')}`;
}
