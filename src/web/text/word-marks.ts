/** Which words have changed within a line, and which removed line became which added one. */
import { diffArrays } from 'diff';
import type { ChangeLine } from './unified-diff.ts';

/** From a character of the line to the one after the last. */
export type Range = readonly [start: number, end: number];

const words = /[\p{L}\p{N}_]+|\s+|[^]/gu;
/** Longer lines are marked as a whole: comparing them takes too long, and says little. */
const maxLength = 1_000;
const maxEditLength = 200;
/** In larger blocks only as many lines as were there before are compared. */
const maxBlock = 40;
/** How much two lines must have in common to be the same one, changed. */
const leastAlike = 0.4;

/** The parts of both texts that differ. Empty if nearly everything does, or nothing. */
export function wordMarks(before: string, after: string): { before: Range[]; after: Range[] } {
  const none = { before: [], after: [] };
  if (before.length > maxLength || after.length > maxLength) return none;
  const parts = diffArrays(before.match(words) ?? [], after.match(words) ?? [], { maxEditLength });
  if (!parts) return none;
  const marks: { before: Range[]; after: Range[] } = { before: [], after: [] };
  let [left, right, common] = [0, 0, 0];
  for (const { value, added, removed } of parts) {
    const text = value.join('');
    if (added) {
      mark(marks.after, after, right, right + text.length);
      right += text.length;
    } else if (removed) {
      mark(marks.before, before, left, left + text.length);
      left += text.length;
    } else {
      common += text.replace(/\s+/g, '').length;
      left += text.length;
      right += text.length;
    }
  }
  const whole = Math.max(before.replace(/\s+/g, '').length, after.replace(/\s+/g, '').length);
  return common < whole * 0.25 ? none : marks;
}

/** Joins what only blanks are between. */
function mark(ranges: Range[], text: string, start: number, end: number): void {
  const last = ranges.at(-1);
  if (last && text.slice(last[1], start).trim() === '') ranges[ranges.length - 1] = [last[0], end];
  else ranges.push([start, end]);
}

/** Pairs of a removed and an added line that are alike, in order on both sides. */
export function pairLines(removed: readonly string[], added: readonly string[]): [number, number][] {
  if (removed.length > maxBlock || added.length > maxBlock) {
    return removed.length === added.length ? removed.map((_, at) => [at, at]) : [];
  }
  const bags = [removed, added].map((side) => side.map((text) => text.slice(0, maxLength).match(words) ?? []));
  // The best sum of all pairs, from each pair of places to the end.
  const best = Array.from({ length: removed.length + 1 }, () => Array.from({ length: added.length + 1 }, () => 0));
  const alike = removed.map((_, left) => added.map((__, right) => likeness(bags[0]![left]!, bags[1]![right]!)));
  for (let left = removed.length - 1; left >= 0; left -= 1) {
    for (let right = added.length - 1; right >= 0; right -= 1) {
      const both = alike[left]![right]!;
      const paired = both < leastAlike ? 0 : both + best[left + 1]![right + 1]!;
      best[left]![right] = Math.max(paired, best[left + 1]![right]!, best[left]![right + 1]!);
    }
  }
  const pairs: [number, number][] = [];
  for (let left = 0, right = 0; left < removed.length && right < added.length;) {
    const here = best[left]![right]!;
    if (here === best[left + 1]![right]) left += 1;
    else if (here === best[left]![right + 1]) right += 1;
    else pairs.push([left++, right++]);
  }
  return pairs;
}

/** From 0 to 1: how many words both have, of all words. */
function likeness(one: readonly string[], other: readonly string[]): number {
  const counts = new Map<string, number>();
  const isWord = (word: string): boolean => word.trim() !== '';
  let total = 0;
  for (const word of one) {
    if (!isWord(word)) continue;
    total += word.length;
    counts.set(word, (counts.get(word) ?? 0) + 1);
  }
  let common = 0;
  for (const word of other) {
    if (!isWord(word)) continue;
    total += word.length;
    const left = counts.get(word) ?? 0;
    if (left === 0) continue;
    counts.set(word, left - 1);
    common += 2 * word.length;
  }
  return total === 0 ? 0 : common / total;
}

/** Lines that changed together: those removed, and those added in their place. */
export interface Block {
  start: number;
  removed: ChangeLine[];
  added: ChangeLine[];
}

export function blocksOf(lines: readonly ChangeLine[]): Block[] {
  const blocks: Block[] = [];
  for (let at = 0; at < lines.length;) {
    if (lines[at]!.kind === 'same') {
      at += 1;
      continue;
    }
    const block: Block = { start: at, removed: [], added: [] };
    for (; lines[at]?.kind === 'removed'; at += 1) block.removed.push(lines[at]!);
    for (; lines[at]?.kind === 'added'; at += 1) block.added.push(lines[at]!);
    blocks.push(block);
  }
  return blocks;
}
