import { once } from 'node:events';
import { connect, type Socket } from 'node:net';
import { afterEach, describe, expect, it } from 'vitest';
import { createTestApp, testToken, type TestApp } from '../../test/support/test-app.ts';
import { openProxy } from '../../test/support/proxy.ts';
import { until } from '../../test/support/until.ts';
import type { FeedItem } from '../protocol/event.ts';
import { createClient } from '../client/client.ts';
import { silently } from './patiently.ts';
import type { ServerEnv } from './route.ts';
import { listen, type HttpServer } from './server.ts';

const authorization = `authorization: Bearer ${testToken}`;
let test: TestApp;
let server: HttpServer;
const sockets: Socket[] = [];

afterEach(async () => {
  for (const socket of sockets.splice(0)) socket.destroy();
  await server.close();
});

async function start(options: { drainTimeoutMs?: number } = {}): Promise<void> {
  test = createTestApp();
  server = await listen(test.app, { host: '127.0.0.1', port: 0, log: test.log, ...options });
}

async function open(): Promise<Socket> {
  const socket = connect(server.port, '127.0.0.1');
  sockets.push(socket);
  await once(socket, 'connect');
  return socket;
}

/** Sends the lines unchanged, and reads until the server closes the connection. */
async function raw(...lines: string[]): Promise<string> {
  const socket = await open();
  socket.write([...lines, '', ''].join('\r\n'));
  let answer = '';
  for await (const piece of socket) answer += String(piece);
  return answer;
}

async function follow(): Promise<{ id: string; socket: Socket; received: () => string }> {
  const { id } = await test.chats.createChat({ cwd: '/tmp' });
  const socket = await open();
  let received = '';
  socket.on('data', (piece) => (received += String(piece)));
  socket.on('error', () => undefined);
  const lines = [`GET /v1/chats/${id}/events HTTP/1.1`, 'host: localhost', 'accept: text/event-stream', authorization];
  socket.write([...lines, '', ''].join('\r\n'));
  await until(() => received.includes('event: resume'));
  return { id, socket, received: () => received };
}

const chunk = (chatId: string, text: string): FeedItem => ({
  kind: 'delta',
  delta: { chatId, type: 'agent_message_chunk', messageId: 'm', content: { type: 'text', text } },
});

it('WEB-55: a compressing proxy holds back nothing of a feed', async () => {
  await start();
  const { id } = await test.chats.createChat({ cwd: '/tmp' });
  const proxy = await openProxy({ target: `http://127.0.0.1:${server.port}`, compresses: true });
  const abort = new AbortController();
  const seen: FeedItem['kind'][] = [];
  const following = (async () => {
    const client = createClient({ url: proxy.url, token: testToken });
    for await (const item of client.follow(id, { signal: abort.signal })) seen.push(item.kind);
  })();
  try {
    await until(
      () => {
        test.chats.push(id, chunk(id, 'a'));
        return seen.length > 0;
      },
      { timeoutMs: 40_000, what: 'a piece of the feed' },
    );
  } finally {
    abort.abort();
    await following;
    await proxy.close();
  }
  expect(seen[0]).toBe('resume');
});

