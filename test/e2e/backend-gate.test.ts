import { afterAll, beforeAll, expect, test } from 'vitest';
import { openServer, type TestServer } from '../support/server.ts';
import { readStoredState } from '../support/stored-state.ts';
import { runTurn } from '../support/turns.ts';

let server: TestServer;

beforeAll(async () => {
  server = await openServer({ config: { sdkByDefault: false } });
});
afterAll(() => server.close());

test('with CLAUDE_SDK_BACKEND off a new chat is refused with the sentence that says how to switch it on', async () => {
  const before = await readStoredState(server.sql);
  for (const backend of [undefined, 'claude_pty']) {
    const { status, body } = await server.call('POST', '/v1/chats', { body: { cwd: server.workDir, backend } });
    expect({ status, ...body }).toMatchObject({ status: 409, code: 'backend_unavailable', field: 'backend' });
    expect(body['detail']).toContain('CLAUDE_SDK_BACKEND=1');
    expect(body['detail']).toContain('"backend": "claude_sdk"');
  }
  expect(await readStoredState(server.sql)).toEqual(before);
  const { defaultBackend, backends } = await server.client.info();
  expect(defaultBackend).toBe('claude_pty');
  expect(backends.map(({ name, available }) => [name, available])).toEqual([
    ['claude_sdk', true],
    ['claude_pty', false],
  ]);
});

test('a chat that names its backend runs on it all the same', async () => {
  const chat = await server.createChat({ backend: 'claude_sdk' });
  expect(chat.backend).toBe('claude_sdk');
  expect((await runTurn(server.client, chat.id, 'who are you')).finished.outcome).toBe('completed');
});
