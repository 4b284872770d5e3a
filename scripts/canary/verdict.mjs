// @ts-check
/**
 * What the outcomes of the guarding tests say about a behaviour.
 *
 * @typedef {import('./behaviours.mjs').Behaviour} Behaviour
 * @typedef {'same' | 'changed' | 'not_run' | 'unguarded'} State
 * @typedef {{ state: State, details: string[] }} Verdict
 * @typedef {{ name: string, state: 'passed' | 'failed' | 'skipped', message: string, firstMessage?: string }}
 * TestOutcome `firstMessage`: it failed at first and passed when it ran again, alone.
 * @typedef {{ tests: TestOutcome[], problem: string | null }} FileOutcome `problem`: why the file could not be run.
 */
const longestMessage = 240;

/**
 * The relevant part of vitest's JSON report, by file.
 * @param {{ testResults?: any[] }} report
 * @param {(path: string) => string} relative
 * @returns {Map<string, FileOutcome>}
 */
export function readReport(report, relative) {
  return new Map(
    (report.testResults ?? []).map((result) => {
      /** @type {TestOutcome[]} */
      const tests = (result.assertionResults ?? []).map((/** @type {any} */ test) => ({
        name: test.fullName.trim(),
        state: test.status === 'passed' ? 'passed' : test.status === 'failed' ? 'failed' : 'skipped',
        message: inShort(test.failureMessages?.[0] ?? ''),
      }));
      const failsAsAWhole = result.status === 'failed' && !tests.some(({ state }) => state === 'failed');
      const problem = failsAsAWhole ? inShort(result.message || 'The file could not be run.') : null;
      return [relative(result.name), { tests, problem }];
    }),
  );
}

/**
 * The outcome of a file that failed and ran once more, alone: what passes now is reported, and counts as passed.
 * @param {FileOutcome} first
 * @param {FileOutcome | undefined} again
 * @returns {FileOutcome}
 */
export function afterSecondRun(first, again) {
  if (!again) return first;
  const failed = new Map(
    first.tests.filter(({ state }) => state === 'failed').map((test) => [test.name, test.message]),
  );
  return {
    problem: again.problem,
    tests: again.tests.map((test) => {
      const firstMessage = failed.get(test.name);
      return test.state === 'passed' && firstMessage !== undefined ? { ...test, firstMessage } : test;
    }),
  };
}

/** @param {FileOutcome | undefined} outcome */
export const hasFailed = (outcome) =>
  outcome !== undefined && (outcome.problem !== null || outcome.tests.some(({ state }) => state === 'failed'));

/**
 * @param {Behaviour} behaviour
 * @param {ReadonlyMap<string, FileOutcome>} outcomes
 * @returns {Verdict}
 */
export function judge(behaviour, outcomes) {
  const { guards } = behaviour;
  if (guards.length === 0) return { state: 'unguarded', details: [] };
  const looks = guards.map(({ file, words }) => lookAt(file, words, outcomes.get(file)));
  const details = [...new Set(looks.flatMap((look) => look.details))];
  const states = looks.map(({ state }) => state);
  return {
    state: states.find((state) => state === 'changed') ?? states.find((state) => state === 'not_run') ?? 'same',
    details,
  };
}

/**
 * @param {string} file
 * @param {string | null} words
 * @param {FileOutcome | undefined} outcome
 * @returns {Verdict}
 */
function lookAt(file, words, outcome) {
  if (!outcome) return { state: 'not_run', details: [`${file}: it was not run.`] };
  if (outcome.problem !== null) return { state: 'not_run', details: [`${file}: ${outcome.problem}`] };
  const tests = outcome.tests.filter(({ name }) => words === null || name.includes(words));
  if (tests.length === 0) return { state: 'not_run', details: [`${file}: no test of it is named “${words ?? ''}”.`] };
  const failed = tests.filter(({ state }) => state === 'failed');
  if (failed.length > 0)
    return { state: 'changed', details: failed.map(({ name, message }) => `${file} > ${name}: ${message}`) };
  if (tests.every(({ state }) => state === 'skipped'))
    return { state: 'not_run', details: [`${file}: its tests were skipped on this machine.`] };
  return {
    state: 'same',
    details: tests.flatMap(({ name, firstMessage }) =>
      firstMessage === undefined ? [] : [`${file} > ${name}: failed once, passed alone. ${firstMessage}`],
    ),
  };
}

/**
 * The first sentence of an error, without colours and stack.
 * @param {string} message
 */
export function inShort(message) {
  const lines = message
    // oxlint-disable-next-line no-control-regex -- colours
    .replace(/\x1b\[[0-9;]*m/g, '')
    .split('\n')
    .map((line) => line.trim());
  const stack = lines.findIndex((line) => /^at .+:\d+:\d+\)?$/.test(line));
  const words = (stack === -1 ? lines : lines.slice(0, stack)).filter(Boolean).join(' ');
  return words.length > longestMessage ? `${words.slice(0, longestMessage)}…` : words;
}