describe('raw requests', () => {
  const close = 'connection: close';

  it('are answered for an allowed Host', async () => {
    await start();
    expect(await raw('GET /healthz HTTP/1.1', `host: localhost:${server.port}`, close)).toMatch(/^HTTP\/1\.1 200 /);
    expect(await raw('GET /healthz HTTP/1.1', 'Host: LOCALHOST', close)).toMatch(/^HTTP\/1\.1 200 /);
    expect(server.url).toBe(`http://127.0.0.1:${server.port}`);
  });

  it.each([
    ['HTTP/1.1 without Host', ['GET /healthz HTTP/1.1'], 400],
    ['HTTP/1.0 without Host', ['GET /healthz HTTP/1.0'], 400],
    ['an empty Host', ['GET /healthz HTTP/1.1', 'host:'], 400],
    ['a foreign Host', ['GET /healthz HTTP/1.1', 'host: evil.example'], 403],
    ['a trailing dot', ['GET /healthz HTTP/1.1', 'host: localhost.'], 403],
    ['two Hosts', ['GET /healthz HTTP/1.1', 'host: localhost', 'host: evil.example'], 403],
    ['user info in Host', ['GET /healthz HTTP/1.1', 'host: evil@localhost'], 400],
    ['a foreign name in the request line', ['GET http://evil.example/healthz HTTP/1.1', 'host: localhost'], 403],
    ['a foreign Host under our request line', ['GET http://localhost/healthz HTTP/1.1', 'host: evil.example'], 403],
    ['no path', ['GET healthz HTTP/1.1', 'host: localhost'], 400],
  ])('with %s are refused', async (_what, lines, status) => {
    await start();
    const answer = await raw(...lines, close);
    expect(answer.split('\r\n')[0]).toMatch(new RegExp(`^HTTP/1\\.1 ${status} `));
    expect(answer).not.toContain('"ok"');
  });

  it('WEB-67: that are refused before their body has arrived close their connection, and others keep it open', async () => {
    await start();
    const late = ['POST /v1/live/tickets HTTP/1.1', 'host: localhost', 'authorization: Bearer wrong'];
    for (const body of ['content-length: 2', 'transfer-encoding: chunked']) {
      const answer = await raw(...late, body);
      expect(answer).toMatch(/^HTTP\/1\.1 401 /);
      expect(answer).toMatch(/^connection: close\r$/im);
    }
    const answered = await fetch(`${server.url}/v1/live/tickets`);
    expect([answered.status, answered.headers.get('connection')]).toEqual([405, 'keep-alive']);
  });

  it('with a body larger than allowed get their response', async () => {
    await start();
    const socket = await open();
    let answer = '';
    socket.on('data', (piece) => (answer += String(piece)));
    socket.on('error', () => undefined);
    const lines = ['POST /v1/chats HTTP/1.1', 'host: localhost', 'content-type: application/json', authorization];
    socket.write([...lines, 'transfer-encoding: chunked', '', ''].join('\r\n'));
    const mebibyte = Buffer.alloc(1024 * 1024, 0x20);
    for (let sent = 0; sent < 17; sent += 1) {
      socket.write('100000\r\n');
      socket.write(mebibyte);
      socket.write('\r\n');
    }
    await until(() => answer.includes('payload_too_large'));
    expect(answer).toMatch(/^HTTP\/1\.1 413 /);
    expect(test.errors).toEqual([]);
  });
});

describe('a live feed on a socket', () => {
  it('closes its reader when the client disconnects', async () => {
    await start();
    const { socket } = await follow();
    expect(test.chats.openReaders).toBe(1);
    socket.destroy();
    await until(() => test.chats.openReaders === 0);
    expect(test.errors).toEqual([]);
  });

  it('closes its reader when the client disconnects before it has started', async () => {
    await start();
    const { id } = await test.chats.createChat({ cwd: '/tmp' });
    const follow = test.chats.follow.bind(test.chats);
    let go: (() => void) | undefined;
    let opened = 0;
    test.chats.follow = async (...args) => {
      await new Promise<void>((resolve) => (go = resolve));
      const reader = await follow(...args);
      opened = test.chats.openReaders;
      return reader;
    };
    const socket = await open();
    const lines = [
      `GET /v1/chats/${id}/events HTTP/1.1`,
      'host: localhost',
      'accept: text/event-stream',
      authorization,
    ];
    socket.write([...lines, '', ''].join('\r\n'));
    const begin = await until(() => go);
    socket.destroy();
    await once(socket, 'close');
    await new Promise(setImmediate);
    begin();
    await until(() => opened === 1 && test.chats.openReaders === 0);
    expect(test.errors).toEqual([]);
  });

  it('reads no more from the chat than a slow client reads from the socket', async () => {
    await start();
    const { id, socket, received } = await follow();
    socket.pause();
    const count = 2000;
    for (let i = 0; i < count; i += 1) test.chats.push(id, chunk(id, `${i}:${'x'.repeat(20_000)}`));
    // The count stops once both sockets' buffers are full.
    let before = -1;
    let still = 0;
    await until(() => {
      still = test.chats.itemsTaken === before ? still + 1 : 0;
      before = test.chats.itemsTaken;
      return still > 40;
    });
    expect(before).toBeGreaterThan(0);
    expect(before).toBeLessThan(count * 0.8);
    socket.resume();
    await until(() => received().includes(`"${count - 1}:`));
    expect(received().match(/event: delta/g)).toHaveLength(count);
  });

  it('forwards a burst of small deltas, completely and in order', async () => {
    await start();
    const { id, received } = await follow();
    const count = 20_000;
    for (let i = 0; i < count; i += 1) test.chats.push(id, chunk(id, `<${i}>`));
    await until(() => received().includes(`<${count - 1}>`));
    const order = [...received().matchAll(/<(\d+)>/g)].map(([, number]) => Number(number));
    expect(order).toEqual(Array.from({ length: count }, (_, i) => i));
  });
});

