/** What people did, as the audit log tells it. */
import { z } from 'zod';
import { roles } from './principal.ts';

export const auditOutcomes = ['done', 'refused', 'failed'] as const;

export const auditEntry = z
  .object({
    /** Grows with every entry; a cursor for `after`. */
    seq: z.number(),
    id: z.string(),
    /** By the database's clock. */
    at: z.string(),
    /** Who did it; null if nobody was identified. */
    person: z.object({ id: z.string(), name: z.string(), role: z.enum(roles) }).nullable(),
    /** What their client calls itself. */
    via: z.string().nullable(),
    /** The address that the request came from; for IPv6 its network. */
    source: z.string().nullable(),
    /** The name of the server that was asked. */
    host: z.string().nullable(),
    /** The operation's id, as in this document, or something that happens without a request of its own. */
    act: z.string(),
    chatId: z.string().nullable(),
    /** `refused` with a code; `failed` if the server could not do it, or nobody knows whether it did. */
    outcome: z.enum(auditOutcomes),
    code: z.string().nullable(),
    /** How many of the same the entry stands for. */
    count: z.number(),
    /** A few facts: names of fields, ids, settings. Never text that people or agents wrote. */
    details: z.record(z.string(), z.unknown()),
  })
  .meta({ id: 'AuditEntry' });
export type AuditEntry = z.infer<typeof auditEntry>;

export const auditPage = z
  .object({ items: z.array(auditEntry), next: z.string().nullable() })
  .meta({ id: 'AuditPage' });
export type AuditPage = z.infer<typeof auditPage>;

export const auditOrders = ['newest', 'oldest'] as const;

export interface AuditQuery {
  /** A day or an ISO time; inclusive. */
  from?: string | undefined;
  /** Exclusive. */
  to?: string | undefined;
  /** An id, or a name in any case. */
  person?: string | undefined;
  chat?: string | undefined;
  act?: string | undefined;
  outcome?: (typeof auditOutcomes)[number] | undefined;
  order?: (typeof auditOrders)[number] | undefined;
  /** The `next` of the page before, or the `seq` of an entry. */
  after?: string | undefined;
  limit?: number | undefined;
}
