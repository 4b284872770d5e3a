/** A hunk as it is shown: with changed words, in one column or two, with or without changes of white space. */
import { diffArrays } from 'diff';
import type { ChangeLine, Hunk } from './unified-diff.ts';
import { blocksOf, pairLines, type Range, wordMarks } from './word-marks.ts';

export interface ShownLine extends ChangeLine {
  /** The words that have changed. */
  marks: readonly Range[];
}

export interface SplitRow {
  left: ShownLine | undefined;
  right: ShownLine | undefined;
}

export interface ShownHunk {
  index: number;
  heading: string;
  lines: ShownLine[];
  rows: SplitRow[];
}

export function showHunk({ index, heading, lines }: Hunk): ShownHunk {
  const shown: ShownLine[] = lines.map((line) => ({ ...line, marks: [] }));
  const rows: SplitRow[] = [];
  let at = 0;
  const untilLine = (end: number): void => {
    for (; at < end; at += 1) rows.push({ left: shown[at], right: shown[at] });
  };
  for (const { start, removed, added } of blocksOf(lines)) {
    untilLine(start);
    const left = shown.slice(start, start + removed.length);
    const right = shown.slice(start + removed.length, start + removed.length + added.length);
    at = start + removed.length + added.length;
    let [leftAt, rightAt] = [0, 0];
    const fill = (leftEnd: number, rightEnd: number): void => {
      while (leftAt < leftEnd || rightAt < rightEnd) {
        rows.push({
          left: leftAt < leftEnd ? left[leftAt++] : undefined,
          right: rightAt < rightEnd ? right[rightAt++] : undefined,
        });
      }
    };
    const texts = [removed, added].map((side) => side.map(({ text }) => text)) as [string[], string[]];
    for (const [one, other] of pairLines(...texts)) {
      fill(one, other);
      const marks = wordMarks(left[one]!.text, right[other]!.text);
      left[one]!.marks = marks.before;
      right[other]!.marks = marks.after;
      fill(one + 1, other + 1);
    }
    fill(left.length, right.length);
  }
  untilLine(shown.length);
  return { index, heading, lines: shown, rows };
}

const withoutBlanks = (text: string): string => text.replace(/\s+/g, '');

/** Without lines that differ only in blanks, and without hunks that are nothing else. */
export function hideBlanks(hunks: readonly Hunk[]): { hunks: Hunk[]; hidden: number } {
  let hidden = 0;
  const left = hunks.map((hunk) => {
    const blocks = new Map(blocksOf(hunk.lines).map((block) => [block.start, block]));
    const lines: ChangeLine[] = [];
    for (let at = 0; at < hunk.lines.length;) {
      const block = blocks.get(at);
      if (!block) {
        lines.push(hunk.lines[at++]!);
        continue;
      }
      at += block.removed.length + block.added.length;
      const alike = alikeLines(block.removed, block.added);
      hidden += alike.filter(({ kind }) => kind === 'same').length;
      lines.push(...alike);
    }
    return { ...hunk, lines };
  });
  return { hunks: left.filter(({ lines }) => lines.some(({ kind }) => kind !== 'same')), hidden };
}

function alikeLines(removed: readonly ChangeLine[], added: readonly ChangeLine[]): ChangeLine[] {
  const bare = (lines: readonly ChangeLine[]): string[] => lines.map(({ text }) => withoutBlanks(text));
  const parts = diffArrays(bare(removed), bare(added), { maxEditLength: 1_000 });
  if (!parts) return [...removed, ...added];
  const lines: ChangeLine[] = [];
  let [left, right] = [0, 0];
  for (const { value, added: isAdded, removed: isRemoved } of parts) {
    for (let count = 0; count < value.length; count += 1) {
      if (isAdded) lines.push(added[right++]!);
      else if (isRemoved) lines.push(removed[left++]!);
      else {
        const now = added[right++]!;
        const { before, text } = removed[left++]!;
        lines.push({ ...now, kind: 'same', before: before!, ...(text !== now.text && { textBefore: text }) });
      }
    }
  }
  return lines;
}
