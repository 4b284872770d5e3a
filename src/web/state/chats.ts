/** The chats of this server as far as they were asked for, kept up to date by what the live socket tells. */
import type { Chat } from '../../protocol/chat.ts';
import { toBooError } from '../../protocol/error.ts';
import type { Api } from './api.ts';
import { createStore, type Store } from './store.ts';

const pageSize = 100;

export interface ChatsState {
  byId: ReadonlyMap<string, Chat>;
  isLoaded: boolean;
  error?: string | undefined;
  /** Where the list goes on; null when it is whole. */
  next: string | null;
  /** Not shown, and deleted when their time to be taken back is over. */
  leaving: ReadonlySet<string>;
}

export interface Chats {
  readonly store: Store<ChatsState>;
  reload(): Promise<void>;
  loadMore(): Promise<void>;
  put(chat: Chat): void;
  /** All of a page, for example of a search. */
  putAll(chats: readonly Chat[]): void;
  remove(chatId: string): void;
  setLeaving(chatId: string, isLeaving: boolean): void;
}

export function createChats(api: Pick<Api, 'listChats'>): Chats {
  const store = createStore<ChatsState>({ byId: new Map(), isLoaded: false, next: null, leaving: new Set() });
  const putAll = (chats: readonly Chat[]): void =>
    store.update((state) => {
      const byId = new Map(state.byId);
      for (const chat of chats) byId.set(chat.id, chat);
      return { ...state, byId };
    });
  return {
    store,
    putAll,
    put: (chat) => putAll([chat]),
    async reload() {
      try {
        const page = await api.listChats({ archived: false, limit: pageSize });
        store.update((state) => {
          // A whole list also says what is gone.
          const kept = page.next === null ? [...state.byId].filter(([, chat]) => chat.archived) : [...state.byId];
          const byId = new Map([...kept, ...page.items.map((chat): [string, Chat] => [chat.id, chat])]);
          return { ...state, byId, isLoaded: true, error: undefined, next: page.next };
        });
      } catch (error) {
        store.update((state) => ({ ...state, error: toBooError(error).message }));
      }
    },
    async loadMore() {
      const after = store.get().next;
      if (after === null) return;
      const page = await api.listChats({ archived: false, limit: pageSize, after });
      putAll(page.items);
      store.update((state) => ({ ...state, next: page.next }));
    },
    remove: (chatId) =>
      store.update((state) => {
        const byId = new Map(state.byId);
        byId.delete(chatId);
        return { ...state, byId };
      }),
    setLeaving: (chatId, isLeaving) =>
      store.update((state) => {
        const leaving = new Set(state.leaving);
        if (isLeaving) leaving.add(chatId);
        else leaving.delete(chatId);
        return { ...state, leaving };
      }),
  };
}

/** As the list shows them: what happened last comes first. */
export function sorted(chats: Iterable<Chat>): Chat[] {
  return [...chats].toSorted((a, b) => (a.updatedAt === b.updatedAt ? 0 : a.updatedAt < b.updatedAt ? 1 : -1));
}
