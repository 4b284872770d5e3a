/**
 * Text as somebody has to judge it: what is not seen, what looks like blank paper and what looks like something else is
 * named in its place, `⟨U+200B⟩`, `⟨24 spaces⟩`, `⟨а U+0430 like a⟩`. Nothing is left out, and a text of one script that
 * pretends to nothing stays as it is. The browser and the command line show the same.
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
  /** What stands in the place of a character that is not seen as itself. */
  isNamed: boolean;
}

export interface ExactOptions {
  /** Words for people, which are not run: typographic quotes and dashes belong there. */
  isProse?: boolean;
}

const plainAscii = /^[\n -~]*$/;

/** The parts of a text, in order: the text itself, and names in the place of what would mislead. */
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

/** For reading what was done already: only what is not seen is named. */
export const unseenParts = (text: string): ExactPart[] => partsOf(text, namedUnseen(text));

function partsOf(text: string, named: Named[]): ExactPart[] {
  const parts: ExactPart[] = [];
  let at = 0;
  for (const { start, end, name } of named.toSorted((a, b) => a.start - b.start || b.end - a.end)) {
    // What two rules name is named by the one that came first.
    if (start < at) continue;
    if (start > at) parts.push({ text: text.slice(at, start), isNamed: false });
    parts.push({ text: name, isNamed: true });
    at = end;
  }
  if (at < text.length) parts.push({ text: text.slice(at), isNamed: false });
  return parts;
}

/** As `exactParts`, line by line. */
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

/** On one line, of at most so many characters; where some are missing, it says how many. */
export function exactLine(text: string, maxLength: number, options?: ExactOptions): ExactPart[] {
  // No half of a character is left.
  const length = /[\ud800-\udbff]/.test(text[maxLength - 1] ?? '') ? maxLength - 1 : maxLength;
  const parts = exactParts(text.slice(0, length), options).map((part): ExactPart => {
    if (!part.isNamed) return { text: part.text.replaceAll('\n', '␊'), isNamed: false };
    // Who makes one line of several writes it so.
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

/** Fields of tools that are written into a file or read by somebody, and not run. */
export const isProseField = (name: string): boolean => proseFields.has(name);
