/** What was discarded in the Changes view and can be given back, by chat, newest first. It survives a reload. */
import { openPersistentMap } from './persistent-map.ts';
import { createStore, type Store } from './store.ts';

export interface Discarded {
  /** The server's name for it. */
  undo: string;
  /** What it was, as a person knows it. */
  name: string;
}

export interface Discards {
  readonly store: Store<ReadonlyMap<string, readonly Discarded[]>>;
  add(chatId: string, discarded: Discarded): void;
  /** It was given back, or is to stay discarded. */
  remove(chatId: string, undo: string): void;
  /** Deletes all. */
  clear(): void;
}

export const discardPrefix = 'boocode.discards.';
export const noDiscards: readonly Discarded[] = [];
const maxPerChat = 50;

export function createDiscards(storage: Storage): Discards {
  const stored = openPersistentMap<{ discards: readonly Discarded[] }>(storage, discardPrefix, {
    maxChars: 200_000,
    isValid: ({ discards }) => Array.isArray(discards),
  });
  const store = createStore<ReadonlyMap<string, readonly Discarded[]>>(
    new Map(stored.entries().map(([chatId, { discards }]) => [chatId, discards])),
  );
  const of = (chatId: string): readonly Discarded[] => store.get().get(chatId) ?? noDiscards;
  const set = (chatId: string, discards: readonly Discarded[]): void => {
    store.update((all) => new Map(all).set(chatId, discards));
    if (discards.length === 0) stored.delete(chatId);
    else stored.set(chatId, { discards });
  };
  return {
    store,
    add: (chatId, discarded) => set(chatId, [discarded, ...of(chatId)].slice(0, maxPerChat)),
    remove: (chatId, undo) =>
      set(
        chatId,
        of(chatId).filter((each) => each.undo !== undo),
      ),
    clear() {
      for (const chatId of store.get().keys()) set(chatId, noDiscards);
    },
  };
}
