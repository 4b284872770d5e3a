import type { ChaosReport } from './run-chaos.ts';

/** One table of figures, and what was found. */
export function reportText(report: ChaosReport): string {
  const { seed, network, disk, seconds, problems, figures, keptIn } = report;
  const width = Math.max(...Object.keys(figures).map((name) => name.length));
  const lines = [
    `Seed ${seed}, ${seconds} s, hosts connected by ${network}${disk ? '' : ', no disk filled'}.`,
    ...Object.entries(figures).map(([name, figure]) => `  ${name.padEnd(width)}  ${String(figure).padStart(8)}`),
    problems.length === 0 ? 'Nothing was found.' : `${problems.length} problems:`,
    ...problems.slice(0, 100).map(({ kind, text }) => `  ${kind}: ${text}`),
  ];
  if (keptIn !== null) lines.push(`The records are in ${keptIn}.`, `Repeat it with --seed ${seed}.`);
  return lines.join('\n');
}
