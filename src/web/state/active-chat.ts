/**
 * The chat that is open in a visible, focused tab. Tabs share it through a Web Lock named after the chat, which the browser
 * releases when a tab goes away. Pages without TLS have no locks, but no notifications either.
 */
import { createStore, type Store } from './store.ts';

export interface ActiveChat {
  /** The id of the chat that is open in this tab. */
  readonly chatId: Store<string | undefined>;
  close(): void;
}

const lockOf = (chatId: string): string => `boocode.active-chat.${chatId}`;

export function openActiveChat(): ActiveChat {
  const chatId = createStore<string | undefined>(undefined);
  const listening = new AbortController();
  const { signal } = listening;
  let held: string | undefined;
  let release = (): void => {};

  const updateLock = (): void => {
    const isActive = !signal.aborted && document.visibilityState === 'visible' && document.hasFocus();
    const next = isActive ? chatId.get() : undefined;
    if (next === held) return;
    release();
    held = next;
    if (next === undefined || !isSecureContext) return;
    const released = new Promise<void>((resolve) => (release = resolve));
    void navigator.locks.request(lockOf(next), { mode: 'shared' }, () => released);
  };
  const unsubscribe = chatId.subscribe(updateLock);
  for (const name of ['focus', 'blur', 'pageshow']) addEventListener(name, updateLock, { signal });
  document.addEventListener('visibilitychange', updateLock, { signal });

  return {
    chatId,
    close() {
      listening.abort();
      unsubscribe();
      updateLock();
    },
  };
}

/** Whether the chat is active in this tab or in another one. */
export async function isActiveInAnyTab(chatId: string): Promise<boolean> {
  const { held = [] } = await navigator.locks.query();
  return held.some(({ name }) => name === lockOf(chatId));
}
