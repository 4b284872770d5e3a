import { afterAll, beforeAll, expect, test } from 'vitest';
import { type ChatsHost, openChatsHost } from '../../test/support/chats-host.ts';
import { createTestDatabase, type TestDatabase } from '../../test/support/postgres.ts';
import { until } from '../../test/support/until.ts';

let database: TestDatabase;
let host: ChatsHost;
beforeAll(async () => {
  database = await createTestDatabase();
  host = await openChatsHost(database.url, { sandbox: 'preferred', sandboxNetwork: 'limited' });
});
afterAll(async () => {
  await host.close();
  await database.drop();
});

test('SANDBOX-1: no chat asks for less than the server does, neither when it is created nor later', async () => {
  const refused = { code: 'invalid_request', message: expect.stringContaining('less than preferred') as string };
  await expect(host.createChat({ sandbox: 'off' })).rejects.toMatchObject(refused);
  const { id, sandbox } = await host.createChat();
  expect(sandbox).toBeNull();
  await expect(host.chats.patchChat(id, { sandbox: 'off' })).rejects.toMatchObject(refused);
  expect(await host.chats.patchChat(id, { sandbox: 'required' })).toMatchObject({ sandbox: 'required' });
  expect(await host.chats.patchChat(id, { sandbox: null })).toMatchObject({ sandbox: null });
});

test('SANDBOX-8: no chat asks for more of the network than the server allows', async () => {
  const refused = { code: 'invalid_request', message: expect.stringContaining('more than limited') as string };
  await expect(host.createChat({ sandboxNetwork: 'open' })).rejects.toMatchObject(refused);
  const { id, sandboxNetwork } = await host.createChat();
  expect(sandboxNetwork).toBeNull();
  await expect(host.chats.patchChat(id, { sandboxNetwork: 'open' })).rejects.toMatchObject(refused);
  for (const asked of ['limited', 'off', null] as const) {
    expect(await host.chats.patchChat(id, { sandboxNetwork: asked })).toMatchObject({ sandboxNetwork: asked });
  }
});

test('SANDBOX-1: what a chat asks for reaches its agent, from the next turn on', async () => {
  const { id } = await host.createChat({ sandbox: 'required', sandboxNetwork: 'off' });
  await host.chats.submitPrompt(id, { content: 'stream 1 tokens' });
  await until(() => host.backend.opened.length > 0, { what: 'a session' });
  expect(host.backend.opened.at(-1)).toMatchObject({ sandbox: 'required', sandboxNetwork: 'off' });
});
