/**
 * Where an agent's transcript is mirrored, entry by entry. The shape is the Claude Agent SDK's `SessionStore`, so that a
 * store can be passed to it directly; further fields of an entry are the agent's own.
 */

export type SessionKey = {
  projectKey: string;
  /** A UUID. */
  sessionId: string;
  /** Of a sub-agent's transcript; the main one has none. Never empty. */
  subpath?: string;
};

/** One line of a transcript, as JSON. */
export type SessionStoreEntry = {
  type: string;
  /** Names the entry: one that is appended again is stored once. */
  uuid?: string;
  /** ISO 8601. */
  timestamp?: string;
  [field: string]: unknown;
};

export type SessionSummaryEntry = {
  sessionId: string;
  /** When it was stored, in ms since 1970. */
  mtime: number;
  data: Record<string, unknown>;
};

export type SessionStore = {
  append(key: SessionKey, entries: SessionStoreEntry[]): Promise<void>;
  /** Null for a session that the store does not know. */
  load(key: SessionKey): Promise<SessionStoreEntry[] | null>;
  listSessions?(projectKey: string): Promise<{ sessionId: string; mtime: number }[]>;
  listSessionSummaries?(projectKey: string): Promise<SessionSummaryEntry[]>;
  delete?(key: SessionKey): Promise<void>;
  listSubkeys?(key: { projectKey: string; sessionId: string }): Promise<string[]>;
};

/** A session's summary, from the one before and the entries that are new. Its mtime is the store's affair. */
export type FoldSummary = (
  previous: SessionSummaryEntry | undefined,
  key: SessionKey,
  entries: SessionStoreEntry[],
) => Pick<SessionSummaryEntry, 'data'>;
