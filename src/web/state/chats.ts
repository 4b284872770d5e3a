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
  /** What was told while a list was on its way: newer than that list. Undefined while none is. */
  let told: Set<string> | undefined;
  const putAll = (chats: readonly Chat[]): void =>
    store.update((state) => {
      for (const chat of chats) told?.add(chat.id);
      const byId = new Map(state.byId);
      for (const chat of chats) byId.set(chat.id, chat);
      return { ...state, byId };
    });
  return {
    store,
    putAll,
    put: (chat) => putAll([chat]),
    async reload() {
      told = new Set();
      try {
        const page = await api.listChats({ archived: false, limit: pageSize });
        store.update((state) => {
          const newer = told ?? new Set();
          // A whole list also says what is gone.
          const kept = [...state.byId].filter(([id, chat]) => page.next !== null || chat.archived || newer.has(id));
          const read = page.items.filter(({ id }) => !newer.has(id));
          const byId = new Map([...kept, ...read.map((chat): [string, Chat] => [chat.id, chat])]);
          return { ...state, byId, isLoaded: true, error: undefined, next: page.next };
        });
      } catch (error) {
        store.update((state) => ({ ...state, error: toBooError(error).message }));
      } finally {
        told = undefined;
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
        told?.add(chatId);
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
