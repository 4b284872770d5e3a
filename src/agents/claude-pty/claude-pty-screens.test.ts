// The program's own screens, which only a person can deal with.
import { mkdir, mkdtemp, readFile, rm, writeFile } from 'node:fs/promises';
import { tmpdir } from 'node:os';
import { join } from 'node:path';
import { afterEach, beforeEach, expect, test } from 'vitest';
import { endOf, ofType, openSession, runTurn, textIn } from '../../../test/contract/agent-backend.ts';
import { openPtyHarness, type PtyHarness, type PtyHarnessOptions } from '../../../test/support/pty-harness.ts';
import { sitDown } from '../../../test/support/terminal-seat.ts';
import { wideTexts } from '../../../test/support/wide-texts.ts';
import { until } from '../../../test/support/until.ts';
import type { AgentEvent } from '../agent-backend.ts';

const opened: PtyHarness[] = [];
let open: (options?: PtyHarnessOptions) => Promise<PtyHarness>;
beforeEach(() => {
  open = async (options) => {
    const harness = await openPtyHarness(options);
    opened.push(harness);
    return harness;
  };
});
afterEach(async () => {
  for (const harness of opened.splice(0)) await harness.close();
});

test('PTY-2: a prompt waits for a screen that someone has open, says so, and continues when it is closed', async () => {
  const harness = await open();
  const session = await openSession(harness);
  const seat = sitDown(session.handle.terminal!);
  seat.type('/login\r');
  await seat.sees('Select login method');
  const events: AgentEvent[] = [];
  const turn = runTurn(session, 'stream 2 tokens', { onEvent: (event) => void events.push(event) });
  await until(() => ofType(events, 'notice').length === 1);
  expect(ofType(events, 'notice')[0]).toMatchObject({ code: 'terminal_waits', level: 'warning' });
  expect(harness.model.requests).toEqual([]);
  // The key that closes it is the person's own.
  seat.type('\x1b');
  // The program's message about the login comes first.
  expect(textIn(await turn).trim()).toMatch(/t1 t2$/);
  seat.leave();
});

test.each([
  ['asks for no brackets', ''],
  ['asks for brackets', String.raw`\033[?2004h`],
])('PTY-8: a prompt is not typed into an editor that %s, and continues when it is closed', async (_, onStart) => {
  const place = await mkdtemp(join(tmpdir(), 'boocode-editor-'));
  const editor = join(place, 'editor');
  // Saves the line that is typed into it.
  const script = `printf 'in the editor${onStart}'; IFS= read -r line; printf '%s\\n' "$line" > ${place}/typed`;
  await writeFile(editor, `#!/bin/sh\n${script}\n`, { mode: 0o755 });
  const harness = await open({ env: { EDITOR: editor, VISUAL: editor } });
  const session = await openSession(harness);
  const seat = sitDown(session.handle.terminal!);
  await runTurn(session, 'stream 2 tokens');
  seat.type('\x07');
  await seat.sees('in the editor');
  const events: AgentEvent[] = [];
  const turn = runTurn(session, 'stream 3 tokens', { onEvent: (event) => void events.push(event) });
  await until(() => ofType(events, 'notice').length === 1);
  expect(ofType(events, 'notice')[0]).toMatchObject({ code: 'terminal_waits' });
  seat.type('my own\r');
  expect(textIn(await turn).trim()).toBe('t1 t2 t3');
  expect(await readFile(join(place, 'typed'), 'utf8')).toBe('my own\n');
  seat.leave();
  await rm(place, { recursive: true });
});

test('TURN-3: an interrupt ends a prompt that waits for such a screen', async () => {
  const harness = await open();
  const session = await openSession(harness);
  const seat = sitDown(session.handle.terminal!);
  seat.type('/cost\r');
  await seat.sees('Estimated cost');
  const turn = runTurn(session, 'stream 2 tokens');
  await until(() => session.handle.isBusy);
  await session.handle.interrupt();
  expect(endOf(await turn).outcome).toBe('interrupted');
  seat.type('\x1b');
  expect(endOf(await runTurn(session, 'stream 2 tokens')).outcome).toBe('completed');
  seat.leave();
});

test('AGENT-6: the settings and hooks of a directory are left out until it is trusted, and nobody is asked', async () => {
  const harness = await open();
  const ran = join(harness.cwd, 'hook-ran');
  await mkdir(join(harness.cwd, '.claude'));
  const hooks = { UserPromptSubmit: [{ hooks: [{ type: 'command', command: `touch ${ran}` }] }] };
  await writeFile(join(harness.cwd, '.claude', 'settings.json'), JSON.stringify({ hooks }));
  const wary = await openSession(harness);
  await runTurn(wary, 'stream 2 tokens');
  await expect(readFile(ran)).rejects.toThrow(/ENOENT/);
  const trusting = await openSession(harness, { trusted: true });
  await runTurn(trusting, 'stream 2 tokens');
  await expect(readFile(ran)).resolves.toBeDefined();
  // The program's own trust question is not answered on a person's behalf.
  const settings = JSON.parse(await readFile(join(harness.agent.configDir, '.claude.json'), 'utf8')) as {
    projects?: Record<string, { hasTrustDialogAccepted?: boolean }>;
  };
  expect(settings.projects?.[harness.cwd]?.hasTrustDialogAccepted ?? false).toBe(false);
});

test('a program that does not start is reported with its own message', async () => {
  const harness = await open({ env: { ANTHROPIC_API_KEY: '' } });
  // Without a key the program starts with its introduction, for which it needs the network.
  const chatId = 'a1b2c3d4-0000-4000-8000-000000000000';
  await expect(openSession(harness, { chatId })).rejects.toMatchObject({
    code: 'agent_failed',
    message: expect.stringMatching(/did not start.*connect/i),
  });
  expect(harness.leftovers(chatId)).toEqual([]);
});

test('bypassing permissions asks nothing, and runs immediately', async () => {
  const harness = await open();
  const session = await openSession(harness, { permissionMode: 'bypassPermissions' });
  const turn = await runTurn(session, 'run: touch without-a-question');
  expect(ofType(turn, 'decision_requested')).toEqual([]);
  await expect(readFile(join(harness.cwd, 'without-a-question'))).resolves.toBeDefined();
});

test('TERM-11: characters take as many cells as the program assumes', async () => {
  const harness = await open();
  const session = await openSession(harness);
  const seat = sitDown(session.handle.terminal!);
  // Typed text loses invisible characters, and marks are composed.
  const texts = wideTexts.map(([text]) => text.normalize('NFC')).filter((text) => !/[\u200b\u00ad]|^#/.test(text));
  const line = `${texts.join(';')};end`;
  await runTurn(session, line);
  await expect.poll(() => seat.screen(), { timeout: 40_000 }).toContain(`❯ ${line}`);
  seat.leave();
});
