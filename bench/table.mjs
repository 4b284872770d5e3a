import { readFileSync, writeFileSync } from 'node:fs';
import { fileURLToPath } from 'node:url';

const page = new URL('../docs/benchmarks.md', import.meta.url);

export function goal(what, value, sign, limit) {
  const reached = sign === '≥' ? value >= limit : sign === '<' ? value < limit : value <= limit;
  return { what, value, sign, limit, reached };
}

/** A Markdown table; the last `numbers` columns are numeric. */
export function aligned(lines, numbers = 2) {
  const widths = lines[0].map((_, column) => Math.max(...lines.map((cells) => cells[column].length)));
  const isNumber = (column) => column >= lines[0].length - numbers;
  const text = (cells) =>
    `| ${cells.map((cell, at) => (isNumber(at) ? cell.padStart(widths[at]) : cell.padEnd(widths[at]))).join(' | ')} |`;
  const rule = `|${widths.map((width, at) => (isNumber(at) ? `${'-'.repeat(width + 1)}:` : '-'.repeat(width + 2))).join('|')}|`;
  const [head, ...body] = lines;
  return [text(head), rule, ...body.map(text)];
}

/** Puts the table between the two markers with that name in the page, and leaves the rest unchanged. */
export function writeTable(table, name) {
  const begin = `<!-- ${name}: begin -->`;
  const end = `<!-- ${name}: end -->`;
  const text = readFileSync(page, 'utf8');
  const from = text.indexOf(begin);
  const to = text.indexOf(end);
  if (from < 0 || to < from) throw new Error(`docs/benchmarks.md must contain ${begin} and ${end}.`);
  writeFileSync(page, `${text.slice(0, from + begin.length)}\n\n${table}\n\n${text.slice(to)}`);
  return fileURLToPath(page);
}
