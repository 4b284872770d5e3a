/** Comments for the next prompt, by chat. They survive a reload if they fit into storage. */
import type { Comment } from '../text/comment-text.ts';
import { openPersistentMap } from './persistent-map.ts';
import { createStore, type Store } from './store.ts';

export interface Comments {
  readonly store: Store<ReadonlyMap<string, readonly Comment[]>>;
  /** Replaces those of a chat. Returns false if a reload would lose them. */
  set(chatId: string, comments: readonly Comment[]): boolean;
  /** Deletes all, and takes no more. */
  clear(): void;
}

export const commentPrefix = 'boocode.comments.';
export const noComments: readonly Comment[] = [];

export function createComments(storage: Storage): Comments {
  const stored = openPersistentMap<{ comments: readonly Comment[] }>(storage, commentPrefix, {
    maxChars: 400_000,
    isValid: ({ comments }) => Array.isArray(comments),
  });
  const store = createStore<ReadonlyMap<string, readonly Comment[]>>(
    new Map(stored.entries().map(([chatId, { comments }]) => [chatId, comments])),
  );
  let isCleared = false;
  const set = (chatId: string, comments: readonly Comment[]): boolean => {
    // A view that closes because of it may still add one.
    if (isCleared) return true;
    store.update((all) => new Map(all).set(chatId, comments));
    if (comments.length > 0) return stored.set(chatId, { comments });
    stored.delete(chatId);
    return true;
  };
  return {
    store,
    set,
    clear() {
      for (const chatId of store.get().keys()) set(chatId, noComments);
      isCleared = true;
    },
  };
}
