import { randomUUID } from 'node:crypto';
import type { OpenLink, ShareLinksApi } from '../../src/people/share-links.ts';

export interface MemoryShareLinks extends ShareLinksApi {
  /** Valid links by their secrets. */
  readonly open: Map<string, OpenLink>;
  add(chatId: string, how?: { untilSeq?: number; leftMs?: number }): string;
}

/** A test double for tests of HTTP alone. */
export function createMemoryShareLinks(): MemoryShareLinks {
  const open = new Map<string, OpenLink>();
  const observers = new Set<(chatId: string) => void>();
  const at = '2027-01-01T00:00:00.000Z';
  return {
    open,
    add(chatId, { untilSeq, leftMs = 3_600_000 } = {}) {
      const secret = `boolink_${String(open.size).padStart(43, 'x')}`;
      const digest = `digest ${open.size}`;
      open.set(secret, { id: randomUUID(), digest, chatId, untilSeq: untilSeq ?? null, leftMs, isStale: false });
      return secret;
    },
    create({ id, name }, chatId, { until }) {
      const secret = this.add(chatId, until === undefined ? {} : { untilSeq: until });
      const link = { createdBy: { id, name }, createdAt: at, expiresAt: at, until: until ?? null, lastUsedAt: null };
      return Promise.resolve({ link: { id: open.get(secret)!.id, ...link }, secret });
    },
    list: () => Promise.resolve([]),
    revoke(chatId, linkId) {
      for (const [secret, { id }] of open) if (id === linkId) open.delete(secret);
      for (const observer of observers) observer(chatId);
      return Promise.resolve();
    },
    find: (secret) => Promise.resolve(open.get(secret)),
    leftMs: ({ id }) => Promise.resolve([...open.values()].find((link) => link.id === id)?.leftMs ?? 0),
    observe(onRevoked) {
      observers.add(onRevoked);
      return () => void observers.delete(onRevoked);
    },
  };
}
