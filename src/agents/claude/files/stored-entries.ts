/** The stored copy of a transcript. It may be very long, so it is read and written in pieces, never held as a whole. */
import type { SessionKey, SessionStore, SessionStoreEntry } from '@anthropic-ai/claude-agent-sdk';

/** A store that can be read in pieces. */
interface PagedStore extends SessionStore {
  loadPages(key: SessionKey): AsyncIterable<SessionStoreEntry[]>;
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
