/**
 * Text as a person has to judge it: characters that are invisible or look like empty space, and look-alikes, are named
 * in place, `⟨U+200B⟩`, `⟨24 spaces⟩`, `⟨а U+0430 like a⟩`. Nothing is omitted, and text in one script that imitates
 * nothing stays unchanged. The browser and the command line show the same.
 */
import { countOf } from './count-text.ts';
import { namedBlanks } from './named-blanks.ts';
import { namedHosts } from './named-hosts.ts';
import { namedMarks } from './named-marks.ts';
import { namedWords } from './named-words.ts';
import type { Named } from './named.ts';
import { namedUnseen } from './named-unseen.ts';

export interface ExactPart {
  text: string;
  /** The name shown in place of a character that does not look like itself. */
  isNamed: boolean;
}

export interface ExactOptions {
  /** Prose, which is not executed: typographic quotes and dashes are normal there. */
  isProse?: boolean;
}

const plainAscii = /^[\n -~]*$/;

/** The parts of a text, in order: the text itself, and names in place of what would mislead. */
export function exactParts(text: string, { isProse = false }: ExactOptions = {}): ExactPart[] {
  const named = plainAscii.test(text)
    ? namedBlanks(text)
    : [
        namedBlanks(text),
        namedUnseen(text),
        namedWords(text, isProse),
        namedMarks(text, isProse),
        namedHosts(text),
      ].flat();
  return partsOf(text, named);
}

/** For reading what has already been done: only invisible characters are named. */
export const unseenParts = (text: string): ExactPart[] => partsOf(text, namedUnseen(text));

function partsOf(text: string, named: Named[]): ExactPart[] {
  const parts: ExactPart[] = [];
  let at = 0;
  for (const { start, end, name } of named.toSorted((a, b) => a.start - b.start || b.end - a.end)) {
    // If two rules name the same text, the one that starts first wins.
    if (start < at) continue;
    if (start > at) parts.push({ text: text.slice(at, start), isNamed: false });
    parts.push({ text: name, isNamed: true });
    at = end;
  }
  if (at < text.length) parts.push({ text: text.slice(at), isNamed: false });
  return parts;
}

/** Like `exactParts`, line by line. */
export const exactLines = (text: string, options?: ExactOptions): ExactPart[][] => linesOf(exactParts(text, options));

export function linesOf(parts: readonly ExactPart[]): ExactPart[][] {
  let line: ExactPart[] = [];
  const lines = [line];
  for (const part of parts) {
    if (part.isNamed) {
      line.push(part);
      continue;
    }
    for (const [index, piece] of part.text.split('\n').entries()) {
      if (index > 0) lines.push((line = []));
      if (piece !== '') line.push({ text: piece, isNamed: false });
    }
  }
  return lines;
}

/** On one line, of at most this many characters; if some are missing, it says how many. */
export function exactLine(text: string, maxLength: number, options?: ExactOptions): ExactPart[] {
  // Do not leave half a character.
  const length = /[\ud800-\udbff]/.test(text[maxLength - 1] ?? '') ? maxLength - 1 : maxLength;
  const parts = exactParts(text.slice(0, length), options).map((part): ExactPart => {
    if (!part.isNamed) return { text: part.text.replaceAll('\n', '␊'), isNamed: false };
    // The marker for several lines joined into one.
    return part.text === '⟨U+240A⟩' ? { text: '␊', isNamed: true } : part;
  });
  const left = text.length - length;
  return left > 0 ? [...parts, { text: `⟨… ${countOf(left, 'more character')}⟩`, isNamed: true }] : parts;
}

export const shownText = (parts: readonly ExactPart[]): string => parts.map((part) => part.text).join('');

/** Whether anything in it has to be named. */
export const hasNamed = (text: string, options?: ExactOptions): boolean =>
  exactParts(text, options).some((part) => part.isNamed);

export const lineCount = (text: string): number => text.split('\n').length;

const proseFields = new Set(['content', 'old_string', 'new_string', 'new_source', 'plan', 'prompt', 'description']);

/** Tool fields that are written to a file or read by someone, and not executed. */
export const isProseField = (name: string): boolean => proseFields.has(name);
