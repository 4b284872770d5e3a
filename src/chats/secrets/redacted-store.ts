/** Stores that take a chat's secrets out of what they are given, whoever gives it. */
import type { Redaction } from '../../lib/redaction.ts';
import type { SessionStore } from '../../protocol/session-store.ts';
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

export function redactedSessionStore<T extends SessionStore>(store: T, redaction: Redaction): T {
  return { ...store, append: (key, entries) => store.append(key, redaction.deep(entries)) };
}

export function redactedSideFiles(store: SideFileStore, redaction: Redaction): SideFileStore {
  return { ...store, put: (file, content) => store.put(file, content && redaction.bytes(content)) };
}
