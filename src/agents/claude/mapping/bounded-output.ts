/**
 * A tool may return hundreds of megabytes. What goes into the log is bounded, and shows where something is missing: a
 * truncated text ends with a sentence, and a truncated object contains `truncated: true`.
 */
import { asRecord, isRecord } from './loose-json.ts';

/** The limit of one text, or of one serialized output, in UTF-16 units. */
export const maxOutputLength = 256 * 1024;

const maxDepth = 64;
// An entry costs at least its punctuation, so that even empty entries are bounded.
const entryCost = 8;
const shortBase64 = 1024;

export function cutText(text: string, maxLength: number = maxOutputLength): string {
  if (text.length <= maxLength) return text;
  const kept = text.slice(0, maxLength).replace(/[\ud800-\udbff]$/, '');
  return `${kept}\n[truncated: ${text.length - kept.length} of ${text.length} characters are left out]`;
}

/** Bounds the value, and leaves out image bytes: those are in the call's content. */
export function boundOutput(value: unknown): unknown {
  let left = maxOutputLength;
  let truncated = false;

  function text(whole: string): string {
    const cut = cutText(whole, Math.max(left, 0));
    left -= whole.length;
    if (cut !== whole) truncated = true;
    return cut;
  }

  function bound(part: unknown, depth: number): unknown {
    left -= entryCost;
    if (typeof part === 'string') return text(part);
    if (typeof part !== 'object' || part === null) return part;
    if (depth >= maxDepth) {
      truncated = true;
      return '[truncated: nested too deeply]';
    }
    if (Array.isArray(part)) {
      const list: unknown[] = [];
      for (const entry of part as readonly unknown[]) {
        if (left <= 0) {
          truncated = true;
          list.push(`[truncated: ${part.length - list.length} of ${part.length} entries are left out]`);
          break;
        }
        list.push(bound(entry, depth + 1));
      }
      return list;
    }
    const entries: [string, unknown][] = [];
    for (const [key, entry] of Object.entries(part)) {
      if (left <= 0) {
        truncated = true;
        break;
      }
      left -= key.length;
      const bytes = isBase64Field(asRecord(part), key) && typeof entry === 'string' && entry.length > shortBase64;
      entries.push([key, bytes ? `[${entry.length} characters of base64 are left out]` : bound(entry, depth + 1)]);
    }
    // Not by assignment, because a key may be `__proto__`.
    return Object.fromEntries(entries);
  }

  const bounded = bound(value, 0);
  return truncated && isRecord(bounded) ? { ...bounded, truncated: true } : bounded;
}

function isBase64Field(owner: Readonly<Record<string, unknown>>, key: string): boolean {
  if (key === 'base64') return true;
  return key === 'data' && (owner['type'] === 'base64' || typeof owner['mimeType'] === 'string');
}
