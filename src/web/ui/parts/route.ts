import { useSyncExternalStore } from 'react';

export type Route =
  | { name: 'home' }
  | { name: 'inbox' }
  | { name: 'worktrees' }
  | { name: 'usage' }
  | { name: 'schedules' }
  | { name: 'people' }
  | { name: 'attempts'; group: string }
  | { name: 'chat'; chatId: string; showsChanges: boolean };

export const schedulesHref = '#/schedules';
export const peopleHref = '#/people';
export const worktreesHref = '#/worktrees';
export const usageHref = '#/usage';

/** The route is in the address's fragment, which is never sent to a server. */
export function parseRoute(hash: string): Route {
  const [, chatId, changes] = /^#\/chat\/([0-9a-f-]{36})(\/changes)?$/.exec(hash) ?? [];
  if (chatId !== undefined) return { name: 'chat', chatId, showsChanges: changes !== undefined };
  const [, group] = /^#\/attempts\/([0-9a-f-]{36})$/.exec(hash) ?? [];
  if (group !== undefined) return { name: 'attempts', group };
  if (hash === worktreesHref) return { name: 'worktrees' };
  if (hash === usageHref) return { name: 'usage' };
  if (hash === schedulesHref) return { name: 'schedules' };
  if (hash === peopleHref) return { name: 'people' };
  return hash === '#/inbox' ? { name: 'inbox' } : { name: 'home' };
}

const subscribe = (listener: () => void): (() => void) => {
  addEventListener('hashchange', listener);
  return () => removeEventListener('hashchange', listener);
};

export function useHash(): string {
  return useSyncExternalStore(subscribe, () => location.hash);
}

export const attemptsHref = (group: string): string => `#/attempts/${group}`;

export const chatHref = (chatId: string): string => `#/chat/${chatId}`;
