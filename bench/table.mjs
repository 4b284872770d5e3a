import { readFileSync, writeFileSync } from 'node:fs';
import { fileURLToPath } from 'node:url';
import { median, quantile } from './statistics.mjs';

const page = new URL('../docs/benchmarks.md', import.meta.url);

/** Rows and goals from the samples of a run. */
export function judge(samples) {
  const of = (name, field) => samples[name].map((sample) => sample[field]);
  const row = (what, who, values, unit) => ({
    what,
    who,
    unit,
    median: median(values),
    p90: quantile(values, 0.9),
  });
  const tokensPerSecond = (name) => of(name, 'resultMs').map((ms) => 2000 / (ms / 1000));
  const rows = [
    row('Follow-up turn, first token', 'raw SDK, warm', of('rawFollow', 'firstMs'), 'ms'),
    row('', 'BooCode, warm', of('booFollow', 'firstMs'), 'ms'),
    row('', '`claude -p --resume`', of('printFollow', 'firstMs'), 'ms'),
    row('Follow-up turn, result', 'raw SDK, warm', of('rawFollow', 'resultMs'), 'ms'),
    row('', 'BooCode, warm', of('booFollow', 'resultMs'), 'ms'),
    row('', '`claude -p --resume`', of('printFollow', 'resultMs'), 'ms'),
    row('Follow-up turn in the terminal, whole answer', 'BooCode, `claude_pty`', of('terminalFollow', 'firstMs'), 'ms'),
    row('Follow-up turn, two hosts, first token', 'through the host of the chat', of('directHost', 'firstMs'), 'ms'),
    row('', 'through the other host', of('otherHost', 'firstMs'), 'ms'),
    row('Attach to a terminal, whole screen', 'BooCode', samples.attach, 'ms'),
    row('Cold chat wakes, first token', 'BooCode', of('booWake', 'firstMs'), 'ms'),
    row('Turn of 2,000 deltas, result', 'raw SDK, warm', of('rawLong', 'resultMs'), 'ms'),
    row('', 'BooCode, warm', of('booLong', 'resultMs'), 'ms'),
    row('Turn of 2,000 deltas, tokens per second', 'raw SDK, warm', tokensPerSecond('rawLong'), '/s'),
    row('', 'BooCode, warm', tokensPerSecond('booLong'), '/s'),
  ];
  const ratio = (over, under, field) => median(of(over, field)) / median(of(under, field));
  const goals = [
    goal('Follow-up, first token: BooCode / raw SDK', ratio('booFollow', 'rawFollow', 'firstMs'), '≤', 1.15),
    goal('Follow-up, first token: other host / its own', ratio('otherHost', 'directHost', 'firstMs'), '≤', 1.1),
    goal('2,000 deltas, time: BooCode / raw SDK', ratio('booLong', 'rawLong', 'resultMs'), '≤', 1.25),
    goal('Follow-up, first token: `claude -p` / BooCode', ratio('printFollow', 'booFollow', 'firstMs'), '≥', 10),
    goal('Terminal, first answer: `claude -p` / BooCode', ratio('printFollow', 'terminalFollow', 'firstMs'), '≥', 5),
    goal('Cold wake, first token: BooCode / `claude -p`', ratio('booWake', 'printFollow', 'firstMs'), '≤', 1.2),
  ];
  if (samples.memory.length > 0) {
    const mebibytes = (field) => samples.memory.map((sample) => sample[field] / 2 ** 20);
    rows.push(row('Server process, ten warm chats at rest', 'BooCode, RSS', mebibytes('rss'), 'MB'));
    rows.push(row('', 'BooCode, PSS', mebibytes('pss'), 'MB'));
    goals.push(goal('Server process, ten warm chats, RSS in MB', median(mebibytes('rss')), '<', 150));
  }
  return { rows, goals };
}

export function goal(what, value, sign, limit) {
  const reached = sign === '≥' ? value >= limit : sign === '<' ? value < limit : value <= limit;
  return { what, value, sign, limit, reached };
}

/** The report as Markdown, which is also readable in a terminal. */
export function judgedTable({ made, rows, goals }) {
  return [
    `Made ${made.date} by \`npm run bench -- --rounds ${made.rounds}\`: Node ${made.node}, SDK ${made.sdk}, ${made.platform}, ` +
      `${made.cores} cores, load average ${made.loadBefore.toFixed(1)} before the run and ${made.loadAfter.toFixed(1)} after it.`,
    '',
    ...aligned([
      ['What', 'Who', 'Median', 'p90'],
      ...rows.map((row) => [row.what, row.who, ...[row.median, row.p90].map((value) => shown(value, row.unit))]),
    ]),
    '',
    ...aligned([
      ['Ratio', 'Measured', 'Goal', 'Reached'],
      ...goals.map((each) => [
        each.what,
        each.limit >= 100 ? each.value.toFixed(0) : each.value.toFixed(2),
        `${each.sign} ${each.limit}`,
        each.reached ? 'yes' : 'no',
      ]),
    ]),
  ].join('\n');
}

function shown(value, unit) {
  return `${unit === 'ms' && value < 100 ? value.toFixed(1) : value.toFixed(0)} ${unit}`;
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
export function writeTable(table, name = 'bench') {
  const begin = `<!-- ${name}: begin -->`;
  const end = `<!-- ${name}: end -->`;
  const text = readFileSync(page, 'utf8');
  const from = text.indexOf(begin);
  const to = text.indexOf(end);
  if (from < 0 || to < from) throw new Error(`docs/benchmarks.md must contain ${begin} and ${end}.`);
  writeFileSync(page, `${text.slice(0, from + begin.length)}\n\n${table}\n\n${text.slice(to)}`);
  return fileURLToPath(page);
}
