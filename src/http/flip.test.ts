import { afterEach, beforeEach, describe, expect, test } from 'vitest';
import { createTestApp, testToken, type TestApp } from '../../test/support/test-app.ts';
import { until } from '../../test/support/until.ts';
import { createClient } from '../client/client.ts';
import { BooError } from '../protocol/error.ts';
import { listen, type HttpServer } from './server.ts';

let app: TestApp;
let chatId: string;
beforeEach(async () => {
  app = createTestApp();
  ({ id: chatId } = await app.chats.createChat({ cwd: '/tmp' }));
});

const refusal = async (body: unknown): Promise<unknown> => {
  const response = await app.call('PATCH', `/v1/chats/${chatId}`, { body });
  return { status: response.status, ...((await response.json()) as object) };
};

test.each([
  [{ backend: 'Claude X' }, 'backend'],
  [{ backend: null }, 'backend'],
  [{ backend: 'claude_pty', running: 'later' }, 'running'],
  [{ title: 'x', running: 'finish' }, 'running'],
])('FLIP-7: %j is refused with the name of the field, and nothing changes', async (body, field) => {
  const before = app.chats.writes;
  expect(await refusal(body)).toMatchObject({ status: 400, code: 'invalid_request', field });
  expect(app.chats.writes).toBe(before);
});

test('a patch that only says what happens to a turn is refused', async () => {
  expect(await refusal({ running: 'finish' })).toMatchObject({ status: 400, code: 'invalid_request' });
});

test('FLIP-3: a chat that is busy is a conflict that names the field', async () => {
  app.chats.failWith(
    new BooError('chat_busy', 'A turn is running.', { details: { field: 'running', because: 'turn' } }),
  );
  expect(await refusal({ backend: 'claude_pty' })).toMatchObject({
    status: 409,
    code: 'chat_busy',
    field: 'running',
    because: 'turn',
  });
});

describe('a flip that waits', () => {
  let server: HttpServer;
  let signals: AbortSignal[];
  let finish: () => void;
  beforeEach(async () => {
    server = await listen(app.app, { host: '127.0.0.1', port: 0, log: app.log });
    signals = [];
    const patchChat = app.chats.patchChat.bind(app.chats);
    // Like a chat: waits until the turn has finished, or the request is aborted.
    app.chats.patchChat = (actor, id, patch, { signal } = {}) =>
      new Promise((resolve, reject) => {
        signals.push(signal!);
        signal?.addEventListener('abort', () => reject(signal.reason as Error));
        finish = () => resolve(patchChat(actor, id, patch));
      });
  });
  afterEach(() => server.close());

  const client = (timeoutMs: number) => createClient({ url: server.url, token: testToken, timeoutMs });
  const flip = { backend: 'claude_pty', running: 'finish' } as const;

  test('FLIP-3: waits longer than any other request, and is answered', async () => {
    const flipped = client(200).patchChat(chatId, flip);
    await until(() => signals.length === 1);
    // Any other request of this client times out meanwhile.
    const other = client(200).patchChat(chatId, { ...flip, running: 'interrupt' });
    await expect(other).rejects.toThrow('cannot be reached');
    await until(() => signals[1]?.aborted);
    expect(signals[0]?.aborted).toBe(false);
    signals.length = 0;
    const again = client(200).patchChat(chatId, flip);
    await until(() => signals.length === 1);
    finish();
    expect(await again).toMatchObject({ backend: 'claude_pty' });
    await server.close();
    await expect(flipped).rejects.toMatchObject({ code: 'shutting_down' });
  });

  test('FLIP-3: is canceled when the client disconnects', async () => {
    const line = new AbortController();
    const flipped = client(30_000).patchChat(chatId, flip, { signal: line.signal });
    await until(() => signals.length === 1);
    line.abort();
    await expect(flipped).rejects.toBe(line.signal.reason);
    await until(() => signals[0]?.aborted, { what: 'the server to see it' });
    expect(signals).toHaveLength(1);
  });

  test('is requested again if a proxy gives up after a long wait, but not after a short one', async () => {
    let cuts = 0;
    const cutting: typeof fetch = async (input, init) => {
      if (cuts >= 2) return fetch(input, init);
      cuts += 1;
      const sentAtMs = performance.now();
      await until(() => performance.now() - sentAtMs > 40);
      throw new TypeError('fetch failed');
    };
    const patient = createClient({ url: server.url, token: testToken, timeoutMs: 20, fetch: cutting });
    const flipped = patient.patchChat(chatId, flip);
    await until(() => signals.length === 1);
    finish();
    expect(await flipped).toMatchObject({ backend: 'claude_pty' });
    expect(cuts).toBe(2);
    cuts = 0;
    const hasty = createClient({ url: server.url, token: testToken, timeoutMs: 60_000, fetch: cutting });
    await expect(hasty.patchChat(chatId, flip)).rejects.toThrow('cannot be reached');
    expect(cuts).toBe(1);
  });
});
