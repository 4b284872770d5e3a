// Signs of life of the real program in its terminal.
import { mkdtemp, rm, writeFile } from 'node:fs/promises';
import { tmpdir } from 'node:os';
import { join } from 'node:path';
import { afterEach, beforeEach, expect, test } from 'vitest';
import { endOf, ofType, openSession, runTurn, textIn } from '../../../test/contract/agent-backend.ts';
import { openPtyHarness, type PtyHarness } from '../../../test/support/pty-harness.ts';
import { sitDown } from '../../../test/support/terminal-seat.ts';
import { until } from '../../../test/support/until.ts';
import type { McpServer } from '../../protocol/chat.ts';
import type { AgentEvent } from '../agent-backend.ts';

// Shorter than the waits in the last test.
const limits = { silenceMs: 1_500, answerMs: 1_500, startMs: 8_000 };
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

test('AGENT-17: a stopped terminal program is ended, its turn fails with that cause, and the chat can continue', async () => {
  const session = await openSession(harness);
  const turn = runTurn(session, 'hold');
  await until(() => harness.held() > 0);
  process.kill(programPid(), 'SIGSTOP');
  expect(endOf(await turn)).toMatchObject({
    outcome: 'failed',
    error: { code: 'agent_failed', message: expect.stringContaining('no sign of life') as string },
  });
  await until(() => session.lost.length > 0);
  expect(harness.leftovers('')).toEqual([]);
  const again = await openSession(harness);
  expect(textIn(await runTurn(again, 'stream 1 tokens')).trim()).toBe('t1');
});

test('AGENT-17: a terminal program that was stopped while idle is ended when it does not accept a prompt', async () => {
  const session = await openSession(harness);
  await runTurn(session, 'stream 1 tokens');
  process.kill(programPid(), 'SIGSTOP');
  expect(endOf(await runTurn(session, 'stream 1 tokens')).outcome).toBe('failed');
  await until(() => session.lost.length > 0, { what: 'the end of the program' });
  expect(session.lost[0]?.message).toContain('no sign of life');
});

test('AGENT-19: a failed MCP server is reported once, as the program reports it to its model', async () => {
  const mcpServers = { absent: { command: '/no/such/program' }, exits: { command: 'false' } };
  await writeFile(join(harness.cwd, '.mcp.json'), JSON.stringify({ mcpServers }));
  let servers: readonly McpServer[] = [];
  const spec = { trusted: true, onMcpServers: (now: readonly McpServer[]) => void (servers = now) };
  const session = await openSession(harness, spec);
  const { between } = session;
  const events: AgentEvent[] = [];
  const isKnown = (): boolean => servers.filter(({ status }) => status === 'failed').length === 2;
  // A server that fails later is reported with a later turn.
  for (let turn = 0; turn < 2 || (turn < 6 && !isKnown()); turn += 1) {
    events.push(...(await runTurn(session, 'stream 1 tokens')));
  }
  const told = ofType([...events, ...between], 'notice').filter(({ code }) => code === 'mcp_server');
  expect(told.map(({ data }) => String(data?.['server'])).toSorted()).toEqual(['absent', 'exits']);
  expect(told.find(({ data }) => data?.['server'] === 'absent')?.message).toContain('ENOENT');
  expect(servers.map(({ name, status }) => `${name} ${status}`).toSorted()).toEqual(['absent failed', 'exits failed']);
  expect(events[0]?.type).toBe('session_started');
});

test('AGENT-17: neither a silent model nor an editor in the terminal ends the program', async () => {
  const session = await openSession(harness);
  const { lost } = session;
  // Each wait is longer than the limits together.
  const held = runTurn(session, 'hold');
  await until(() => harness.held() > 0);
  setTimeout(() => harness.release(), 4_000);
  expect(endOf(await held).outcome).toBe('completed');
  const seat = sitDown(session.handle.terminal!);
  seat.type('\x07');
  await seat.sees('in the editor');
  const events: AgentEvent[] = [];
  const turn = runTurn(session, 'stream 1 tokens', { onEvent: (event) => void events.push(event) });
  await until(() => ofType(events, 'notice').length === 1);
  setTimeout(() => seat.type('done\r'), 4_000);
  expect(endOf(await turn).outcome).toBe('completed');
  expect(lost).toEqual([]);
  seat.leave();
});
