// @ts-check
// Tries a version of the Agent SDK: runs the tests that guard docs/compatibility.md against it, records the scenarios
// of test/fixtures again, and prints what changed. Works in a temporary copy, see canary/trial-checkout.mjs.
import { readFileSync, readdirSync } from 'node:fs';
import { dirname, join } from 'node:path';
import { fileURLToPath } from 'node:url';
import { parseArgs } from 'node:util';
import { isMeant, readBehaviours } from './canary/behaviours.mjs';
import { runGuardingTests } from './canary/guarding-tests.mjs';
import { recordAndCompare } from './canary/recordings.mjs';
import { countStates, differenceText, exitCodeFor, reportText } from './canary/report.mjs';
import { runCommand } from './canary/run-command.mjs';
import { compareNames, namesOf, typesOf } from './canary/sdk-names.mjs';
import { manifestOf, openTrialCheckout, sdkName } from './canary/trial-checkout.mjs';
import { judge } from './canary/verdict.mjs';

const usage = `npm run canary -- VERSION [options]

Runs the list of docs/compatibility.md against a version of the Agent SDK, such as 0.3.332 or latest, and prints what changed:
whether the project compiles, names that are gone, the guarding tests, and the recorded frames and transcripts.

  --only WORDS         only what contains these words: a heading, a text, a test, "types", "names", "recorded"
  --all                also behaviours of Postgres, HTTP and terminals, which no version of the SDK changes
  --max-workers N      test files that run at once (2)
  --json               one JSON object on standard output
  --help

Exit codes: 0 nothing changed, 1 something changed, 2 not everything could be run, 130 interrupted.`;

const root = join(dirname(fileURLToPath(import.meta.url)), '..');
const list = 'docs/compatibility.md';
const recordings = [
  { text: 'Recorded frames of the SDK', script: 'scripts/record-frames.mjs', fixtures: 'test/fixtures/frames' },
  {
    text: 'Recorded transcripts of the terminal program',
    script: 'scripts/record-transcripts.mjs',
    fixtures: 'test/fixtures/transcripts',
  },
];

/** @typedef {import('./canary/report.mjs').Item} Item */

const began = Date.now();
/** @param {string} line */
const tell = (line) =>
  process.stderr.write(`${String(Math.round((Date.now() - began) / 1000)).padStart(5)} s  ${line}\n`);

process.exitCode = await main();

async function main() {
  const given = readArguments();
  if (typeof given === 'number') return given;
  const stop = new AbortController();
  const interrupt = (/** @type {NodeJS.Signals} */ name) => {
    if (!stop.signal.aborted) tell(`${name}: cleaning up`);
    stop.abort(new Error('Interrupted.'));
  };
  process.on('SIGINT', interrupt).on('SIGTERM', interrupt);
  let trial;
  try {
    tell(`installing ${sdkName}@${given.version}`);
    trial = await openTrialCheckout(root, given.version, stop.signal);
    const findings = await tryOut(trial, given, stop.signal);
    const summary = countStates(findings.items);
    console.log(given.json ? JSON.stringify({ ...findings, summary }, null, 2) : reportText(findings));
    return exitCodeFor(findings.items);
  } catch (error) {
    if (stop.signal.aborted) return 130;
    console.error(error instanceof Error ? error.message : String(error));
    return 2;
  } finally {
    await trial?.close();
  }
}

function readArguments() {
  try {
    const { values, positionals } = parseArgs({
      options: {
        only: { type: 'string' },
        all: { type: 'boolean', default: false },
        'max-workers': { type: 'string', default: '2' },
        json: { type: 'boolean', default: false },
        help: { type: 'boolean', default: false },
      },
      allowPositionals: true,
    });
    if (values.help) {
      console.log(usage);
      return 0;
    }
    const [version] = positionals;
    if (version === undefined || positionals.length > 1) throw new Error('Name exactly one version of the SDK.');
    const maxWorkers = Number(values['max-workers']);
    if (!Number.isInteger(maxWorkers) || maxWorkers < 1)
      throw new Error('--max-workers must be a whole number from 1.');
    return { ...values, version, maxWorkers };
  } catch (error) {
    console.error(`${error instanceof Error ? error.message : String(error)}\n\n${usage}`);
    return 2;
  }
}

