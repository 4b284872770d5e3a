/** How many lines differ between two texts, as `git diff --numstat` counts them. */
const newline = 0x0a;
/** The work grows with the square of what differs, and with the length of what is equal between. */
const maxDifferences = 2_000;
const maxComparisons = 20_000_000;
/** As in git, what has a NUL early on is no text. */
const sniffed = 8_000;
/** Larger files are shown as binary. */
const maxTextBytes = 10 * 1024 * 1024;

export interface LineCounts {
  added: number;
  removed: number;
}

export const isBinary = (content: Buffer): boolean =>
  content.length > maxTextBytes || content.subarray(0, sniffed).includes(0);

/** Null if too much differs. */
export function countLines(before: Buffer, after: Buffer): LineCounts | null {
  const [one, other] = [linesOf(before), linesOf(after)];
  let start = 0;
  while (start < one.length && start < other.length && one[start] === other[start]) start += 1;
  let end = 0;
  const least = Math.min(one.length, other.length) - start;
  while (end < least && one.at(-1 - end) === other.at(-1 - end)) end += 1;
  const [from, to] = [one.slice(start, one.length - end), other.slice(start, other.length - end)];
  const differences = distance(from, to);
  if (differences === null) return null;
  const added = (differences + to.length - from.length) / 2;
  return { added, removed: differences - added };
}

function linesOf(content: Buffer): string[] {
  const lines: string[] = [];
  for (let from = 0; from < content.length;) {
    const at = content.indexOf(newline, from);
    const end = at < 0 ? content.length : at + 1;
    lines.push(content.toString('latin1', from, end));
    from = end;
  }
  return lines;
}

/** The fewest lines that have to go and come (Myers). */
function distance(from: readonly string[], to: readonly string[]): number | null {
  const [rows, columns] = [from.length, to.length];
  if (rows === 0 || columns === 0) return rows + columns;
  const most = Math.min(rows + columns, maxDifferences);
  const furthest = new Int32Array(2 * most + 3);
  const middle = most + 1;
  let comparisons = 0;
  for (let count = 0; count <= most; count += 1) {
    for (let diagonal = -count; diagonal <= count; diagonal += 2) {
      const [left, right] = [furthest[middle + diagonal - 1]!, furthest[middle + diagonal + 1]!];
      const isDown = diagonal === -count || (diagonal !== count && left < right);
      let row = isDown ? right : left + 1;
      while (row < rows && row - diagonal < columns && from[row] === to[row - diagonal]) {
        row += 1;
        if ((comparisons += 1) > maxComparisons) return null;
      }
      furthest[middle + diagonal] = row;
      if (row >= rows && row - diagonal >= columns) return count;
    }
  }
  return null;
}
