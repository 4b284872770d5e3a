import type { Style } from './style.ts';

export interface Cell {
  text: string;
  format?: Parameters<Style>[0];
}

/** Rows as lines with aligned columns. Cells hold plain text of one line. */
export function tableText(rows: readonly (readonly Cell[])[], style: Style): string {
  const widths: number[] = [];
  for (const row of rows) {
    for (const [at, cell] of row.entries()) widths[at] = Math.max(widths[at] ?? 0, lengthOf(cell.text));
  }
  const lines = rows.map((row) =>
    row
      .map(({ text, format }, at) => {
        const gap = at === row.length - 1 ? '' : ' '.repeat((widths[at] ?? 0) - lengthOf(text) + 2);
        return (format === undefined ? text : style(format, text)) + gap;
      })
      .join(''),
  );
  return lines.map((line) => `${line.trimEnd()}\n`).join('');
}

function lengthOf(text: string): number {
  return Array.from(text).length;
}

/** How long ago, in the largest unit that fits: `42s`, `5m`, `3h`, `12d`. */
export function ageText(at: string, nowMs: number): string {
  const seconds = Math.max(0, Math.round((nowMs - Date.parse(at)) / 1000));
  if (seconds < 60) return `${seconds}s`;
  if (seconds < 3600) return `${Math.floor(seconds / 60)}m`;
  if (seconds < 86_400) return `${Math.floor(seconds / 3600)}h`;
  return `${Math.floor(seconds / 86_400)}d`;
}

/** The shortest prefixes, of eight characters or more, that distinguish the ids. */
export function shortIds(ids: readonly string[]): Map<string, string> {
  for (let length = 8; ; length += 1) {
    const short = new Map(ids.map((id) => [id, id.slice(0, length)]));
    if (new Set(short.values()).size === short.size) return short;
  }
}
