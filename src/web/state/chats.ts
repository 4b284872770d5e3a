/** The chats fetched from this server so far, kept up to date by the live socket. */
import type { Chat, ChatPage } from '../../protocol/chat.ts';
import { toBooError } from '../../protocol/error.ts';
import type { Api } from './api.ts';
import { createStore, type Store } from './store.ts';

const pageSize = 100;

export interface ChatsState {
  byId: ReadonlyMap<string, Chat>;
  isLoaded: boolean;
  error?: string | undefined;
  /** Cursor of the next page; null at the end of the list. */
  next: string | null;
  /** Hidden chats that are deleted once their undo period is over. */
  leaving: ReadonlySet<string>;
}

export interface Chats {
  readonly store: Store<ChatsState>;
  /** Reloads as much of the list as was loaded, and drops chats no longer in it. Returns false if the request failed. */
  reload(): Promise<boolean>;
  loadMore(): Promise<void>;
  /** Fetches a page of another list, such as search results. Its chats are stored too. */
  find(...query: Parameters<Api['listChats']>): Promise<ChatPage>;
  /** A chat from the live socket: always the newest version. */
  receive(chat: Chat): void;
  /** A chat from a response, which may be older than what the socket sent meanwhile. */
  put(chat: Chat): void;
  remove(chatId: string): void;
  setLeaving(chatId: string, isLeaving: boolean): void;
}

/** How many deleted chats to remember, so that a late response cannot bring one back. */
const maxRemoved = 1_000;

export function createChats(api: Pick<Api, 'listChats'>): Chats {
  const store = createStore<ChatsState>({ byId: new Map(), isLoaded: false, next: null, leaving: new Set() });
  /** A logical clock that orders requests and socket messages. */
  let now = 0;
  /** When each chat was last updated, or when its page was requested; kept while a list request is pending. */
  const asOf = new Map<string, number>();
  let onTheirWay = 0;
  const removed = new Set<string>();
  /** How many pages are loaded, and when the list on screen was requested. */
  let pages = 1;
  let listAskedAt = 0;

  function note(chatId: string, at: number): void {
    if (onTheirWay > 0) asOf.set(chatId, at);
  }

  /** Passes on the time of the request too. */
  async function ask<T>(work: () => Promise<T>, take: (answer: T, askedAt: number) => void): Promise<T> {
    const askedAt = (now += 1);
    onTheirWay += 1;
    try {
      const answer = await work();
      take(answer, askedAt);
      return answer;
    } finally {
      onTheirWay -= 1;
      if (onTheirWay === 0) asOf.clear();
    }
  }

  /** Stores a page of chats, except those for which something newer is known. */
  function takeIn(byId: Map<string, Chat>, chats: readonly Chat[], askedAt: number): void {
    for (const chat of chats) {
      const known = byId.get(chat.id);
      const isOlder = (asOf.get(chat.id) ?? 0) > askedAt;
      if (isOlder && !(known && isNewer(chat, known))) continue;
      removed.delete(chat.id);
      byId.set(chat.id, chat);
      if (!isOlder) note(chat.id, askedAt);
    }
  }

  function keep(chats: readonly Chat[], askedAt: number): void {
    store.update((state) => {
      const byId = new Map(state.byId);
      takeIn(byId, chats, askedAt);
      return { ...state, byId };
    });
  }

  function receive(chat: Chat): void {
    removed.delete(chat.id);
    note(chat.id, (now += 1));
    store.update((state) => ({ ...state, byId: new Map(state.byId).set(chat.id, chat) }));
  }

  async function readList(): Promise<ChatPage> {
    const items: Chat[] = [];
    let next: string | null = null;
    let read = 0;
    do {
      const after: string | null = next;
      const page = await api.listChats({ archived: false, limit: pageSize, ...(after === null ? {} : { after }) });
      items.push(...page.items);
      next = page.next;
      read += 1;
    } while (next !== null && read < pages);
    return { items, next };
  }

  return {
    store,
    receive,
    put(chat) {
      const known = store.get().byId.get(chat.id);
      if (!removed.has(chat.id) && !(known && isNewer(known, chat))) receive(chat);
    },
    async reload() {
      try {
        await ask(readList, ({ items, next }, askedAt) => {
          // A later request was answered first.
          if (askedAt < listAskedAt) return;
          listAskedAt = askedAt;
          const listed = new Set(items.map(({ id }) => id));
          // The list runs from newest to oldest: a chat that is missing, and not older than the last one listed, is gone.
          const end = next === null ? '' : (items.at(-1)?.createdAt ?? '');
          store.update((state) => {
            const byId = new Map(
              [...state.byId].filter(
                ([id, { archived, createdAt }]) =>
                  listed.has(id) || archived || createdAt <= end || (asOf.get(id) ?? 0) > askedAt,
              ),
            );
            takeIn(byId, items, askedAt);
            return { ...state, byId, isLoaded: true, error: undefined, next };
          });
        });
        return true;
      } catch (error) {
        store.update((state) => ({ ...state, error: toBooError(error).message }));
        return false;
      }
    },
    async loadMore() {
      const after = store.get().next;
      if (after === null) return;
      await ask(
        () => api.listChats({ archived: false, limit: pageSize, after }),
        ({ items, next }, askedAt) => {
          keep(items, askedAt);
          // Otherwise the list was reloaded meanwhile and continues elsewhere.
          if (store.get().next !== after) return;
          pages += 1;
          store.update((state) => ({ ...state, next }));
        },
      );
    },
    find: (...query) =>
      ask(
        () => api.listChats(...query),
        ({ items }, askedAt) => keep(items, askedAt),
      ),
    remove(chatId) {
      note(chatId, (now += 1));
      removed.add(chatId);
      for (const id of removed) if (removed.size > maxRemoved) removed.delete(id);
      store.update((state) => {
        const byId = new Map(state.byId);
        byId.delete(chatId);
        return { ...state, byId };
      });
    },
    setLeaving: (chatId, isLeaving) =>
      store.update((state) => {
        const leaving = new Set(state.leaving);
        if (isLeaving) leaving.add(chatId);
        else leaving.delete(chatId);
        return { ...state, leaving };
      }),
  };
}

const isNewer = (one: Chat, other: Chat): boolean =>
  one.head > other.head || (one.head === other.head && one.updatedAt > other.updatedAt);

/** In display order: most recently updated first. */
export function sorted(chats: Iterable<Chat>): Chat[] {
  return [...chats].toSorted((a, b) => (a.updatedAt === b.updatedAt ? 0 : a.updatedAt < b.updatedAt ? 1 : -1));
}
