/** Prompts on their way. Each has its id from the start, so that sending it again is sending it once. */
import type { ContentBlock } from '../../protocol/content.ts';
import { toBooError } from '../../protocol/error.ts';
import type { Api } from './api.ts';
import { createStore, type Store } from './store.ts';

export interface Outgoing {
  promptId: string;
  content: ContentBlock[];
  /** Why it did not go; undefined while it is on its way. */
  problem?: string;
}

export interface Outbox {
  readonly store: Store<readonly Outgoing[]>;
  send(content: ContentBlock[]): void;
  retry(promptId: string): void;
  /** Takes one back that did not go. */
  drop(promptId: string): void;
}

export function createOutbox(chatId: string, api: Pick<Api, 'prompt'>): Outbox {
  const store = createStore<readonly Outgoing[]>([]);
  const change = (promptId: string, next: Outgoing | undefined): void =>
    store.update((list) => list.flatMap((each) => (each.promptId === promptId ? (next ? [next] : []) : [each])));
  // One after the other: they arrive in the order in which they were written.
  let line: Promise<void> = Promise.resolve();

  function go(outgoing: Outgoing): void {
    line = line.then(async () => {
      try {
        await api.prompt(chatId, { id: outgoing.promptId, content: outgoing.content });
        change(outgoing.promptId, undefined);
      } catch (error) {
        change(outgoing.promptId, { ...outgoing, problem: toBooError(error).message });
      }
    });
  }
  return {
    store,
    send(content) {
      const outgoing: Outgoing = { promptId: newId(), content };
      store.update((list) => [...list, outgoing]);
      go(outgoing);
    },
    retry(promptId) {
      const known = store.get().find((each) => each.promptId === promptId);
      if (!known) return;
      const outgoing: Outgoing = { promptId, content: known.content };
      change(promptId, outgoing);
      go(outgoing);
    },
    drop: (promptId) => change(promptId, undefined),
  };
}

/** `crypto.randomUUID` is missing on a page without TLS. */
function newId(): string {
  const bytes = crypto.getRandomValues(new Uint8Array(16));
  return `web-${Array.from(bytes, (byte) => byte.toString(16).padStart(2, '0')).join('')}`;
}
