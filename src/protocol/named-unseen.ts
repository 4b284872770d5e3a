import { codePoint, type Named, unseenName } from './named.ts';

/**
 * Controls, format characters, blanks other than the space, fillers, variation selectors, tags, private and unassigned
 * characters, and patterns of Braille and others without a dot; in runs of the same one. The brackets and pictures used
 * in names are named too, so that no text can pass for a name.
 */
const unseen =
  /(?![ \n])([\p{Cc}\p{Cf}\p{Zs}\p{Zl}\p{Zp}\p{Surrogate}\p{Co}\p{Cn}\p{Default_Ignorable_Code_Point}\u2800\ufffc\u{1d159}\u{13441}\u{13442}⟨⟩\u2400-\u2426])\1*/gu;

/** Combining marks: a run of them, with the preceding character. */
const marks = /(?<before>^|[^\p{M}])(?<marks>\p{M}+)/gu;
const overlay = /[\u0334-\u0338]|\u0488|\u0489|[\u20d0-\u20ff]/u;
const usualMarks = 4;

export function namedUnseen(text: string): Named[] {
  const named: Named[] = [];
  for (const { 0: run, 1: character = '', index } of text.matchAll(unseen)) {
    named.push({ start: index, end: index + run.length, name: runName(character, run.length / character.length) });
  }
  for (const { groups, index } of text.matchAll(marks)) {
    const { before = '', marks: run = '' } = groups ?? {};
    const hasBase = /[\p{L}\p{N}]/u.test(before) && !/[0-9]/.test(before);
    let at = index + before.length;
    let place = 0;
    for (const { 0: same, 1: mark = '' } of run.matchAll(/(.)\1*/gu)) {
      const count = same.length / mark.length;
      const usual = hasBase && !overlay.test(mark) ? Math.min(count, Math.max(0, usualMarks - place)) : 0;
      const start = at + usual * mark.length;
      place += count;
      at += same.length;
      if (start < at) named.push({ start, end: at, name: runName(mark, count - usual) });
    }
  }
  return named;
}

const runName = (character: string, count: number): string =>
  count <= 3 ? unseenName(character).repeat(count) : `⟨${codePoint(character)} ×${count}⟩`;
