/**
 * Untrusted texts, wrapped into rows by us: each row starts with our own mark, so none can pass for our own output. A
 * terminal's own wrapping would start a row with the stranger's characters.
 */
import type { ExactPart } from '../protocol/exact-text.ts';

export interface Margins {
  /** Before the first row, and before those that continue it. */
  first: string;
  next: string;
  columns: number;
  /** Sets names apart from the text. */
  mark: (name: string) => string;
}

/** Narrower than this is not worth wrapping for. */
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

/** A character with its marks. */
const clusters = /[^\p{M}]\p{M}*|\p{M}+/gsu;

/**
 * As many cells as any terminal might use: the wider width if terminals differ. A row may end early, but never late.
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
