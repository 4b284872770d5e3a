// Three rounds of `npm run chaos:prompts`.
import { expect, test } from 'vitest';
import { runPromptChaos } from '../support/prompt-chaos/run-prompt-chaos.ts';

test('TURN-27: prompts that are handed over while they are stored survive the end of their host and database', async () => {
  const report = await runPromptChaos({ chats: 2, prompts: 6, seed: 6, tell: () => {} });
  expect(report.violations).toEqual([]);
  expect(Object.keys(report.cutOff)).toEqual([
    'database, write held',
    'host and database, write held',
    'host, write held',
  ]);
}, 240_000);
