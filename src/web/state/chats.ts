/** The chats of this server as far as they were asked for, kept up to date by what the live socket tells. */
import type { Chat, ChatPage } from '../../protocol/chat.ts';
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
  /** Reads anew as much of the list as was read, and drops what is no longer in it. False when it could not be read. */
  reload(): Promise<boolean>;
  loadMore(): Promise<void>;
  /** A page of another list, for example of what a search found. Its chats are kept, too. */
  find(...query: Parameters<Api['listChats']>): Promise<ChatPage>;
  /** What the live socket tells of a chat: always the newest. */
  tell(chat: Chat): void;
  /** What a request answered. It may be older than what was told meanwhile. */
  put(chat: Chat): void;
  remove(chatId: string): void;
  setLeaving(chatId: string, isLeaving: boolean): void;
}

/** Deleted chats that are remembered, so that no late answer brings one back. */
const maxRemoved = 1_000;

export function createChats(api: Pick<Api, 'listChats'>): Chats {
  const store = createStore<ChatsState>({ byId: new Map(), isLoaded: false, next: null, leaving: new Set() });
  /** Counts what is asked and what is told, so that of two it is known which was first. */
  let now = 0;
  /** When each chat was last told of, or when the page was asked for that it came in; kept while a page is on its way. */
  const asOf = new Map<string, number>();
  let onTheirWay = 0;
  const removed = new Set<string>();
  /** How much of the list was read, and when what it shows was asked for. */
  let pages = 1;
  let listAskedAt = 0;

  function note(chatId: string, at: number): void {
    if (onTheirWay > 0) asOf.set(chatId, at);
  }

  /** Hands on when it was asked, too. */
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

  /** The chats of a page, but those of which newer is known. */
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

  function tell(chat: Chat): void {
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
    tell,
    put(chat) {
      const known = store.get().byId.get(chat.id);
      if (!removed.has(chat.id) && !(known && isNewer(known, chat))) tell(chat);
    },
    async reload() {
      try {
        await ask(readList, ({ items, next }, askedAt) => {
          // One that was asked for later was here first.
          if (askedAt < listAskedAt) return;
          listAskedAt = askedAt;
          const listed = new Set(items.map(({ id }) => id));
          // It goes from the newest to the oldest: what is not in it and not older than its end is gone.
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
          // Otherwise the list was read anew meanwhile, and goes on somewhere else.
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

/** As the list shows them: what happened last comes first. */
export function sorted(chats: Iterable<Chat>): Chat[] {
  return [...chats].toSorted((a, b) => (a.updatedAt === b.updatedAt ? 0 : a.updatedAt < b.updatedAt ? 1 : -1));
}
