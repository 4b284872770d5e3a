/** The stored copy of a transcript. It may be very long, so it is read and written in pieces, never held as a whole. */
import type { SessionKey, SessionStore, SessionStoreEntry } from '@anthropic-ai/claude-agent-sdk';

/** A store that can be read in pieces. */
interface PagedStore extends SessionStore {
  loadPages(key: SessionKey): AsyncIterable<SessionStoreEntry[]>;
}

/** A store that belongs to a chat's log. */
interface ChatStore extends SessionStore {
  /** Which of these ids, UUIDs, are those of turns in the log. */
  turnsAmong(ids: readonly string[]): Promise<ReadonlySet<string>>;
}

/** A store that takes something out of what it is given, such as secrets. */
interface ChangingStore extends SessionStore {
  storedForm(): Promise<(entry: SessionStoreEntry) => SessionStoreEntry>;
}

export async function storedFormIn(store: SessionStore): Promise<(entry: SessionStoreEntry) => SessionStoreEntry> {
  return 'storedForm' in store ? (store as ChangingStore).storedForm() : (entry) => entry;
}

export function knowsTurns(store: SessionStore): store is ChatStore {
  return 'turnsAmong' in store;
}

/** The stored entries, in order; none if there is no such transcript. */
export async function* storedEntries(
  store: SessionStore,
  key: SessionKey,
): AsyncGenerator<SessionStoreEntry, void, undefined> {
  if ('loadPages' in store) {
    for await (const page of (store as PagedStore).loadPages(key)) yield* page;
  } else {
    yield* (await store.load(key)) ?? [];
  }
}

const appendAtOnce = 500;

export async function appendEntries(
  store: SessionStore,
  key: SessionKey,
  entries: AsyncIterable<SessionStoreEntry>,
): Promise<void> {
  let batch: SessionStoreEntry[] = [];
  for await (const entry of entries) {
    if (batch.push(entry) < appendAtOnce) continue;
    await store.append(key, batch);
    batch = [];
  }
  if (batch.length > 0) await store.append(key, batch);
}
