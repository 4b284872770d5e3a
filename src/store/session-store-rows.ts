import type { FoldSummary, SessionKey, SessionStoreEntry } from '../protocol/session-store.ts';
import { BooError } from '../protocol/error.ts';

/** A key as stored in the columns. */
export interface KeyColumns {
  key: SessionKey;
  project: string;
  session: string;
  /** '' for the main transcript. */
  subpath: string;
  /** The key of the session's lock. */
  lock: string;
}

/** Without duplicate uuids. */
export type Batch = { entry: SessionStoreEntry; json: string; uuid: string | null }[];

export function toColumns(key: SessionKey): KeyColumns {
  if (key.subpath === '') {
    throw new BooError('invalid_request', 'A subpath must not be empty: leave it out for the main transcript.', {
      details: { field: 'subpath' },
    });
  }
  const project = toColumn(key.projectKey);
  const session = toColumn(key.sessionId);
  return { key, project, session, subpath: toColumn(key.subpath ?? ''), lock: JSON.stringify([project, session]) };
}

export function toBatch(entries: SessionStoreEntry[]): Batch {
  const uuids = new Set<string>();
  const batch: Batch = [];
  for (const entry of entries) {
    // An empty one means none.
    const uuid = typeof entry.uuid === 'string' && entry.uuid !== '' ? toColumn(entry.uuid) : null;
    if (uuid !== null && uuids.has(uuid)) continue;
    if (uuid !== null) uuids.add(uuid);
    batch.push({ entry, json: JSON.stringify(entry), uuid });
  }
  return batch;
}

/** As one text each, so that a batch of any size is two parameters. Neither JSON nor a stored uuid contains a newline. */
export function entriesOf(batch: Batch): string {
  return batch.map(({ json }) => json).join('\n');
}

export function uuidsOf(batch: Batch): string {
  return batch.map(({ uuid }) => uuid ?? '').join('\n');
}

/** The summary's new JSON text. Its mtime is stamped by the database. */
export function fold(
  foldSummary: FoldSummary,
  { key }: KeyColumns,
  known: string | undefined,
  entries: SessionStoreEntry[],
): string {
  const previous =
    known === undefined
      ? undefined
      : { sessionId: key.sessionId, mtime: 0, data: JSON.parse(known) as Record<string, unknown> };
  return JSON.stringify(foldSummary(previous, key, entries).data);
}

/** Encodes any string reversibly as text that Postgres accepts: the inside of a JSON string. */
export function toColumn(value: string): string {
  return JSON.stringify(value).slice(1, -1);
}

export function fromColumn(value: string): string {
  return JSON.parse(`"${value}"`) as string;
}

export function text(row: Buffer[] | undefined, index: number): string {
  const value = row?.[index];
  if (value === undefined) throw new Error('The database returned an answer without the expected columns.');
  return value.toString('utf8');
}
