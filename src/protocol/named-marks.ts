import { lookAlike } from './look-alikes.ts';
import { type Named, seenName } from './named.ts';

/** Neither letter nor number, and not ASCII; including those in Latin-1. */
const candidates = /[^\p{L}\p{N}\p{M}\p{C}\p{Z} -\u00ff]|[´\p{Lm}ǀǃ]/gu;
const eastAsian = /[\p{Script=Han}\p{Script=Hiragana}\p{Script=Katakana}\p{Script=Hangul}\u3001-\u303f\uff01-\uff60]/u;
const eastAsianMark = /[\u3000-\u303f\ufe30-\ufe6f\uff01-\uffef]/;
/** From Armenian to N’Ko: their own marks, among their own letters. */
const ownMarks = /[\u0530-\u07ff]/;
const dash = /[-\u2010-\u2015\u2212]/;

/** Punctuation that a shell, host or path treats as an ordinary character, and a reader as something else. */
export function namedMarks(text: string, isProse: boolean): Named[] {
  const named: Named[] = [];
  for (const { 0: character, index } of text.matchAll(candidates)) {
    const seen = lookAlike(character);
    if (seen === undefined) continue;
    const end = index + character.length;
    const place = { before: text[index - 1] ?? '', after: text[end] ?? '', isProse };
    if (misleads(character, seen, place)) named.push({ start: index, end, name: seenName([character]) });
  }
  return named;
}

interface MarkContext {
  before: string;
  after: string;
  isProse: boolean;
}

function misleads(character: string, seen: string, { before, after, isProse }: MarkContext): boolean {
  const isBetween = (kind: RegExp): boolean => kind.test(before) && kind.test(after);
  const isBeside = (kind: RegExp): boolean => kind.test(before) || kind.test(after);
  if (/[A-Za-z0-9]/.test(seen)) return isBeside(/[A-Za-z0-9]/);
  if (eastAsianMark.test(character) && !/[/\\]/.test(seen)) return !isBeside(eastAsian);
  if (ownMarks.test(character)) return !ownMarks.test(before);
  if (/['"`<>]/.test(seen)) return !isProse && !isBetween(/\p{L}/u);
  if (seen === '-') {
    // At the start of an option, each of them can pass for a hyphen.
    if (/^$|[\s'"(]/.test(before) || dash.test(before)) return /[\p{L}\p{N}]/u.test(after) || dash.test(after);
    if (/[\u2014\u2015]/.test(character)) return false;
    if (/[\u2012\u2013]/.test(character)) return !isProse && !isBetween(/\s/) && !isBetween(/\d/);
  }
  return true;
}
