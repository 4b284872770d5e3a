// @ts-check
/** Records the scenarios again and compares them with the checked-in recordings. */
import { existsSync, mkdirSync, readFileSync, readdirSync } from 'node:fs';
import { join } from 'node:path';
import { compareRecordings, keyOf } from './compare-recordings.mjs';

/**
 * Timing decides whether and how often the program retries a cut stream, and what it reports of the answer that was cut.
 * How such a turn ends is tested elsewhere.
 */
const differsByChance = new Set(['cut-stream.jsonl', 'cut-stream-once.jsonl']);

/**
 * @typedef {import('./compare-recordings.mjs').Difference} Difference
 * @typedef {{ difference: Difference, scenarios: string[] }} FoundDifference
 * @param {import('./trial-checkout.mjs').TrialCheckout} trial
 * @param {{ script: string, fixtures: string }} kind Both relative to the checkout.
 * @param {(line: string) => void} tell
 * @returns {Promise<{ found: FoundDifference[], failed: string[] }>} `failed`: scenarios that could not be recorded, and why.
 */
export async function recordAndCompare(trial, { script, fixtures }, tell) {
  const checkedIn = join(trial.checkout, fixtures);
  const files = readdirSync(checkedIn).filter((file) => file.endsWith('.jsonl') && !differsByChance.has(file));
  /** @param {string} run @param {readonly string[]} scenarios */
  const record = async (run, scenarios) => {
    const out = join(trial.folder, `${fixtures.replaceAll('/', '-')}-${run}`);
    mkdirSync(out);
    const { stderr } = await trial.node([script, '--out', out, ...scenarios], (line) => {
      if (/^\S+: \d+ (frames|lines)$/.test(line)) tell(`${run} recording of ${line}`);
    });
    return { out, stderr };
  };
  /** @param {string} file @param {string} out @returns {Difference[] | null} Null if it is missing. */
  const differencesOf = (file, out) =>
    existsSync(join(out, file)) ? compareRecordings(linesOf(join(checkedIn, file)), linesOf(join(out, file))) : null;

  const first = await record('first', []);
  const before = new Map(files.map((file) => [file, differencesOf(file, first.out)]));
  const again = files.filter((file) => before.get(file)?.length !== 0);
  if (again.length === 0) return { found: [], failed: [] };
  // What differs only once is chance.
  const second = await record('second', [...new Set(again.map(scenarioOf))]);
  /** @type {Map<string, FoundDifference>} */
  const found = new Map();
  const failed = [];
  for (const file of again) {
    const now = differencesOf(file, second.out);
    const known = before.get(file) ?? now;
    if (now === null || !known) {
      failed.push(`${file}: ${reasonFor(scenarioOf(file), second.stderr)}`);
      continue;
    }
    const keys = new Set(known.map(keyOf));
    for (const difference of now.filter((each) => keys.has(keyOf(each)))) {
      const entry = found.get(keyOf(difference)) ?? { difference, scenarios: [] };
      entry.scenarios.push(file.replace(/\.jsonl$/, ''));
      found.set(keyOf(difference), entry);
    }
  }
  return { found: [...found.values()], failed };
}

/** @param {string} file SCENARIO.jsonl, SCENARIO.2.jsonl, SCENARIO.agent.jsonl. */
const scenarioOf = (file) => file.split('.')[0] ?? file;

/** @param {string} path */
const linesOf = (path) => readFileSync(path, 'utf8').split('\n').filter(Boolean);

/** @param {string} scenario @param {string} stderr */
const reasonFor = (scenario, stderr) =>
  stderr
    .split('\n')
    .find((line) => line.startsWith(`${scenario}: `))
    ?.slice(scenario.length + 2) ?? 'it was not recorded.';
