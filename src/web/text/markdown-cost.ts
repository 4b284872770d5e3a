/**
 * Parsing Markdown can take far longer than its length suggests: the parser pads every table row to the widest, scans all
 * brackets of a paragraph for each one, and recurses for each level of a list. So the cost of a block is estimated first,
 * in one pass over its lines, and never far too low.
 */
const maxMarks = 20_000;
const maxDepth = 100;
/** The most list and quote markers in one block. */
const maxMarkers = 2_500;
const maxUnderlines = 500;
/** The most brackets and emphasis marks in one paragraph: parse time grows with their square. */
const maxBrackets = 1_500;
const maxEmphasis = 2_000;
/** The cost of each element besides its content, in characters. */
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

/** The number of rows of the table that starts the block; 0 unless it certainly is a table. */
function tableLength(lines: readonly string[]): number {
  const [head = '', line = ''] = lines;
  if (!head.startsWith('|') || !/\|[ \t]*$/.test(head.slice(-20)) || !wholeDelimiters.test(line)) return 0;
  if (cellsOf(head) !== cellsOf(line)) return 0;
  const end = lines.findIndex((row) => !row.startsWith('|'));
  return end === -1 ? lines.length : end;
}

/** The estimated cost of a block; Infinity if parsing it would take longer than anyone waits. */
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
      // Code is not parsed.
      if (fenceEnd.exec(line)?.[1]?.startsWith(fence) === true) fence = undefined;
      continue;
    }
    // Next to HTML or indentation, what looks like a fence may not be one.
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

/** The list and quote markers at the start of a line. */
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
  /** False for text shown as written. */
  isMarkdown: boolean;
}

/** Blocks that cost too much are shown as written, as is everything after the limit for one text is reached. */
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
