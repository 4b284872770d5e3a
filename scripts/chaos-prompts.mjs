// @ts-check
// Kills servers and databases while prompts are handed to agents and stored at the same time, and checks that each prompt
// runs once, and none before it is stored. docs/testing.md says what was measured.
import { join, resolve } from 'node:path';
import { parseArgs } from 'node:util';
import { runnerImport } from 'vite';

const usage = `npm run chaos:prompts -- [options]

Sends prompts to warm chats of the real server, with a Postgres of its own, and ends the server, its database or both
while the prompts are being stored; in every second round or so their writes are held back by a lock. Uses the build in
dist.

  --prompts N  how many prompts are cut off (1000); 80 take about a minute
  --chats N    how many chats there are (8)
  --seed N     decides when what ends (1)
  --json       print the report as JSON
  --help

Exit codes: 0 nothing was violated, 1 something was, 2 it could not be played, 130 interrupted.`;

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
  try {
    const { module } = await runnerImport(join(root, 'test/support/prompt-chaos/run-prompt-chaos.ts'));
    const { isJson, ...options } = given;
    const report = await module.runPromptChaos({ ...options, tell, signal: stop.signal });
    console.log(isJson ? JSON.stringify(report, null, 2) : module.reportText(report));
    return report.violations.length > 0 ? 1 : stop.signal.aborted ? 130 : 0;
  } catch (error) {
    console.error(error);
    return 2;
  }
}

function readArguments() {
  try {
    const { values } = parseArgs({
      options: {
        prompts: { type: 'string', default: '1000' },
        chats: { type: 'string', default: '8' },
        seed: { type: 'string', default: '1' },
        json: { type: 'boolean', default: false },
        help: { type: 'boolean', default: false },
      },
    });
    if (values.help) {
      console.log(usage);
      return 0;
    }
    for (const name of /** @type {const} */ (['prompts', 'chats'])) {
      if (!/^[1-9]\d*$/.test(values[name])) throw new Error(`--${name} must be a whole number from 1.`);
    }
    if (!/^\d+$/.test(values.seed)) throw new Error('--seed must be a whole number.');
    const [prompts, chats, seed] = [values.prompts, values.chats, values.seed].map(Number);
    return { prompts, chats, seed, isJson: values.json };
  } catch (error) {
    console.error(`${error instanceof Error ? error.message : String(error)}\n\n${usage}`);
    return 2;
  }
}
