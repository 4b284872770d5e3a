// @ts-check
// Kills servers and agents at random instants around the answers to what agents ask, and checks that every acknowledged
// answer takes effect once, or that the log says why it cannot. docs/testing.md says what was measured.
import { join, resolve } from 'node:path';
import { runnerImport } from 'vite';
import { runChaosCommand, wholeNumber, wholeNumberFromOne } from './chaos-command.mjs';

const help = `npm run chaos:decisions -- [options]

Plays rounds in which agents wait for decisions, the real server or its agents end at a random instant around the
answers, and the answers go on at the next server. Uses the build in dist.

  --rounds N   how many rounds (100); each takes about 15 s
  --seed N     the seed of the first round (1); the next one has N + 1
  --engine E   that of the chats: claude_sdk (the default) or claude_pty
  --json       print the report as JSON
  --help

Exit codes: 0 nothing was violated, 1 something was, 2 the run could not be played, 130 interrupted.`;

const root = resolve(import.meta.dirname, '..');
process.chdir(root);

await runChaosCommand({
  help,
  options: {
    rounds: { type: 'string', default: '100' },
    seed: { type: 'string', default: '1' },
    engine: { type: 'string', default: 'claude_sdk' },
  },
  read(values) {
    const [rounds, seed] = [wholeNumberFromOne(values, 'rounds'), wholeNumber(values, 'seed')];
    const { engine } = values;
    if (engine !== 'claude_sdk' && engine !== 'claude_pty')
      throw new Error('--engine must be claude_sdk or claude_pty.');
    return { rounds, seed, engine };
  },
  async play({ rounds, seed, engine }, run) {
    const postgres = await openPostgres();
    try {
      const { module } = await runnerImport(join(root, 'test/support/decision-chaos/run-chaos.ts'));
      const seeds = Array.from({ length: rounds }, (_, round) => seed + round);
      const report = await module.runChaos({ databaseUrl: postgres.url, seeds, engine, ...run });
      return { report, text: module.reportText(report), isClean: report.violations.length === 0 };
    } finally {
      await postgres.close();
    }
  },
});

/** That of `npm test`. */
async function openPostgres() {
  const { module } = await runnerImport(join(root, 'test/support/global-setup.ts'));
  let url = '';
  const close = await module.default({ provide: (/** @type {string} */ _, /** @type {string} */ it) => (url = it) });
  return { url, close };
}
