import { randomUUID } from 'node:crypto';
import type { Act, Audit } from '../../src/chats/audit-log.ts';
import type { AuditEntry } from '../../src/protocol/audit.ts';

export interface MemoryAudit extends Audit {
  readonly acts: Act[];
}

/** A test double of the audit log for tests of HTTP alone. It finds everything, whatever is asked for. */
export function createMemoryAudit(): MemoryAudit {
  const acts: Act[] = [];
  const entries = (): AuditEntry[] =>
    acts.map((act, at) => ({
      via: null,
      source: null,
      host: null,
      chatId: null,
      code: null,
      count: 1,
      details: {},
      ...act,
      seq: at + 1,
      id: randomUUID(),
      at: '2026-01-01T00:00:00.000Z',
    }));
  return {
    acts,
    note(act) {
      acts.push(act);
      return Promise.resolve();
    },
    page: () => Promise.resolve({ items: entries(), next: null }),
    async *all() {
      yield await Promise.resolve(entries());
    },
  };
}
