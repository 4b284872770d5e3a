/** Every kind of answer that can leave the port, over real sockets: each has our headers, and a reason. */
import { once } from 'node:events';
import { connect, type Socket } from 'node:net';
import { afterAll, afterEach, beforeAll, describe, expect, it } from 'vitest';
import { createTestApp, testToken, type TestApp } from '../../test/support/test-app.ts';
import { until } from '../../test/support/until.ts';
import { declaredFor } from './app.ts';
import { maxHeaders } from './odd-requests.ts';
import type { Route } from './route.ts';
import { listen, type HttpServer } from './server.ts';

let test: TestApp;
let server: HttpServer;
const sockets: Socket[] = [];
beforeAll(async () => {
  test = createTestApp({ limits: { failuresPerSource: Infinity, failuresInAll: Infinity } });
  server = await listen(test.app, { host: '127.0.0.1', port: 0, log: test.log, basePath: '/boo', headersLimitMs: 500 });
});
afterEach(() => {
  for (const socket of sockets.splice(0)) socket.destroy();
});
afterAll(() => server.close());

async function open(): Promise<{ socket: Socket; received: () => string }> {
  const socket = connect(server.port, '127.0.0.1');
  sockets.push(socket);
  let received = '';
  socket.on('data', (piece) => (received += String(piece)));
  socket.on('error', () => undefined);
  await once(socket, 'connect');
  return { socket, received: () => received };
}

/** The head of the answer to these lines, and what is after it. */
async function ask(...lines: string[]): Promise<{ status: number; headers: Headers; body: string }> {
  const { socket, received } = await open();
  socket.write([...lines, '', ''].join('\r\n'));
  await until(() => received().includes('\r\n\r\n'));
  const [head = '', ...rest] = received().split('\r\n\r\n');
  const [first = '', ...fields] = head.split('\r\n');
  socket.destroy();
  const headers = new Headers(
    fields.map((field) => [field.slice(0, field.indexOf(':')), field.slice(field.indexOf(':') + 1)]),
  );
  return { status: Number(first.split(' ')[1]), headers, body: rest.join('\r\n\r\n') };
}

function expectPolicy(headers: Headers): void {
  expect(headers.get('content-security-policy')).toContain("default-src 'none'");
  expect(headers.get('content-security-policy')).toContain("frame-ancestors 'none'");
  expect(headers.get('x-content-type-options')).toBe('nosniff');
  expect(headers.get('referrer-policy')).toBe('no-referrer');
  expect(headers.get('cross-origin-resource-policy')).toBe('same-origin');
  expect(headers.get('cache-control')).not.toBeNull();
}

const host = 'host: localhost';
const good = `authorization: Bearer ${testToken}`;
const routes = createTestApp().app.routes.flatMap(({ handler }): Route[] => {
  const declared = declaredFor(handler);
  return declared === undefined || declared === 'guard' ? [] : [declared];
});
const pathOf = (route: Route): string => route.path.replaceAll(/\{\w+\}/g, '11111111-1111-4111-8111-111111111111');