/**
 * @param {import('./canary/trial-checkout.mjs').TrialCheckout} trial
 * @param {Exclude<ReturnType<typeof readArguments>, number>} given
 * @param {AbortSignal} signal
 */
async function tryOut(trial, { only, all, maxWorkers }, signal) {
  const pinned = join(root, 'node_modules', sdkName);
  const versionsOf = (/** @type {string} */ folder) => {
    const { version, claudeCodeVersion } = manifestOf(folder);
    return { sdk: version, program: claudeCodeVersion ?? 'unknown' };
  };
  const [before, after] = [versionsOf(pinned), versionsOf(trial.sdkFolder)];
  const subject = `Agent SDK ${after.sdk}`;
  const isWanted = (/** @type {{ subject: string, text: string }} */ entry) => isMeant(entry, only);
  const behaviours = readBehaviours(readFileSync(join(root, list), 'utf8'), testFiles())
    .filter(({ isOfProgram }) => all || isOfProgram)
    .filter(isWanted);
  const records = recordings.filter(({ text }) => isWanted({ subject, text }));
  /** @type {Item[]} */
  const items = [];

  const compiles = { subject, text: 'Types: the project compiles' };
  if (isWanted(compiles)) {
    tell('checking types');
    const { code, stdout } = await trial.node(['node_modules/typescript/bin/tsc', '-p', 'tsconfig.json', '--noEmit']);
    const errors = stdout.split('\n').filter((line) => /: error TS\d+/.test(line));
    items.push({ ...compiles, state: code === 0 ? 'same' : 'changed', details: errors });
  }
  const names = { subject, text: 'Names: exports, options, methods, hooks, requests and frames' };
  if (isWanted(names)) {
    const help = (/** @type {string} */ folder) => programHelp(folder, signal);
    const { gone, added } = compareNames(
      namesOf(typesOf(pinned), await help(pinned)),
      namesOf(typesOf(trial.sdkFolder), await help(trial.sdkFolder)),
    );
    const details = [...gone.map((name) => `gone: ${name}`), ...added.map((name) => `new: ${name}`)];
    items.push({ ...names, state: gone.length > 0 ? 'changed' : 'same', details });
  }
  const files = [...new Set(behaviours.flatMap(({ guards }) => guards.map(({ file }) => file)))].toSorted();
  if (files.length + records.length > 0) {
    tell('building');
    const { code, stdout, stderr } = await trial.node(['scripts/build.mjs', '--despite-errors']);
    if (code !== 0) throw new Error(`The project cannot be built:\n${stdout.trim()}\n${stderr.trim()}`);
  }
  for (const { text, ...kind } of records) {
    tell(`recording: ${kind.script}`);
    const { found, failed } = await recordAndCompare(trial, kind, tell);
    const state = found.length > 0 ? 'changed' : failed.length > 0 ? 'not_run' : 'same';
    items.push({ subject, text, state, details: [...found.map(differenceText), ...failed] });
  }
  if (files.length > 0) tell(`running the guarding tests (files: ${files.length})`);
  const outcomes = files.length > 0 ? await runGuardingTests(trial, files, { maxWorkers, tell }) : new Map();
  for (const behaviour of behaviours)
    items.push({
      subject: behaviour.subject,
      text: behaviour.text,
      place: `${list}:${behaviour.line}`,
      tests: behaviour.guards.map(({ file, words }) => (words === null ? file : `${file} > ${words}`)),
      ...judge(behaviour, outcomes),
    });
  return { before, after, items };
}

function testFiles() {
  return ['src', 'test'].flatMap((folder) =>
    readdirSync(join(root, folder), { recursive: true, encoding: 'utf8' })
      .filter((file) => /\.test\.tsx?$/.test(file))
      .map((file) => `${folder}/${file}`),
  );
}

/** @param {string} folder The SDK's. @param {AbortSignal} signal */
async function programHelp(folder, signal) {
  const package_ = readdirSync(dirname(folder)).find((name) => name.startsWith('claude-agent-sdk-'));
  if (package_ === undefined) throw new Error(`${sdkName} has no program for this platform.`);
  const program = join(dirname(folder), package_, process.platform === 'win32' ? 'claude.exe' : 'claude');
  const { stdout } = await runCommand(program, ['--help'], { cwd: folder, env: process.env, signal });
  return stdout;
}
