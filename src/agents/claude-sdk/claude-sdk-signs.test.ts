// Signs of life of the real program, and the state of its MCP servers.
import { writeFile } from 'node:fs/promises';
import { createServer } from 'node:http';
import type { AddressInfo } from 'node:net';
import { join } from 'node:path';
import { afterEach, beforeEach, expect, test } from 'vitest';
import { endOf, openSession, runTurn } from '../../../test/contract/agent-backend.ts';
import { openSdkHarness, type SdkHarness } from '../../../test/support/sdk-harness.ts';
import { until } from '../../../test/support/until.ts';
import type { McpServer } from '../../protocol/chat.ts';
import type { AgentEvent } from '../agent-backend.ts';

let harness: SdkHarness;
beforeEach(async () => {
  harness = await openSdkHarness({
    env: { MCP_TIMEOUT: '6000' },
    limits: { silenceMs: 100, answerMs: 1_500, mcpAskAgainMs: 50, closeMs: { turn: 500, exit: 2_500, term: 300 } },
  });
});
afterEach(() => harness.close());

const programPid = (): number =>
  harness.leftovers('').find((each) => each.command.includes('--output-format stream-json'))!.pid;

test('AGENT-17: a stopped agent process is ended, its turn fails with that cause, and the chat can continue', async () => {
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
  expect(endOf(await runTurn(again, 'stream 1 tokens')).outcome).toBe('completed');
});

test('AGENT-17: a silent model, a long tool call and a hesitating person end nothing, because the program responds', async () => {
  const session = await openSession(harness);
  const { lost } = session;
  // Each wait is longer than the limits together.
  const held = runTurn(session, 'hold');
  await until(() => harness.held() > 0);
  setTimeout(() => harness.release(), 2_500);
  expect(endOf(await held).outcome).toBe('completed');
  const asked = runTurn(session, 'run: sleep 2.5', {
    onEvent(event) {
      if (event.type !== 'decision_requested') return;
      setTimeout(() => session.handle.resolve(event.decisionId, { outcome: 'allow' }), 2_500);
    },
  });
  expect(endOf(await asked).outcome).toBe('completed');
  expect(lost).toEqual([]);
});

test('AGENT-19: each failed MCP server is reported once, with the reason, and the state of all of them is known', async () => {
  const missing = createServer((_request, response) => response.writeHead(404).end()).listen(0, '127.0.0.1');
  await until(() => missing.listening);
  const { port } = missing.address() as AddressInfo;
  const asking = join(import.meta.dirname, '../../../test/support/asking-server.mjs');
  const mcpServers = {
    absent: { command: '/no/such/program' },
    gone: { type: 'http', url: `http://user:geheim@127.0.0.1:${port}/mcp?key=geheim` },
    hanging: { command: process.execPath, args: ['-e', 'setInterval(() => {}, 1000)'] },
    good: { command: process.execPath, args: [asking] },
  };
  await writeFile(join(harness.cwd, '.mcp.json'), JSON.stringify({ mcpServers }));
  let servers: readonly McpServer[] = [];
  const session = await openSession(harness, { trusted: true, onMcpServers: (now) => void (servers = now) });
  const events: AgentEvent[] = await runTurn(session, 'stream 1 tokens');
  const status = (name: string): McpServer | undefined => servers.find((server) => server.name === name);
  await until(() => status('hanging')?.status === 'failed' && status('good')?.status === 'connected', {
    what: 'the end of all starts',
    timeoutMs: 40_000,
  });
  expect(status('absent')).toMatchObject({ status: 'failed', error: expect.stringContaining('ENOENT') as string });
  expect(status('gone')?.status).toBe('failed');
  events.push(...(await runTurn(session, 'stream 1 tokens')), ...session.between);
  const told = events.flatMap((event) => (event.type === 'notice' && event.code === 'mcp_server' ? [event] : []));
  expect(told.map(({ data }) => String(data?.['server'])).toSorted()).toEqual(['absent', 'gone', 'hanging']);
  expect(JSON.stringify([told, servers])).not.toContain('geheim');
  missing.close();
});
