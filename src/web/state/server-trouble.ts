import type { LiveState } from '../../client/client.ts';
import type { Health } from '../../protocol/info.ts';
import { createStore, type Store } from './store.ts';

const askEveryMs = 15_000;
/** As long as there is trouble, so that its end is seen soon. */
const askAgainMs = 3_000;

export interface ServerTroubleParts {
  readonly health: () => Promise<Health>;
  live: { readonly state: LiveState; onState(listener: () => void): () => void };
  /** Whether anybody can see the page. */
  readonly isVisible: () => boolean;
}

export interface ServerTrouble {
  /** What is wrong with a server that can be reached, as a sentence. */
  readonly store: Store<string | undefined>;
  close(): void;
}

/** Asks a connected server now and then whether it can do its work: without a request, nothing else would show that. */
export function watchTrouble({ health, live, isVisible }: ServerTroubleParts): ServerTrouble {
  const store = createStore<string | undefined>(undefined);
  let timer: ReturnType<typeof setTimeout> | undefined;
  let isClosed = false;
  let isAsking = false;

  async function ask(): Promise<void> {
    clearTimeout(timer);
    if (isAsking || isClosed) return;
    isAsking = true;
    if (live.state !== 'open') store.set(undefined);
    else if (isVisible()) {
      // Without an answer the connection is the problem, which is shown anyway.
      const answer = await health().catch(() => undefined);
      if (!isClosed)
        store.set(answer?.status === 'unavailable' ? (answer.message ?? 'It does not say why.') : undefined);
    }
    isAsking = false;
    if (!isClosed) timer = setTimeout(() => void ask(), store.get() === undefined ? askEveryMs : askAgainMs);
  }

  const stop = live.onState(() => void ask());
  void ask();
  return {
    store,
    close() {
      isClosed = true;
      clearTimeout(timer);
      stop();
    },
  };
}
