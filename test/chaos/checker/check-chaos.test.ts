import { execFile } from 'node:child_process';
import { join } from 'node:path';
import { promisify } from 'node:util';
import { expect, test } from 'vitest';
import { acknowledged, checked, sent, type SmallRun, two } from './small-run.ts';

interface Outcome {
  code: number;
  stdout: string;
  stderr: string;
}

async function runScript(...args: string[]): Promise<Outcome> {
  const script = join(import.meta.dirname, '../../../scripts/check-chaos.mjs');
  const run = promisify(execFile)(process.execPath, [script, ...args]);
  return run.then(
    (output) => ({ code: 0, ...output }),
    (error: unknown) => error as Outcome,
  );
}

/** What the script says of the small run. */
async function scriptOn(change: (run: SmallRun) => void, ...args: string[]): Promise<Outcome> {
  let outcome: Outcome | undefined;
  await checked(change, async (directory) => {
    outcome = await runScript(directory, ...args);
  });
  return outcome!;
}

test('PROOF-6: the records of a run can be checked again, in words and as JSON', async () => {
  const lose = (run: SmallRun): void => void run.records['b']!.push(sent(two, 'b3'), acknowledged(two, 'b3', 10));
  const fine = await scriptOn(() => undefined);
  expect(fine).toMatchObject({ code: 0, stderr: '' });
  expect(fine.stdout).toMatch(/^acknowledged +5$[^]*\nNo problem was found\.\n$/m);
  const words = await scriptOn(lose);
  expect(words.code).toBe(1);
  expect(words.stdout).toMatch(/^1 × lost: a prompt that was acknowledged and is not in the log$/m);
  expect(words.stdout).toContain(`  Prompt b3 of b in chat ${two} was acknowledged as event 10`);
  const json = await scriptOn(lose, '--json');
  expect(json.code).toBe(1);
  expect(JSON.parse(json.stdout)).toMatchObject({
    problems: [{ kind: 'lost' }],
    figures: { acknowledged: 6, lost: 1 },
  });
});

test('PROOF-8: a directory that is not there, or none, is an error of its own', async () => {
  expect(await runScript('/nowhere')).toMatchObject({ code: 2, stdout: '' });
  const none = await runScript();
  expect(none.code).toBe(2);
  expect(none.stderr).toContain('Name one run directory.');
});
