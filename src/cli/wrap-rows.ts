/**
 * Texts of strangers, cut into rows by us: each row begins with a mark of ours, so that none can pass for something that
 * we say. A terminal that wrapped by itself would begin a row with the stranger's own characters.
 */
import type { ExactPart } from '../protocol/exact-text.ts';

export interface Margins {
  /** Before the first row, and before those that go on with it. */
  first: string;
  next: string;
  columns: number;
  /** Sets names apart from the text. */
  mark: (name: string) => string;
}

/** Less is not worth wrapping for. */
const fewestCells = 4;

export function wrapRows(parts: readonly ExactPart[], { first, next, columns, mark }: Margins): string[] {
  // The last column stays free: terminals differ in what they do when it is full.
  const roomAfter = (margin: string): number => Math.max(fewestCells, columns - 1 - cellsIn(margin));
  const rows: string[] = [];
  let row = first;
  let room = roomAfter(first);
  const add = (text: string, cells: number, isNamed: boolean): void => {
    if (cells > room) {
      rows.push(row);
      row = next;
      room = roomAfter(next);
    }
    row += isNamed ? mark(text) : text;
    room -= cells;
  };
  const widest = roomAfter(next);
  for (const { text, isNamed } of parts) {
    const cells = cellsIn(text);
    if (cells <= (isNamed ? widest : room)) add(text, cells, isNamed);
    else for (const cluster of text.match(clusters) ?? []) add(cluster, cellsIn(cluster), isNamed);
  }
  return [...rows, row];
}

/** A character with the marks that stand on it. */
const clusters = /[^\p{M}]\p{M}*|\p{M}+/gsu;

/**
 * As many cells as a terminal might use: of what is wide in some and narrow in others, the wide. A row may end early by
 * that, and never late.
 */
export function cellsIn(text: string): number {
  let cells = 0;
  for (const character of text) cells += isNarrow(character.codePointAt(0) ?? 0) ? 1 : 2;
  return cells;
}

const isNarrow = (code: number): boolean =>
  code < 0x1100 ||
  (code >= 0x1e00 && code < 0x2000) ||
  (code >= 0x2400 && code <= 0x2426) ||
  code === 0x27e8 ||
  code === 0x27e9;
