import type { AuditEntry, AuditQuery } from '../protocol/audit.ts';
import { type LinesOptions, readLines } from './lines.ts';
import type { Wire } from './request.ts';

/** All entries of the audit log that match, as they arrive. Throws if they are cut off. */
export async function* readAuditEntries(
  wire: Wire,
  query: Omit<AuditQuery, 'limit'>,
  options: Pick<LinesOptions, 'silenceMs' | 'signal'>,
): AsyncGenerator<AuditEntry, void, undefined> {
  for await (const line of readLines(wire, '/v1/audit', { ...options, query: { ...query }, what: 'audit log' })) {
    yield JSON.parse(line) as AuditEntry;
  }
}
