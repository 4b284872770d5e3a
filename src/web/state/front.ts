/**
 * Which chat somebody has before them, told to the other tabs by a lock of the chat's name: a tab that is gone holds none.
 * A page without TLS has no locks, and no notifications either.
 */
import { createStore, type Store } from './store.ts';

export interface Front {
  /** The chat that is open in this tab. */
  readonly chat: Store<string | undefined>;
  close(): void;
}

const lockOf = (chatId: string): string => `boocode.front.${chatId}`;

export function openFront(): Front {
  const chat = createStore<string | undefined>(undefined);
  const listening = new AbortController();
  const { signal } = listening;
  let held: string | undefined;
  let release = (): void => {};

  const look = (): void => {
    const isSeen = !signal.aborted && document.visibilityState === 'visible' && document.hasFocus();
    const next = isSeen ? chat.get() : undefined;
    if (next === held) return;
    release();
    held = next;
    if (next === undefined || !isSecureContext) return;
    const gone = new Promise<void>((resolve) => (release = resolve));
    void navigator.locks.request(lockOf(next), { mode: 'shared' }, () => gone);
  };
  const stop = chat.subscribe(look);
  for (const name of ['focus', 'blur', 'pageshow']) addEventListener(name, look, { signal });
  document.addEventListener('visibilitychange', look, { signal });

  return {
    chat,
    close() {
      listening.abort();
      stop();
      look();
    },
  };
}

/** In this tab or in another one. */
export async function isInFrontSomewhere(chatId: string): Promise<boolean> {
  const { held = [] } = await navigator.locks.query();
  return held.some(({ name }) => name === lockOf(chatId));
}
