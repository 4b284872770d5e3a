import type { SessionStoreEntry } from '@anthropic-ai/claude-agent-sdk';
import { BooError } from '../protocol/error.ts';

/** Deeper than any entry is, and far from where code that goes through it by recursion breaks. */
const maxDepth = 500;

/** The entries on these lines of a transcript. Throws `invalid_request` for a line that holds none. */
export function parseEntries(lines: readonly string[]): SessionStoreEntry[] {
  return lines.flatMap((line, index) => {
    const entry = parseEntry(line);
    if (entry === undefined) {
      throw new BooError('invalid_request', `lines[${index}]: is not an entry of a transcript`, {
        details: { field: `lines[${index}]` },
      });
    }
    // The agent's records of its own requests: large, of no use to a resume, and never stored.
    return entry.type.startsWith('api-request') ? [] : [entry];
  });
}

function parseEntry(line: string): SessionStoreEntry | undefined {
  try {
    const value: unknown = JSON.parse(line);
    return isEntry(value) && !isTooDeep(value) ? value : undefined;
  } catch {
    return undefined;
  }
}

function isEntry(value: unknown): value is SessionStoreEntry {
  return typeof value === 'object' && value !== null && 'type' in value && typeof value.type === 'string';
}

/** Goes level by level: a recursion would itself break. */
function isTooDeep(value: object): boolean {
  let level: object[] = [value];
  for (let depth = 1; level.length > 0; depth += 1) {
    if (depth > maxDepth) return true;
    level = level.flatMap((node) => Object.values(node).filter((child) => typeof child === 'object' && child !== null));
  }
  return false;
}
