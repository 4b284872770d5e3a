import { median, quantile } from '../statistics.mjs';
import { aligned, goal } from '../table.mjs';
import { longEvents, memoryTokens } from './run.mjs';

const events = longEvents.toLocaleString('en-US');
/** `t1 t2 …`: the answer's size in a page that keeps it once, a byte per character. */
const memoryTextBytes = Array.from({ length: memoryTokens }, (_, index) => `t${index + 1} `).join('').length;
const kilobytes = (bytes) => bytes / 1024;
const megabytes = (bytes) => bytes / 2 ** 20;

/** Rows, facts and goals from the measurements. */
export function judgeWeb({ firstView, cold, clicked, scrolling, deltas, fastDeltas, memory }) {
  const usable = (samples) => samples.map(({ usableMs }) => usableMs);
  const drawn = (samples) => samples.map(({ drawnMs }) => drawnMs);
  const row = (what, values) => ({
    what,
    median: median(values),
    p95: quantile(values, 0.95),
    worst: Math.max(...values),
  });
  const rows = [
    row(`${events} events, page loaded there: last message painted`, drawn(cold)),
    row('… usable', usable(cold)),
    row(`${events} events, clicked in the list: last message painted`, drawn(clicked)),
    row('… usable', usable(clicked)),
    row('Delta at 100 per second, from the server to the document', deltas.inDocument),
    row('… to the screen', deltas.painted),
    row('… from the model to the screen', deltas.fromModel),
    row('… frame after frame', deltas.frames.gaps),
    row('Delta at 1,000 per second, from the server to the screen', fastDeltas.painted),
    row('… frame after frame', fastDeltas.frames.gaps),
    row('Wheel up through a long chat, frame after frame', scrolling.read.gaps),
    row('… as fast as pages load, frame after frame', scrolling.back.gaps),
  ];

  const [first, second] = memory.map(growth);
  const rest = firstView.rest.map(
    ({ name, bytes }) => `${kilobytes(bytes).toFixed(0)} KB ${name.replace(/-[\w-]{8}\./, '.')}`,
  );
  const fetched = `${kilobytes(firstView.programBytes).toFixed(0)} KB`;
  const facts = [
    ['First view: the app itself, on the wire', `${fetched} in ${firstView.programFiles} files`],
    ['First view: what the API said, on the wire', `${kilobytes(firstView.dataBytes).toFixed(0)} KB`],
    ['Loaded on demand', rest.join(', ')],
    [`Rows in the document, at the end of ${events} events`, String(Math.max(...cold.map(({ rows: count }) => count)))],
    ['Back to the beginning of them with the wheel', `${(scrolling.toBeginningMs / 1000).toFixed(0)} s`],
    ['… heap with all of them read', `${megabytes(scrolling.heapBytes).toFixed(0)} MB`],
    ['Tasks of 50 ms and more at 100 deltas per second', String(deltas.frames.longTasks.length)],
    ['… at 1,000', String(fastDeltas.frames.longTasks.length)],
    ['… while reading back with the wheel', String(scrolling.read.longTasks.length)],
    [`Heap before and after ${memoryTokens.toLocaleString('en-US')} deltas`, heaps(memory[0])],
    ['… and after as many again', heaps(memory[1])],
    ['… their text', `${megabytes(memoryTextBytes).toFixed(2)} MB`],
    ['Nodes before, at most, and after both', nodes(memory)],
    ['The clocks were compared to within', `${deltas.clockErrorMs.toFixed(1)} ms`],
  ];

  const goals = [
    goal('First view: the app, compressed, in KB', kilobytes(firstView.programBytes), '<', 200),
    goal(`${events} events, page loaded there, usable: p95 in ms`, quantile(usable(cold), 0.95), '<', 1000),
    goal(`${events} events, clicked in the list, usable: p95 in ms`, quantile(usable(clicked), 0.95), '<', 1000),
    goal('Delta at 100 per second on the screen: p95 in ms', quantile(deltas.painted, 0.95), '≤', 50),
    goal('Second long answer, kept heap / its text', second.keptBytes / memoryTextBytes, '≤', 5),
    goal('First long answer, its second half, growth of heap / text', first.slope, '≤', 8),
    goal('Second long answer, its second half, growth of heap / text', second.slope, '≤', 8),
  ];
  return { rows, facts, goals };
}

/** What an answer leaves in the heap; and how the heap grows in its second half, in bytes of heap per byte of text. */
function growth(samples) {
  const [before, after] = [samples[0], samples.at(-1)];
  const half = samples.slice(1, -1).filter(({ tokens }) => tokens >= memoryTokens / 2);
  const mean = (values) => values.reduce((sum, value) => sum + value, 0) / values.length;
  const [meanTokens, meanBytes] = [
    mean(half.map(({ tokens }) => tokens)),
    mean(half.map(({ heapBytes }) => heapBytes)),
  ];
  const sum = (of) => half.reduce((total, each) => total + of(each), 0);
  const perToken =
    sum(({ tokens, heapBytes }) => (tokens - meanTokens) * (heapBytes - meanBytes)) /
    sum(({ tokens }) => (tokens - meanTokens) ** 2);
  return { keptBytes: after.heapBytes - before.heapBytes, slope: perToken / (memoryTextBytes / memoryTokens) };
}

const heaps = (samples) =>
  [samples[0], samples.at(-1)].map(({ heapBytes }) => `${megabytes(heapBytes).toFixed(2)} MB`).join(', ');

function nodes(runs) {
  const counts = runs.flat().map((sample) => sample.nodes);
  return [counts[0], Math.max(...counts), counts.at(-1)].map((count) => count.toLocaleString('en-US')).join(', ');
}

const ms = (value) => `${value.toFixed(value < 100 ? 1 : 0)} ms`;

export function webTable({ made, rows, facts, goals }) {
  return [
    `Made ${made.date} by \`npm run bench:web -- --samples ${made.rounds}\`: Node ${made.node}, Chromium ${made.browser}, ` +
      `${made.platform}, ${made.cores} cores, load average ${made.loadBefore.toFixed(1)} before the run and ` +
      `${made.loadAfter.toFixed(1)} after it.`,
    '',
    ...aligned(
      [
        ['What', 'Median', 'p95', 'Worst'],
        ...rows.map((each) => [each.what, ms(each.median), ms(each.p95), ms(each.worst)]),
      ],
      3,
    ),
    '',
    ...aligned([['What', 'Measured'], ...facts], 0),
    '',
    ...aligned([
      ['Goal', 'Measured', 'Limit', 'Reached'],
      ...goals.map((each) => [
        each.what,
        each.limit >= 100 ? each.value.toFixed(0) : each.value.toFixed(1),
        `${each.sign} ${each.limit}`,
        each.reached ? 'yes' : 'no',
      ]),
    ]),
  ].join('\n');
}