describe('the address', () => {
  it('names loopback if the server listens everywhere', async () => {
    test = createTestApp();
    server = await listen(test.app, { host: '0.0.0.0', port: 0, log: test.log });
    expect(server.url).toBe(`http://127.0.0.1:${server.port}`);
    expect((await fetch(`${server.url}/healthz`)).status).toBe(200);
  });
});

describe('closing', () => {
  it('ends the live feeds and refuses new connections', async () => {
    await start();
    const { socket, received } = await follow();
    await Promise.all([once(socket, 'end'), server.close(), server.close()]);
    expect(received()).toMatch(/\r\n0\r\n\r\n$/);
    expect(test.chats.openReaders).toBe(0);
    const refused = connect(server.port, '127.0.0.1');
    const [error] = (await once(refused, 'error')) as [NodeJS.ErrnoException];
    expect(error.code).toBe('ECONNREFUSED');
  });

  it('lets a running request finish, and does not wait for its idle connection', async () => {
    await start({ drainTimeoutMs: 600_000 });
    let finish: (() => void) | undefined;
    test.chats.health = () => new Promise((resolve) => (finish = () => resolve(null)));
    const answer = raw('GET /healthz HTTP/1.1', 'host: localhost');
    await until(() => finish);
    const closed = server.close();
    finish?.();
    expect(await answer).toMatch(/"ok"/);
    await closed;
  });

  it('does not wait for a spare connection', async () => {
    await start({ drainTimeoutMs: 600_000 });
    const spare = await open();
    // By the time this is answered, the server has accepted the spare connection.
    await raw('GET /healthz HTTP/1.1', 'host: localhost', 'connection: close');
    await Promise.all([once(spare, 'close'), server.close()]);
    expect(spare.destroyed).toBe(true);
  });

  it('is bounded, whatever a request does', async () => {
    await start({ drainTimeoutMs: 50 });
    let asked = false;
    test.chats.health = () => {
      asked = true;
      return new Promise(() => undefined);
    };
    const answer = raw('GET /healthz HTTP/1.1', 'host: localhost').catch(() => '');
    await until(() => asked);
    await server.close();
    expect(await answer).toBe('');
  });
});

describe('an unusable address', () => {
  it.each([
    [
      'a port on which BooCode runs already',
      () => ({ host: '127.0.0.1', port: server.port }),
      /^BooCode is already running on this port: open http:\/\/127\.0\.0\.1:\d+, or .*--port/,
    ],
    [
      'an address of another machine',
      () => ({ host: '192.0.2.1', port: 0 }),
      /^The host 192\.0\.2\.1 is not an address/,
    ],
    [
      'a host that is none',
      () => ({ host: 'no-such-host.invalid', port: 0 }),
      /^The host no-such-host\.invalid is not/,
    ],
  ])('fails with one sentence: %s', async (_what, where, sentence) => {
    await start();
    const attempt = listen(test.app, { ...where(), log: test.log });
    await expect(attempt).rejects.toMatchObject({
      code: 'config_invalid',
      message: expect.stringMatching(sentence) as string,
    });
  });
});

it('a connection without progress is closed, unless an answer is allowed to take long', async () => {
  let release = (): void => {};
  const released = new Promise<void>((resolve) => (release = resolve));
  const fetch = async (request: Request, env: ServerEnv = {}): Promise<Response> => {
    if (!request.url.endsWith('/long')) return new Promise<never>(() => {});
    return silently(env, async () => {
      await released;
      return new Response('at last');
    });
  };
  test = createTestApp();
  server = await listen({ fetch }, { host: '127.0.0.1', port: 0, log: test.log, silenceLimitMs: 200 });
  const long = raw('GET /long HTTP/1.1', 'host: localhost', 'connection: close');
  // Two times the limit.
  for (let count = 0; count < 2; count += 1) expect(await raw('GET /short HTTP/1.1', 'host: localhost')).toBe('');
  release();
  expect(await long).toContain('at last');
});
