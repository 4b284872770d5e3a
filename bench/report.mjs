/**
 * What the sections measured, as Markdown, which is also readable in a terminal. A section's rows are
 * `{what, who, unit, samples}`; its goals are `{what, measured, limit, atMost}`, where a `limit` of null states a ratio
 * without judging it.
 */
import { median, quantile } from './statistics.mjs';
import { aligned, writeTable } from './table.mjs';

export function printedReport(reports) {
  const [{ made }] = reports;
  return [
    madeBy(
      made,
      reports.map((report) => report.name),
      reports.at(-1).made.loadAfter,
    ),
    '',
    ...tables(
      reports.flatMap((report) => report.rows),
      reports.flatMap((report) => report.goals),
    ),
  ].join('\n');
}

/** Replaces a section's tables in docs/benchmarks.md. */
export function writeSection({ name, made, rows, goals }) {
  return writeTable([madeBy(made, [name], made.loadAfter), '', ...tables(rows, goals)].join('\n'), `bench ${name}`);
}

function madeBy(made, names, loadAfter) {
  const against = made.against ? ' --against DIR' : '';
  return (
    `Made ${made.date} by \`npm run bench -- --only ${names.join(',')} --rounds ${made.rounds}${against}\`: ` +
    `Node ${made.node}, SDK ${made.sdk}, ${made.platform}, ${made.cores} cores, load average ` +
    `${made.loadBefore.toFixed(1)} before the run and ${loadAfter.toFixed(1)} after it.` +
    (made.against ? ` “Before” is commit ${made.against}.` : '')
  );
}

function tables(rows, goals) {
  let above;
  const lines = rows.map(({ what, who, unit, samples }) => {
    const cells = [what === above ? '' : what, who];
    above = what;
    return [...cells, shown(median(samples), unit), shown(quantile(samples, 0.9), unit)];
  });
  const measured = aligned([['What', 'Who', 'Median', 'p90'], ...lines]);
  if (goals.length === 0) return measured;
  const judged = goals.map((goal) => [
    goal.what,
    goal.measured >= 100 ? goal.measured.toFixed(0) : goal.measured.toFixed(2),
    goal.limit === null ? '' : `${goal.atMost ? '≤' : '≥'} ${goal.limit}`,
    goal.limit === null ? '' : isReached(goal) ? 'yes' : 'no',
  ]);
  return [...measured, '', ...aligned([['Goal', 'Measured', 'Limit', 'Reached'], ...judged], 3)];
}

const isReached = ({ measured, limit, atMost }) => (atMost ? measured <= limit : measured >= limit);

function shown(value, unit) {
  return `${unit === 'ms' && value < 100 ? value.toFixed(1) : value.toFixed(unit === 's' ? 2 : 0)} ${unit}`;
}