describe('NET-5: an answer', () => {
  it.each(routes.map((route) => [route.method, route.path, route] as const))(
    'has the policy, whatever it says: %s %s',
    async (method, _path, route) => {
      const path = pathOf(route);
      const answered = await ask(`${method} ${path} HTTP/1.1`, host, good);
      expect(answered.status).toBeLessThan(500);
      expectPolicy(answered.headers);
      expectPolicy((await ask(`${method} ${path} HTTP/1.1`, host)).headers);
      expectPolicy((await ask(`${method} ${path} HTTP/1.1`, 'host: evil.example', good)).headers);
    },
  );

  const upgrade = ['connection: Upgrade', 'upgrade: websocket', 'sec-websocket-version: 13'];
  it.each([
    ['a file', 200, ['GET /assets/app.js HTTP/1.1', host]],
    ['a file that does not exist', 404, ['GET /assets/none.js HTTP/1.1', host]],
    ['an unknown path', 404, ['GET /nowhere HTTP/1.1', host]],
    ['another method', 405, ['PUT /healthz HTTP/1.1', host]],
    ['HEAD', 200, ['HEAD /healthz HTTP/1.1', host]],
    ['the page for an unknown name', 403, ['GET / HTTP/1.1', 'host: evil.example', 'accept: text/html']],
    ['no Host', 400, ['GET /healthz HTTP/1.1']],
    ['two Hosts', 403, ['GET /healthz HTTP/1.1', host, 'host: evil.example']],
    ['a Host that is none', 400, ['GET /healthz HTTP/1.1', 'host: a b']],
    ['a target that is none', 400, ['GET healthz HTTP/1.1', host]],
    ['a body that is too large', 413, ['POST /v1/chats HTTP/1.1', host, good, 'content-length: 99999999']],
    ['an expectation', 400, ['POST /v1/chats HTTP/1.1', host, good, 'expect: a-miracle', 'content-length: 2']],
    ['a refused upgrade', 401, ['GET /v1/live HTTP/1.1', host, ...upgrade]],
    ['a bad handshake', 400, ['GET /v1/live HTTP/1.1', host, good, ...upgrade, 'sec-websocket-key: x']],
    ['an upgrade of a method that has none', 400, ['POST /v1/live HTTP/1.1', host, good, ...upgrade]],
    ['CONNECT', 405, ['CONNECT evil.example:443 HTTP/1.1', 'host: evil.example:443']],
    ['bytes that are no HTTP', 400, ['\u0016\u0003\u0001']],
    ['two lengths', 400, ['POST /v1/chats HTTP/1.1', host, good, 'content-length: 1', 'content-length: 2']],
    ['a length beside chunks', 400, ['POST / HTTP/1.1', host, 'content-length: 1', 'transfer-encoding: chunked']],
    ['an encoding in two steps', 400, ['POST / HTTP/1.1', host, 'transfer-encoding: chunked, gzip']],
    ['a chunk that is none', 400, ['POST /v1/chats HTTP/1.1', host, good, 'transfer-encoding: chunked', '', 'zz', 'x']],
    ['a header over two lines', 400, ['GET /healthz HTTP/1.1', host, 'x-a: b', ' c']],
    ['headers that are too large', 431, ['GET /healthz HTTP/1.1', host, `x-a: ${'a'.repeat(17_000)}`]],
    [
      'too many headers',
      431,
      ['GET /healthz HTTP/1.1', host, ...Array.from({ length: maxHeaders }, (_, n) => `a${n}: b`)],
    ],
    ['the base path without its slash', 308, ['GET /boo HTTP/1.1', host]],
  ])('to %s has the policy', async (_what, status, lines) => {
    const answer = await ask(...lines);
    expect(answer.status).toBe(status);
    expectPolicy(answer.headers);
    if (status >= 400 && !lines[0]!.startsWith('HEAD')) {
      await until(() => answer.body !== '' || status === 403);
    }
  });

  it('to headers that come too slowly has the policy', async () => {
    const { socket, received } = await open();
    socket.write('GET /healthz HTTP/1.1\r\nhost: lo');
    await until(() => received().includes('\r\n\r\n'));
    expect(received()).toMatch(/^HTTP\/1\.1 408 /);
    expect(received()).toContain("default-src 'none'");
    expect(received()).toContain('The headers must arrive within ten seconds.');
    await until(() => socket.destroyed);
  });

  it('leaves no error behind', () => expect(test.errors).toEqual([]));
});

describe('NET-4: a base path', () => {
  it.each(['/boo/healthz', '/healthz', '/boo/', '/'])('is served with and without it: %s', async (path) => {
    expect((await ask(`GET ${path} HTTP/1.1`, host)).status).toBe(200);
  });

  it.each(['/boo/boo/healthz', '/boofoo', '/boohealthz', '/BOO/healthz', '/boo//healthz'])(
    'is no other path: %s',
    async (path) => expect((await ask(`GET ${path} HTTP/1.1`, host)).status).toBe(404),
  );

  it('gets the slash that the page’s links need, and leads nowhere else', async () => {
    for (const target of ['/boo', '/boo?x=//evil.example']) {
      expect((await ask(`GET ${target} HTTP/1.1`, host)).headers.get('location')).toBe('/boo/');
    }
  });

  it('is in the server’s own address, which clients and sockets use', async () => {
    expect(server.url).toBe(`http://127.0.0.1:${server.port}/boo`);
    const lines = ['connection: Upgrade', 'upgrade: websocket', 'sec-websocket-version: 13'];
    const key = 'sec-websocket-key: AAAAAAAAAAAAAAAAAAAAAA==';
    expect((await ask('GET /boo/v1/live HTTP/1.1', host, good, key, ...lines)).status).toBe(101);
  });
});

describe('NET-7: a process that was busy for longer than headers may take', () => {
  it('answers what has arrived meanwhile', async () => {
    // On a connection that was used before, with the beginning of another request, and on one that is new.
    const used = await open();
    used.socket.write(['GET /healthz HTTP/1.1', host, '', ''].join('\r\n'));
    await until(() => used.received().includes('"ok"'));
    const fresh = await open();
    await until(() => server.connections.open === 2);
    used.socket.write('GET /boo/healthz HTTP/1.1\r\n');
    await new Promise((resolve) => setImmediate(() => setImmediate(resolve)));
    await until(() => server.connections.open === 2);
    const busyUntil = Date.now() + 900;
    fresh.socket.write(['GET /healthz HTTP/1.1', host, '', ''].join('\r\n'));
    used.socket.write([host, '', ''].join('\r\n'));
    while (Date.now() < busyUntil);
    await until(() => used.received().match(/"ok"/g)?.length === 2 && fresh.received().includes('"ok"'));
    expect(used.received() + fresh.received()).not.toContain(' 408 ');
  });
});
