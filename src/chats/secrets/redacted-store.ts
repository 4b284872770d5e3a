/** Stores that take a chat's secrets out of what they are given, whoever gives it. */
import type { Redaction } from '../../lib/redaction.ts';
import type { SessionStore, SessionStoreEntry } from '../../protocol/session-store.ts';
import type { SideFileStore } from '../../protocol/side-files.ts';
import type { Sql } from '../../store/database.ts';

/** For statements: every text among their values. */
export function redactedSql(sql: Sql, redaction: Redaction): Sql {
  if (redaction.isEmpty) return sql;
  return new Proxy(sql, {
    apply(target, self, args: unknown[]) {
      const [first, ...values] = args;
      const isStatement = Array.isArray(first) && 'raw' in first;
      const given = isStatement ? [first, ...values.map((value) => redaction.deep(value))] : args;
      return Reflect.apply(target, self, given) as unknown;
    },
  });
}

/** What a chat's stores need to know of its secrets. */
export interface Redacting {
  readonly redaction: Redaction;
  /** Before the first write and comparison: an agent may have had a value in a process that is gone. */
  readonly knowSecrets: () => Promise<void>;
}

/** A store that changes what it is given. */
export interface RedactedSessionStore {
  /** How an entry would be stored, so that one from a file is found among the stored ones. */
  storedForm(): Promise<(entry: SessionStoreEntry) => SessionStoreEntry>;
}

export function redactedSessionStore<T extends SessionStore>(
  store: T,
  { redaction, knowSecrets }: Redacting,
): T & RedactedSessionStore {
  return {
    ...store,
    async append(key, entries) {
      await knowSecrets();
      await store.append(key, redaction.deep(entries));
    },
    async storedForm() {
      await knowSecrets();
      return (entry) => redaction.deep(entry);
    },
  };
}

export function redactedSideFiles(store: SideFileStore, redaction: Redaction): SideFileStore {
  return { ...store, put: (file, content) => store.put(file, content && redaction.bytes(content)) };
}
