// @ts-check
// Kills servers and agents at random instants around the answers to what agents ask, and checks that every acknowledged
// answer takes effect once, or that the log says why it cannot. docs/testing.md says what was measured.
import { join, resolve } from 'node:path';
import { parseArgs } from 'node:util';
import { runnerImport } from 'vite';

const usage = `npm run chaos:decisions -- [options]

Plays rounds in which agents wait for decisions, the real server or its agents end at a random instant around the
answers, and the answers go on at the next server. Uses the build in dist.

  --rounds N   how many rounds (100); each takes about 15 s
  --seed N     the seed of the first round (1); the next one has N + 1
  --engine E   that of the chats: claude_sdk (the default) or claude_pty
  --json       print the report as JSON
  --help

Exit codes: 0 nothing was violated, 1 something was, 2 the run could not be played, 130 interrupted.`;

const root = resolve(import.meta.dirname, '..');

process.exitCode = await main();

async function main() {
  const given = readArguments();
  if (typeof given === 'number') return given;
  const stop = new AbortController();
  // The round is played to its end, so that nothing is left; a second signal ends everything.
  const interrupt = () => stop.abort();
  process.once('SIGINT', interrupt).once('SIGTERM', interrupt);
  const tell = (/** @type {string} */ line) => process.stderr.write(`${line}\n`);
  process.chdir(root);
  let close;
  try {
    const postgres = await openPostgres();
    close = postgres.close;
    const { module } = await runnerImport(join(root, 'test/support/decision-chaos/run-chaos.ts'));
    const seeds = Array.from({ length: given.rounds }, (_, round) => given.seed + round);
    const report = await module.runChaos({
      databaseUrl: postgres.url,
      seeds,
      engine: given.engine,
      tell,
      signal: stop.signal,
    });
    console.log(given.json ? JSON.stringify(report, null, 2) : module.reportText(report));
    return report.violations.length > 0 ? 1 : stop.signal.aborted ? 130 : 0;
  } catch (error) {
    console.error(error);
    return 2;
  } finally {
    await close?.();
  }
}

/** That of `npm test`. */
async function openPostgres() {
  const { module } = await runnerImport(join(root, 'test/support/global-setup.ts'));
  let url = '';
  const close = await module.default({ provide: (/** @type {string} */ _, /** @type {string} */ it) => (url = it) });
  return { url, close };
}

function readArguments() {
  try {
    const { values } = parseArgs({
      options: {
        rounds: { type: 'string', default: '100' },
        seed: { type: 'string', default: '1' },
        engine: { type: 'string', default: 'claude_sdk' },
        json: { type: 'boolean', default: false },
        help: { type: 'boolean', default: false },
      },
    });
    if (values.help) {
      console.log(usage);
      return 0;
    }
    if (!/^[1-9]\d*$/.test(values.rounds)) throw new Error('--rounds must be a whole number from 1.');
    if (!/^\d+$/.test(values.seed)) throw new Error('--seed must be a whole number.');
    const { engine } = values;
    if (engine !== 'claude_sdk' && engine !== 'claude_pty')
      throw new Error('--engine must be claude_sdk or claude_pty.');
    return { rounds: Number(values.rounds), seed: Number(values.seed), engine, json: values.json };
  } catch (error) {
    console.error(`${error instanceof Error ? error.message : String(error)}\n\n${usage}`);
    return 2;
  }
}
