import type { Problem } from './problem.ts';
import type { Run } from './read-run.ts';

/** The time of a lease, and five seconds. */
export const takeoverLimitMs = 20_000;

/** What the runner saw of the hosts themselves. The time of a takeover is judged only in a strict run. */
export function checkHosts({ run, runner }: Run): Problem[] {
  const problems: Problem[] = [];
  for (const record of runner) {
    if (record.kind === 'stale' && record.written > 0) {
      problems.push({ kind: 'stale', text: `A stale writer got ${record.written} rows in.` });
    } else if (record.kind === 'left' && record.pids.length > 0) {
      const text = `Ten seconds after the kill of ${record.host} these processes of it existed: ${record.pids.join(', ')}.`;
      problems.push({ kind: 'left', text });
    }
  }
  const p99 = percentile(takeoversOf(runner), 99);
  if (run.strict && p99 > takeoverLimitMs) {
    problems.push({ kind: 'takeover', text: `The p99 of takeovers is ${p99} ms; the limit is ${takeoverLimitMs} ms.` });
  }
  return problems;
}

/** In milliseconds, sorted. */
export function takeoversOf(runner: Run['runner']): number[] {
  return runner
    .flatMap((record) => (record.kind === 'takeover' ? [record.tookMs] : []))
    .toSorted((one, other) => one - other);
}

/** The nearest rank in sorted values; 0 without any. */
export function percentile(sorted: readonly number[], percent: number): number {
  return sorted[Math.max(Math.ceil((sorted.length * percent) / 100) - 1, 0)] ?? 0;
}
