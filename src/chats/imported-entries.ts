import type { SessionStoreEntry } from '../protocol/session-store.ts';
import { createJsonScan, type JsonBounds } from '../lib/json-scan.ts';
import { BooError } from '../protocol/error.ts';

/** The limits for all lines together: generous for real transcripts, but small enough to process quickly and safely. */
const bounds: JsonBounds = { nodes: 200_000, depth: 500 };

/** The entries on these lines of a transcript. Throws `invalid_request` for a line that holds none. */
export function parseEntries(lines: readonly string[]): SessionStoreEntry[] {
  const scan = createJsonScan(bounds);
  return lines.flatMap((line, index) => {
    const refuse = (problem: string): never => {
      throw new BooError('invalid_request', `lines[${index}]: ${problem}`, { details: { field: `lines[${index}]` } });
    };
    const excess = scan(Buffer.from(line));
    if (excess === 'nodes')
      refuse(`contains, together with those before it, more than ${bounds.nodes} values: send fewer at a time`);
    const entry = excess === undefined ? parseEntry(line) : undefined;
    if (entry === undefined) return refuse('is not an entry of a transcript');
    // The agent's records of its own requests: large, useless for resuming, and never stored.
    return entry.type.startsWith('api-request') ? [] : [entry];
  });
}

function parseEntry(line: string): SessionStoreEntry | undefined {
  try {
    const value: unknown = JSON.parse(line);
    return isEntry(value) ? value : undefined;
  } catch {
    return undefined;
  }
}

function isEntry(value: unknown): value is SessionStoreEntry {
  return typeof (value as { type?: unknown } | null)?.type === 'string';
}
