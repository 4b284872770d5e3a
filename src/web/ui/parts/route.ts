import { useSyncExternalStore } from 'react';

export type Route = { name: 'home' } | { name: 'inbox' } | { name: 'chat'; chatId: string; showsChanges: boolean };

/** The route is in the address's fragment, which is never sent to a server. */
export function parseRoute(hash: string): Route {
  const [, chatId, changes] = /^#\/chat\/([0-9a-f-]{36})(\/changes)?$/.exec(hash) ?? [];
  if (chatId !== undefined) return { name: 'chat', chatId, showsChanges: changes !== undefined };
  return hash === '#/inbox' ? { name: 'inbox' } : { name: 'home' };
}

const subscribe = (listener: () => void): (() => void) => {
  addEventListener('hashchange', listener);
  return () => removeEventListener('hashchange', listener);
};

export function useHash(): string {
  return useSyncExternalStore(subscribe, () => location.hash);
}

export const chatHref = (chatId: string): string => `#/chat/${chatId}`;
