import { diffArrays } from 'diff';

export interface DiffLine {
  kind: 'same' | 'added' | 'removed' | 'skipped';
  text: string;
  /** The line number in the file, if known; of a removed line, in the old file. */
  number?: number;
}

/** The most lines to compare: the work grows with their square. Beyond it, the middle is shown as removed and added. */
const maxEditLength = 1_000;
const contextLines = 3;

/** The changed lines with three lines of context; `skipped` stands for unchanged lines between them. */
export const diffLines = (oldText: string | null, newText: string): DiffLine[] =>
  folded(allLines(oldText === null ? [] : linesOf(oldText), linesOf(newText)));

/**
 * All lines of a change. The unchanged and removed lines joined by newlines give the old text, the unchanged and added
 * lines the new one. A text that ends with a newline has an empty last line.
 */
export const changedLines = (oldText: string, newText: string): DiffLine[] =>
  allLines(oldText.split('\n'), newText.split('\n'));

function allLines(before: readonly string[], after: readonly string[]): DiffLine[] {
  const line =
    (kind: DiffLine['kind']) =>
    (text: string): DiffLine => ({ kind, text });
  const parts = diffArrays([...before], [...after], { maxEditLength });
  if (!parts) {
    const start = commonStart(before, after);
    const end = commonStart(before.slice(start).toReversed(), after.slice(start).toReversed());
    return [
      ...before.slice(0, start).map(line('same')),
      ...before.slice(start, before.length - end).map(line('removed')),
      ...after.slice(start, after.length - end).map(line('added')),
      ...after.slice(after.length - end).map(line('same')),
    ];
  }
  return parts.flatMap(({ value, added, removed }) => value.map(line(added ? 'added' : removed ? 'removed' : 'same')));
}

/** The number of leading lines both have in common. */
function commonStart(before: readonly string[], after: readonly string[]): number {
  const first = before.findIndex((text, index) => text !== after[index]);
  return first === -1 ? before.length : first;
}

function linesOf(text: string): string[] {
  if (text === '') return [];
  return (text.endsWith('\n') ? text.slice(0, -1) : text).split('\n');
}

function folded(lines: readonly DiffLine[]): DiffLine[] {
  const isNear = lines.map(() => false);
  for (const [index, line] of lines.entries()) {
    if (line.kind === 'same') continue;
    for (let near = index - contextLines; near <= index + contextLines; near += 1)
      if (near in isNear) isNear[near] = true;
  }
  const shown: DiffLine[] = [];
  let skipped = 0;
  const close = (): void => {
    if (skipped > 0) shown.push({ kind: 'skipped', text: `${skipped} unchanged ${skipped === 1 ? 'line' : 'lines'}` });
    skipped = 0;
  };
  for (const [index, line] of lines.entries()) {
    if (isNear[index] === true) {
      close();
      shown.push(line);
    } else skipped += 1;
  }
  close();
  return shown;
}
