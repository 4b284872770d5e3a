import { afterAll, beforeAll, expect, test } from 'vitest';
import { openServer, type TestServer } from '../support/server.ts';
import { runTurn } from '../support/turns.ts';

let server: TestServer;

beforeAll(async () => {
  server = await openServer({ config: { sdkByDefault: false } });
});
afterAll(() => server.close());

test('ROUTE-1: with CLAUDE_SDK_BACKEND off, a new chat is answered by the terminal program', async () => {
  const chat = await server.createChat();
  expect(chat.backend).toBe('claude_pty');
  const turn = await runTurn(server.client, chat.id, 'stream 3 tokens');
  expect(turn.finished.outcome).toBe('completed');
  expect(turn.text.trim()).toBe('t1 t2 t3');
  expect(turn.deltas).toEqual([]);
  expect(turn.events.map((event) => event.type)).toContain('session_started');
  expect((await server.client.getChat(chat.id)).costUsd).toBeGreaterThan(0);
});

test('a chat that names its backend runs on it regardless', async () => {
  const chat = await server.createChat({ backend: 'claude_sdk' });
  expect(chat.backend).toBe('claude_sdk');
  expect((await runTurn(server.client, chat.id, 'who are you')).finished.outcome).toBe('completed');
});

test('ROUTE-2: /v1/info says which backends run here, and what each can do', async () => {
  const { defaultBackend, backends, agents } = await server.client.info();
  expect(defaultBackend).toBe('claude_pty');
  expect(backends).toEqual([
    // The default comes first.
    {
      name: 'claude_pty',
      agent: 'claude',
      label: 'terminal program',
      hint: 'claude itself, with its screens',
      available: true,
      reason: null,
      capabilities: { deltas: false, terminal: true, images: false, durableDecisions: true, continuesTurns: true },
    },
    {
      name: 'claude_sdk',
      agent: 'claude',
      label: 'Agent SDK',
      hint: 'stays warm, follow-ups in milliseconds',
      available: true,
      reason: null,
      capabilities: { deltas: true, terminal: false, images: true, durableDecisions: true, continuesTurns: true },
    },
  ]);
  expect(agents).toMatchObject([
    { name: 'claude', label: 'Claude', models: ['opus', 'sonnet', 'haiku'], imports: true, signIn: true },
  ]);
});

test('with CLAUDE_SDK_BACKEND on, a new chat runs on the Agent SDK', async () => {
  await server.restart({ sdkByDefault: true });
  expect((await server.createChat()).backend).toBe('claude_sdk');
});
