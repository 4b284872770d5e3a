/**
 * Prompts on their way to the server, for all chats. Each gets its id here, so sending it twice is safe. While the server
 * is unreachable they wait and are retried; prompts of one chat are sent one by one, in the order they were written. They
 * survive a reload if they fit into storage.
 */
import { isUnreachable } from '../../client/client.ts';
import type { ContentBlock } from '../../protocol/content.ts';
import { toBooError } from '../../protocol/error.ts';
import { createRetryDelay, type RetryRange, wait } from '../../client/retry-delay.ts';
import { isPassing } from './is-passing.ts';
import type { Api } from './api.ts';
import { openPersistentMap, type PersistentMap } from './persistent-map.ts';
import { createStore, type Store } from './store.ts';

export interface Outgoing {
  promptId: string;
  chatId: string;
  content: ContentBlock[];
  /**
   * `waiting` until the server is reachable; `refused` until the user retries or drops it. The last one of a chat that the
   * server has stored stays as `stored`, so that it does not vanish from the page until its event arrives.
   */
  state: 'sending' | 'waiting' | 'refused' | 'stored';
  /** The seq of its event, once it is stored. */
  seq?: number;
  /** Why it was not sent. */
  problem?: string;
  /** Whether it survives a reload. */
  isKept: boolean;
}

export interface Outbox {
  readonly store: Store<readonly Outgoing[]>;
  send(chatId: string, content: ContentBlock[]): void;
  retry(promptId: string): void;
  /** Removes an unsent prompt. */
  drop(promptId: string): void;
  /** The chat has another log, which reaches this far: a prompt that was stored beyond it is unsent again. */
  noteReset(chatId: string, last: number): void;
  /** The server may be reachable again: retries waiting and hanging prompts at once. */
  hurry(): void;
  /** Stops sending. Stored prompts are sent by the next outbox. */
  close(): void;
  /** Closes, and deletes what is stored. */
  clear(): void;
}

export interface OutboxOptions {
  api: Pick<Api, 'prompt'>;
  storage: Storage;
  backoff?: RetryRange;
  onRefused?: (outgoing: Outgoing) => void;
  /** The server rejected the token. Waiting prompts keep waiting. */
  onUnauthorized?: () => void;
}

export const outboxPrefix = 'boocode.outbox.';

/** Browsers store about five million characters per page; the rest is for drafts. */
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

  const change = (promptId: string, part: Pick<Outgoing, 'state' | 'problem' | 'seq'> & Partial<Outgoing>): void =>
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
  const markStored = ({ promptId, chatId }: Outgoing, seq: number): void => {
    stored.delete(promptId);
    store.update((list) => list.filter((each) => each.chatId !== chatId || each.state !== 'stored'));
    change(promptId, { state: 'stored', seq });
  };
  const next = (chatId: string): Outgoing | undefined =>
    closing.signal.aborted
      ? undefined
      : store.get().find((each) => each.chatId === chatId && (each.state === 'waiting' || each.state === 'sending'));

  async function drain(chatId: string): Promise<void> {
    if (draining.has(chatId)) return;
    draining.add(chatId);
    const delay = createRetryDelay(backoff ?? { minMs: 1_000, maxMs: 20_000 });
    for (let outgoing = next(chatId); outgoing; outgoing = next(chatId)) {
      const { promptId, content } = outgoing;
      const { signal } = attempt;
      try {
        change(promptId, { state: 'sending' });
        const { seq } = await api.prompt(chatId, { id: promptId, content }, { attempts: 1, signal });
        markStored(outgoing, seq);
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
    noteReset(chatId, last) {
      const lost = store.get().filter((each) => each.chatId === chatId && each.state === 'stored' && each.seq! > last);
      for (const { promptId, content } of lost) {
        const isKept = stored.set(promptId, { promptId, chatId, content });
        change(promptId, { state: 'refused', problem: 'The server’s history was replaced by one without it.', isKept });
      }
    },
    hurry,
    close,
    clear() {
      close();
      for (const { promptId } of store.get()) stored.delete(promptId);
    },
  };
}

/** Whether the server has not stored it yet. */
export const isUnsent = ({ state }: Outgoing): boolean => state !== 'stored';

/** `crypto.randomUUID` is missing on insecure pages. */
function newId(): string {
  const bytes = crypto.getRandomValues(new Uint8Array(16));
  return `web-${Array.from(bytes, (byte) => byte.toString(16).padStart(2, '0')).join('')}`;
}
