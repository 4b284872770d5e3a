// @ts-check
/** Runs the guarding tests, and each failing file once more, alone. */
import { existsSync, readFileSync } from 'node:fs';
import { join, relative } from 'node:path';
import { afterSecondRun, hasFailed, readReport } from './verdict.mjs';

/** For each test without its own limit: the machine may be busy. */
const limits = ['--testTimeout=120000', '--hookTimeout=240000'];
const ended = /^\s*[✓✗×❯↓] \S+\.test\.tsx? \(/;

/**
 * @typedef {import('./verdict.mjs').FileOutcome} FileOutcome
 * @param {import('./trial-checkout.mjs').TrialCheckout} trial
 * @param {readonly string[]} files
 * @param {{ maxWorkers: number, tell: (line: string) => void }} options
 * @returns {Promise<Map<string, FileOutcome>>}
 */
export async function runGuardingTests(trial, files, { maxWorkers, tell }) {
  let runs = 0;
  /** @param {readonly string[]} some @param {number} workers */
  const run = async (some, workers) => {
    const report = join(trial.folder, `tests-${(runs += 1)}.json`);
    const args = ['run', ...some, ...limits, `--maxWorkers=${workers}`, '--reporter=default', '--reporter=json'];
    const { stdout, stderr } = await trial.node(
      ['node_modules/vitest/vitest.mjs', ...args, `--outputFile.json=${report}`],
      (line) => {
        if (ended.test(line)) tell(line.trim());
      },
    );
    if (!existsSync(report)) throw new Error(`The tests could not be run:\n${stderr.trim() || stdout.trim()}`);
    return readReport(JSON.parse(readFileSync(report, 'utf8')), (path) => relative(trial.checkout, path));
  };
  const outcomes = await run(files, maxWorkers);
  for (const file of files.filter((each) => hasFailed(outcomes.get(each)))) {
    tell(`once more, alone: ${file}`);
    const first = outcomes.get(file);
    const again = (await run([file], 1)).get(file);
    if (first) outcomes.set(file, afterSecondRun(first, again));
  }
  return outcomes;
}
