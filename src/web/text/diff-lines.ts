export interface DiffLine {
  kind: 'same' | 'added' | 'removed' | 'skipped';
  text: string;
  /** Its number in the file, where that is known: of what was removed in the file before. */
  number?: number;
}

// The table is lines × lines; beyond this the middle is shown as removed and added whole.
const maxCells = 1_000_000;
const contextLines = 3;

/** The lines of a change, with three lines around each; `skipped` stands for what is the same in between. */
export const diffLines = (oldText: string | null, newText: string): DiffLine[] =>
  folded(allLines(oldText === null ? [] : linesOf(oldText), linesOf(newText)));

/**
 * All lines of a change: the one text is the lines that are the same or removed, the other one those that are the same or
 * added, with a line end between each two. A text that ends with a line end has an empty line behind it.
 */
export const changedLines = (oldText: string, newText: string): DiffLine[] =>
  allLines(oldText.split('\n'), newText.split('\n'));

function allLines(before: readonly string[], after: readonly string[]): DiffLine[] {
  let start = 0;
  while (start < before.length && start < after.length && before[start] === after[start]) start += 1;
  let end = 0;
  while (
    end < before.length - start &&
    end < after.length - start &&
    before[before.length - 1 - end] === after[after.length - 1 - end]
  ) {
    end += 1;
  }
  const same = (text: string): DiffLine => ({ kind: 'same', text });
  return [
    ...before.slice(0, start).map(same),
    ...middle(before.slice(start, before.length - end), after.slice(start, after.length - end)),
    ...after.slice(after.length - end).map(same),
  ];
}

function linesOf(text: string): string[] {
  if (text === '') return [];
  return (text.endsWith('\n') ? text.slice(0, -1) : text).split('\n');
}

/** By the longest common subsequence. */
function middle(before: readonly string[], after: readonly string[]): DiffLine[] {
  const removed = (text: string): DiffLine => ({ kind: 'removed', text });
  const added = (text: string): DiffLine => ({ kind: 'added', text });
  const width = after.length + 1;
  if (before.length * after.length > maxCells || before.length === 0 || after.length === 0) {
    return [...before.map(removed), ...after.map(added)];
  }
  const common = new Uint32Array((before.length + 1) * width);
  const at = (row: number, column: number): number => common[row * width + column] ?? 0;
  for (let row = before.length - 1; row >= 0; row -= 1) {
    for (let column = after.length - 1; column >= 0; column -= 1) {
      common[row * width + column] =
        before[row] === after[column]
          ? at(row + 1, column + 1) + 1
          : Math.max(at(row + 1, column), at(row, column + 1));
    }
  }
  const lines: DiffLine[] = [];
  let row = 0;
  let column = 0;
  while (row < before.length || column < after.length) {
    const left = before[row];
    const right = after[column];
    if (left !== undefined && left === right) {
      lines.push({ kind: 'same', text: left });
      row += 1;
      column += 1;
    } else if (left !== undefined && (right === undefined || at(row + 1, column) >= at(row, column + 1))) {
      lines.push(removed(left));
      row += 1;
    } else if (right !== undefined) {
      lines.push(added(right));
      column += 1;
    }
  }
  return lines;
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
