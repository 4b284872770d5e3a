/**
 * Reading Markdown can take far longer than its length tells: the reader pads every row of a table to its widest, walks
 * through all brackets of a paragraph for each of them, and calls itself for each level of a list. So what a block would
 * cost is estimated first, in one walk over its lines, and never too low by much.
 */
const maxMarks = 20_000;
const maxDepth = 100;
/** Markers of lists and quotations in one block. */
const maxMarkers = 2_500;
const maxUnderlines = 500;
/** In one paragraph: the reader's time grows with the square of these. */
const maxBrackets = 1_500;
const maxEmphasis = 2_000;
/** What is made for each, apart from what it holds, in marks. */
const blockMarks = 15;
const fenceMarks = 8;
const headingMarks = 4;

const marker = /[ \t]*(?:>|(?:[-*+]|\d{1,9}[.)])(?=[ \t]|$))/y;
const underline = /^[ \t>]*(?:=+|-+)[ \t]*$/;
const delimiters = /^[ \t>|:-]+$/;
const wholeDelimiters = /^\|(?:[ \t]*:?-+:?[ \t]*\|)+[ \t]*$/;
const fenceStart = /^(?:(`{3,})[^`]*|(~{3,}).*)$/;
const fenceEnd = /^ {0,3}(`{3,}|~{3,})[ \t]*$/;
const html = /^ {0,3}</;
const heading = /^ {0,3}#{1,6}[ \t]/;
const item = /^ {0,3}[-*+][ \t]+[^ \t]/;
const brackets = /[[\]]/g;
const emphasis = /[*_~]/g;
const others = /[`&<@\\:]/g;

const count = (text: string, pattern: RegExp): number => text.match(pattern)?.length ?? 0;
const cellsOf = (row: string): number => count(row.replaceAll(/\\./g, ''), /\|/g);

/** How many lines the table has that the block begins with. Only one that is a table beyond doubt. */
function tableLength(lines: readonly string[]): number {
  const [head = '', line = ''] = lines;
  if (!head.startsWith('|') || !/\|[ \t]*$/.test(head.slice(-20)) || !wholeDelimiters.test(line)) return 0;
  if (cellsOf(head) !== cellsOf(line)) return 0;
  const end = lines.findIndex((row) => !row.startsWith('|'));
  return end === -1 ? lines.length : end;
}

/** About how much there is in a block to be made of; Infinity for one that would take longer than anybody waits. */
export function markdownCost(block: string): number {
  const lines = block.split('\n');
  const tableEnd = tableLength(lines);
  let marks = blockMarks;
  let markers = 0;
  let underlines = 0;
  let columns = 0;
  let bracketRun = 0;
  let emphasisRun = 0;
  let fence: string | undefined;
  let hasHtml = false;
  for (const [index, line] of lines.entries()) {
    if (fence !== undefined) {
      // Nothing is looked for in code.
      if (fenceEnd.exec(line)?.[1]?.startsWith(fence) === true) fence = undefined;
      continue;
    }
    // Where a line of HTML stands, or one is indented, what looks like a fence may be none.
    hasHtml ||= html.test(line);
    const opened = hasHtml ? null : fenceStart.exec(line);
    if (opened) {
      fence = opened[1] ?? opened[2];
      marks += fenceMarks;
    }
    const isEmpty = line.trim() === '';
    if (isEmpty) columns = 0;
    if (isEmpty || opened || index < tableEnd || heading.test(line) || item.test(line)) bracketRun = emphasisRun = 0;
    if (isEmpty || opened) continue;

    if (delimiters.test(line) && line.includes('-')) columns = Math.max(columns, count(line, /\|/g) + 1);
    if (underline.test(line)) underlines += 1;
    const { found, end, indent } = containersOf(line);
    markers += found;
    const rest = line.slice(end);
    const inBrackets = count(rest, brackets);
    const inEmphasis = count(rest, emphasis);
    bracketRun += inBrackets;
    emphasisRun += inEmphasis;
    const depth = found + Math.floor(indent / 2);
    marks += 1 + depth + found + columns + inBrackets + inEmphasis + count(rest, others);
    if (heading.test(line)) marks += headingMarks;
    const isTooDeep = depth > maxDepth || markers > maxMarkers || underlines > maxUnderlines;
    if (isTooDeep || marks > maxMarks || bracketRun > maxBrackets || emphasisRun > maxEmphasis) return Infinity;
  }
  return marks;
}

/** The markers of lists and quotations that a line begins with. */
function containersOf(line: string): { found: number; end: number; indent: number } {
  let found = 0;
  let end = 0;
  marker.lastIndex = 0;
  while (marker.test(line)) {
    found += 1;
    end = marker.lastIndex;
  }
  const start = /^[ \t]*/.exec(line)?.[0] ?? '';
  return { found, end, indent: start.length + 3 * count(start, /\t/g) };
}

export interface MarkdownPiece {
  text: string;
  /** False for what is shown word for word. */
  isMarkdown: boolean;
}

/** Blocks that cost too much are shown as they were written, and so is all that comes after as much as one text may cost. */
export function markdownPieces(blocks: readonly string[]): MarkdownPiece[] {
  const pieces: MarkdownPiece[] = [];
  let left = maxMarks;
  for (const [index, text] of blocks.entries()) {
    const cost = markdownCost(text);
    left -= cost === Infinity ? blockMarks : cost;
    if (left < 0) return [...pieces, { text: blocks.slice(index).join(''), isMarkdown: false }];
    pieces.push({ text, isMarkdown: cost !== Infinity });
  }
  return pieces;
}
