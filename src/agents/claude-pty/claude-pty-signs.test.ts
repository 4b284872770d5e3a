// What shows that the real program in its terminal lives.
import { mkdtemp, rm, writeFile } from 'node:fs/promises';
import { tmpdir } from 'node:os';
import { join } from 'node:path';
import { afterEach, beforeEach, expect, test } from 'vitest';
import { endOf, ofType, openSession, runTurn, textIn } from '../../../test/contract/agent-backend.ts';
import { openPtyHarness, type PtyHarness } from '../../../test/support/pty-harness.ts';
import { sitDown } from '../../../test/support/terminal-seat.ts';
import { until } from '../../../test/support/until.ts';
import type { AgentEvent } from '../agent-backend.ts';

const limits = { silenceMs: 1_500, answerMs: 1_500 };
let harness: PtyHarness;
let place: string;
beforeEach(async () => {
  place = await mkdtemp(join(tmpdir(), 'boocode-editor-'));
  const editor = join(place, 'editor');
  await writeFile(editor, `#!/bin/sh\nprintf 'in the editor'; IFS= read -r line\n`, { mode: 0o755 });
  harness = await openPtyHarness({ env: { EDITOR: editor, VISUAL: editor }, limits });
});
afterEach(async () => {
  await harness.close();
  await rm(place, { recursive: true, force: true });
});

const programPid = (): number => harness.leftovers('').find((each) => each.command.includes('--permission-mode'))!.pid;

test('AGENT-17: a stopped terminal program is ended, its turn fails with that cause, and the chat can go on', async () => {
  const session = await openSession(harness);
  const turn = runTurn(harness.backend, session.chatId, 'hold');
  await until(() => harness.held() > 0);
  process.kill(programPid(), 'SIGSTOP');
  expect(endOf(await turn)).toMatchObject({
    outcome: 'failed',
    error: { code: 'agent_failed', message: expect.stringContaining('no sign of life') as string },
  });
  await until(() => session.lost.length > 0);
  expect(harness.leftovers('')).toEqual([]);
  const { chatId } = await openSession(harness);
  expect(textIn(await runTurn(harness.backend, chatId, 'stream 1 tokens')).trim()).toBe('t1');
});

test('AGENT-17: a terminal program that was stopped while it was idle takes no prompt, and is ended for it', async () => {
  const session = await openSession(harness);
  await runTurn(harness.backend, session.chatId, 'stream 1 tokens');
  process.kill(programPid(), 'SIGSTOP');
  expect(endOf(await runTurn(harness.backend, session.chatId, 'stream 1 tokens')).outcome).toBe('failed');
  await until(() => session.lost.length > 0, { what: 'the end of the program' });
  expect(session.lost[0]?.message).toContain('no sign of life');
});

test('AGENT-17: a silent model and an editor that has the terminal end no program', async () => {
  const { chatId, lost } = await openSession(harness);
  // Each longer than the limits together.
  const held = runTurn(harness.backend, chatId, 'hold');
  await until(() => harness.held() > 0);
  setTimeout(() => harness.release(), 4_000);
  expect(endOf(await held).outcome).toBe('completed');
  const seat = sitDown(harness.backend.terminal(chatId)!);
  seat.type('\x07');
  await seat.sees('in the editor');
  const events: AgentEvent[] = [];
  const turn = runTurn(harness.backend, chatId, 'stream 1 tokens', { onEvent: (event) => void events.push(event) });
  await until(() => ofType(events, 'notice').length === 1, { timeoutMs: 10_000 });
  setTimeout(() => seat.type('done\r'), 4_000);
  expect(endOf(await turn).outcome).toBe('completed');
  expect(lost).toEqual([]);
  seat.leave();
});
