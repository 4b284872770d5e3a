// Signs of life while the real program starts, and requests to it between turns.
import { mkdir, writeFile } from 'node:fs/promises';
import { join } from 'node:path';
import { afterEach, beforeEach, expect, test } from 'vitest';
import { endOf, openSession, runTurn } from '../../../test/contract/agent-backend.ts';
import { openSdkHarness, type SdkHarness } from '../../../test/support/sdk-harness.ts';
import { until } from '../../../test/support/until.ts';

let harness: SdkHarness;
beforeEach(async () => {
  harness = await openSdkHarness({
    limits: {
      startMs: 4_000,
      silenceMs: 1_000,
      answerMs: 1_500,
      closeMs: { turn: 500, exit: 2_500, term: 300 },
    },
  });
});
afterEach(() => harness.close());

const findProgram = () => harness.leftovers('').find((each) => each.command.includes('--output-format stream-json'));

test('AGENT-37: a program that is stopped while it starts is ended with that cause, and the chat can continue', async () => {
  const opening = openSession(harness).catch((error: unknown) => error as Error);
  process.kill((await until(findProgram)).pid, 'SIGSTOP');
  expect(await opening).toMatchObject({
    code: 'agent_failed',
    message: expect.stringContaining('no sign of life for 4 s while it started') as string,
  });
  expect(harness.leftovers('')).toEqual([]);
  const session = await openSession(harness);
  expect(endOf(await runTurn(session, 'stream 1 tokens')).outcome).toBe('completed');
});

test('AGENT-37: a hook that takes longer than the limit of the start ends nothing', async () => {
  await mkdir(harness.agent.configDir, { recursive: true });
  const hooks = { SessionStart: [{ hooks: [{ type: 'command', command: 'sleep 4.5' }] }] };
  await writeFile(join(harness.agent.configDir, 'settings.json'), JSON.stringify({ hooks }));
  const session = await openSession(harness);
  expect(endOf(await runTurn(session, 'stream 1 tokens')).outcome).toBe('completed');
});

test('AGENT-38: a stopped process that does not accept a setting is ended', async () => {
  const session = await openSession(harness);
  await runTurn(session, 'stream 1 tokens');
  process.kill(findProgram()!.pid, 'SIGSTOP');
  await expect(session.handle.setModel('claude-haiku-4-5')).rejects.toThrow('no sign of life');
  await until(() => session.lost.length > 0, { what: 'the end of the program' });
});
