/**
 * The rows of a card at a terminal. Every row of untrusted text starts with a mark: `│` at the start of one of its
 * lines, `┆` where a line continues. Rows without a mark are ours.
 */
import type { ExactPart } from '../protocol/exact-text.ts';
import type { Style } from './style.ts';
import { wrapRows } from './wrap-rows.ts';

/** How rows look, and how wide they may be. */
export interface Paper {
  style: Style;
  columns: number;
}

export const plain = (text: string): ExactPart => ({ text, isNamed: false });

export const markOf =
  (style: Style) =>
  (name: string): string =>
    style('yellow', name);

export function row(
  parts: readonly ExactPart[],
  { style, columns }: Paper,
  margin: string,
  next = `${margin}┆ `,
): string[] {
  return wrapRows(parts, { first: margin, next, columns, mark: markOf(style) });
}

/** Rows as they are printed. */
export const rowsText = (rows: readonly string[]): string => rows.map((text) => `${text}\n`).join('');
