// @ts-check
// Kills servers and databases while prompts are handed to agents and stored at the same time, and checks that each prompt
// runs once, and none before it is stored. docs/testing.md says what was measured.
import { join, resolve } from 'node:path';
import { runnerImport } from 'vite';
import { runChaosCommand, wholeNumber, wholeNumberFromOne } from './chaos-command.mjs';

const help = `npm run chaos:prompts -- [options]

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
process.chdir(root);

await runChaosCommand({
  help,
  options: {
    prompts: { type: 'string', default: '1000' },
    chats: { type: 'string', default: '8' },
    seed: { type: 'string', default: '1' },
  },
  read: (values) => ({
    prompts: wholeNumberFromOne(values, 'prompts'),
    chats: wholeNumberFromOne(values, 'chats'),
    seed: wholeNumber(values, 'seed'),
  }),
  async play(given, run) {
    const { module } = await runnerImport(join(root, 'test/support/prompt-chaos/run-prompt-chaos.ts'));
    const report = await module.runPromptChaos({ ...given, ...run });
    return { report, text: module.reportText(report), isClean: report.violations.length === 0 };
  },
});
