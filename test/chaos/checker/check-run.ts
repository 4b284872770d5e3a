/**
 * The independent checker of the chaos suite. It knows nothing of the server's code: it reads what the clients wrote down
 * while hosts died (what they sent, what was acknowledged, what they were shown), and compares it with the logs that the
 * server tells afterwards.
 */
import { checkAsked } from './check-asked.ts';
import { checkDecisions } from './check-decisions.ts';
import { checkHosts } from './check-hosts.ts';
import { checkLogs } from './check-log.ts';
import { checkPrompts } from './check-prompts.ts';
import { checkReaders } from './check-readers.ts';
import { checkTurns } from './check-turns.ts';
import { figuresOf } from './figures.ts';
import type { Problem } from './problem.ts';
import { readRun } from './read-run.ts';

export interface Report {
  problems: Problem[];
  /** Counts, and times in milliseconds. */
  figures: Record<string, number>;
}

const checks = [checkLogs, checkPrompts, checkTurns, checkReaders, checkDecisions, checkAsked, checkHosts];

/** Checks the records of one run, which is over. */
export async function checkRun(runDirectory: string): Promise<Report> {
  const run = await readRun(runDirectory);
  const problems = [...run.problems, ...checks.flatMap((check) => check(run))];
  const figures = figuresOf(run, problems);
  if (figures['acknowledged'] === 0) {
    problems.push({ kind: 'records', text: 'No prompt was acknowledged: nothing was checked.' });
  }
  return { problems, figures: { ...figures, problems: problems.length } };
}
