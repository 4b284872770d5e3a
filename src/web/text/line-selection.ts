/** Lines of one version of a file, within one hunk, to be commented on. */
import type { Comment } from './comment-text.ts';
import type { ChangeLine, Hunk } from './unified-diff.ts';

export type Side = 'before' | 'after';

export interface Selection {
  side: Side;
  /** The hunk's index. */
  hunk: number;
  /** The line where it began, and the one where it was extended to. */
  anchor: number;
  head: number;
}

export const firstOf = ({ anchor, head }: Selection): number => Math.min(anchor, head);
export const lastOf = ({ anchor, head }: Selection): number => Math.max(anchor, head);

export const sideOf = ({ kind }: ChangeLine): Side => (kind === 'removed' ? 'before' : 'after');

export function isSelected(line: ChangeLine, side: Side, selection: Selection | undefined): boolean {
  const number = line[side];
  if (!selection || selection.side !== side || number === undefined) return false;
  return firstOf(selection) <= number && number <= lastOf(selection);
}

const linesOn = (hunk: Hunk, side: Side): ChangeLine[] => hunk.lines.filter((line) => line[side] !== undefined);

const textOn = (line: ChangeLine, side: Side): string =>
  side === 'before' ? (line.textBefore ?? line.text) : line.text;

/** The selected lines of code. */
export function codeOf(hunks: readonly Hunk[], selection: Selection): string {
  const hunk = hunks.find(({ index }) => index === selection.hunk);
  if (!hunk) return '';
  const lines = linesOn(hunk, selection.side).filter((line) => isSelected(line, selection.side, selection));
  return lines.map((line) => textOn(line, selection.side)).join('\n');
}

/** The next line from where the selection ends, on its side and in its hunk. */
export function extended(hunks: readonly Hunk[], selection: Selection, step: 1 | -1): Selection {
  const hunk = hunks.find(({ index }) => index === selection.hunk);
  const numbers = hunk ? linesOn(hunk, selection.side).map((line) => line[selection.side]!) : [];
  const next = numbers[numbers.indexOf(selection.head) + step];
  return next === undefined ? selection : { ...selection, head: next };
}

/** Another single line, before or after this one; the first or last changed one without any. */
export function moved(hunks: readonly Hunk[], selection: Selection | undefined, step: 1 | -1): Selection | undefined {
  const all = hunks.flatMap((hunk) => hunk.lines.map((line) => ({ line, hunk: hunk.index })));
  let at: number;
  if (selection) {
    at = all.findIndex(({ line, hunk }) => hunk === selection.hunk && line[selection.side] === selection.head) + step;
  } else {
    const isChanged = ({ line }: { line: ChangeLine }): boolean => line.kind !== 'same';
    at = step === 1 ? all.findIndex(isChanged) : all.findLastIndex(isChanged);
  }
  const found = all[at];
  if (!found) return selection;
  const side = sideOf(found.line);
  const number = found.line[side]!;
  return { side, hunk: found.hunk, anchor: number, head: number };
}

/** Where the lines of a comment are now; undefined if they are not among those shown. */
export function placeOf(hunks: readonly Hunk[], comment: Comment): Selection | undefined {
  const { side, first, last, code } = comment;
  const length = last - first;
  let nearest: Selection | undefined;
  for (const hunk of hunks) {
    const lines = linesOn(hunk, side);
    for (let at = 0; at + length < lines.length; at += 1) {
      const start = lines[at]![side]!;
      if (nearest && Math.abs(start - first) >= Math.abs(nearest.anchor - first)) continue;
      const text = lines.slice(at, at + length + 1).map((line) => textOn(line, side));
      if (text.join('\n') === code) nearest = { side, hunk: hunk.index, anchor: start, head: start + length };
    }
  }
  return nearest;
}

/** The comments with the numbers of the lines where those on this file are now; the same ones if nothing has moved. */
export function followed(comments: readonly Comment[], path: string, hunks: readonly Hunk[]): readonly Comment[] {
  let hasMoved = false;
  const next = comments.map((comment) => {
    const place = comment.path === path ? placeOf(hunks, comment) : undefined;
    if (!place || firstOf(place) === comment.first) return comment;
    hasMoved = true;
    return { ...comment, first: firstOf(place), last: lastOf(place) };
  });
  return hasMoved ? next : comments;
}
