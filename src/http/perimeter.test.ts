/** What anyone who reaches the port can do, over real sockets: none of it may cost the server more than its answer. */
import { once } from 'node:events';
import { connect, type Socket } from 'node:net';
import { afterEach, describe, expect, it, vi } from 'vitest';
import { createTestApp, testToken, type TestApp } from '../../test/support/test-app.ts';
import { until } from '../../test/support/until.ts';
import type { AppOptions } from './app.ts';
import { declaredFor } from './app.ts';
import type { Route } from './route.ts';
import { listen, type HttpServer, type ListenOptions } from './server.ts';

const host = 'host: localhost';
const good = `authorization: Bearer ${testToken}`;
const bad = 'authorization: Bearer wrong';
const json = 'content-type: application/json';

let test: TestApp;
let server: HttpServer;
const sockets: Socket[] = [];

afterEach(async () => {
  vi.restoreAllMocks();
  for (const socket of sockets.splice(0)) socket.destroy();
  await server.close();
});

async function start(options: Partial<ListenOptions> = {}, app: Partial<AppOptions> = {}): Promise<void> {
  test = createTestApp(app);
  server = await listen(test.app, { host: '127.0.0.1', port: 0, log: test.log, ...options });
}

interface Peer {
  socket: Socket;
  received(): string;
  /** The server has closed the connection: a client that never closes sees its end, or a reset. */
  isOver(): boolean;
}

/** A client that sends these lines and never closes its side. */
async function open(...lines: string[]): Promise<Peer> {
  const socket = connect({ port: server.port, host: '127.0.0.1', allowHalfOpen: true });
  sockets.push(socket);
  let received = '';
  let isOver = false;
  socket.on('data', (piece) => (received += String(piece)));
  socket.on('error', () => undefined);
  socket.on('end', () => (isOver = true));
  socket.on('close', () => (isOver = true));
  await once(socket, 'connect');
  if (lines.length > 0) socket.write([...lines, '', ''].join('\r\n'));
  return { socket, received: () => received, isOver: () => isOver };
}

const statusOf = (peer: Peer): number => Number(/^HTTP\/1\.1 (\d+)/.exec(peer.received())?.[1] ?? 0);

/** Keeps sending a body that never ends, until the connection breaks. */
function pour({ socket }: Peer): () => number {
  const piece = Buffer.alloc(64 * 1024, 0x20);
  const chunk = Buffer.concat([Buffer.from(`${piece.length.toString(16)}\r\n`), piece, Buffer.from('\r\n')]);
  const more = (): void => {
    if (!socket.destroyed && socket.writable) socket.write(chunk, () => setImmediate(more));
  };
  more();
  return () => socket.bytesWritten;
}

const routes = createTestApp().app.routes.flatMap(({ handler }): Route[] => {
  const declared = declaredFor(handler);
  return declared === undefined || declared === 'guard' ? [] : [declared];
});
const pathOf = (route: Route): string => route.path.replaceAll(/\{\w+\}/g, '11111111-1111-4111-8111-111111111111');

describe('ACCESS-7: a request without a valid credential', () => {
  it.each(routes.filter(({ policy }) => policy === 'bearer' || policy === 'ticket').map((r) => [r.method, r.path, r]))(
    'is answered and disconnected before a byte of its body is read: %s %s',
    async (_method, _path, route) => {
      await start();
      const lines = [`${route.method} ${pathOf(route)} HTTP/1.1`, host, json];
      const silent = await open(...lines, 'content-length: 15000000');
      const pouring = await open(...lines, bad, 'transfer-encoding: chunked');
      const sent = pour(pouring);
      await until(() => silent.isOver() && pouring.isOver());
      expect([statusOf(silent), statusOf(pouring)]).toEqual([401, 401]);
      await until(() => server.connections.open === 0);
      // Only what fits in the kernel's buffers, and what the server discards so that the answer arrives.
      expect(sent()).toBeLessThan(12 * 1024 * 1024);
      expect(test.errors).toEqual([]);
    },
  );

  it('is not asked to continue with a body that it announces', async () => {
    await start();
    const lines = ['POST /v1/chats HTTP/1.1', host, json, 'content-length: 14', 'expect: 100-continue'];
    const refused = await open(...lines, bad);
    await until(() => refused.isOver());
    expect(refused.received()).toMatch(/^HTTP\/1\.1 401 /);
    const taken = await open(...lines, good, 'connection: close');
    await until(() => taken.received().startsWith('HTTP/1.1 100 Continue'));
    taken.socket.write('{"cwd":"/tmp"}');
    await until(() => taken.received().includes('HTTP/1.1 201'));
  });

  it('is disconnected if its GET has a body', async () => {
    await start();
    const peer = await open('GET /healthz HTTP/1.1', host, 'transfer-encoding: chunked');
    pour(peer);
    await until(() => peer.isOver());
    expect(statusOf(peer)).toBe(200);
    await until(() => server.connections.open === 0);
  });
});

describe('ACCESS-8: a body', () => {
  it('of a sign-in is at most a kilobyte, and a larger one is neither read nor parsed', async () => {
    await start();
    const parse = vi.spyOn(JSON, 'parse');
    const peer = await open('POST /v1/sign-in HTTP/1.1', host, json, 'transfer-encoding: chunked');
    peer.socket.write(`3000\r\n${'['.repeat(0x3000)}\r\n`);
    await until(() => peer.isOver());
    expect(statusOf(peer)).toBe(413);
    expect(parse).not.toHaveBeenCalled();
    const declared = await open('POST /v1/sign-in HTTP/1.1', host, json, 'content-length: 1025');
    await until(() => declared.isOver());
    expect(statusOf(declared)).toBe(413);
  });

  it('that is cut off is not a server error', async () => {
    await start();
    const lines = ['POST /v1/chats HTTP/1.1', host, json, good, 'content-length: 100', 'expect: 100-continue'];
    for (let count = 0; count < 3; count += 1) {
      const peer = await open(...lines);
      await until(() => peer.received().includes('100 Continue'));
      peer.socket.write('{"cwd":');
      peer.socket.resetAndDestroy();
      await until(() => server.connections.open === 0);
    }
    expect(test.infos.map(({ facts }) => facts)).toMatchObject([
      { status: 400, code: 'invalid_request', path: '/v1/chats' },
    ]);
    expect(test.errors).toEqual([]);
  });
});

describe('ACCESS-7: a client with a valid credential', () => {
  it.each(['keep-alive', 'close'])('gets an answer that did not wait for the body: %s', async (how) => {
    await start();
    const path = '/v1/chats/11111111-1111-4111-8111-111111111111/prompts';
    const lines = [`POST ${path} HTTP/1.1`, host, json, good, 'content-length: 8000000', `connection: ${how}`];
    const peer = await open(...lines);
    const { socket } = peer;
    // Like a client that reads the answer only after sending everything.
    socket.pause();
    let broken: Error | undefined;
    socket.on('error', (error) => (broken = error));
    socket.write('['.repeat(200));
    await until(() => test.infos.length > 0);
    await new Promise((sent) => socket.write(Buffer.alloc(7_999_800, 0x20), sent));
    socket.resume();
    await until(() => peer.isOver());
    expect(statusOf(peer)).toBe(400);
    expect(broken).toBeUndefined();
    await until(() => server.connections.open === 0);
  });
});

describe('ACCESS-9: a refused upgrade', () => {
  const upgrade = ['connection: Upgrade', 'upgrade: websocket', 'sec-websocket-version: 13'];
  const key = 'sec-websocket-key: AAAAAAAAAAAAAAAAAAAAAA==';

  it.each([
    ['without a credential', 401, ['GET /v1/live HTTP/1.1', host, ...upgrade, key]],
    ['with a foreign origin', 403, ['GET /v1/live HTTP/1.1', host, 'origin: https://evil.example', ...upgrade, key]],
    ['of a path that is none', 404, ['GET /nowhere HTTP/1.1', host, ...upgrade, key]],
    ['of a path that is no socket', 200, ['GET /healthz HTTP/1.1', host, ...upgrade, key]],
    ['of a file', 200, ['GET / HTTP/1.1', host, ...upgrade, key]],
    ['with a bad handshake', 400, ['GET /v1/live HTTP/1.1', host, good, ...upgrade, 'sec-websocket-key: x']],
    ['of HEAD', 401, ['HEAD /v1/live HTTP/1.1', host, ...upgrade, key]],
    ['of POST', 400, ['POST /v1/live HTTP/1.1', host, good, ...upgrade, key]],
    ['to HTTP/2', 200, ['GET /healthz HTTP/1.1', host, 'connection: Upgrade, HTTP2-Settings', 'upgrade: h2c']],
  ])('%s leaves no connection, although its clients never close', async (_what, status, lines) => {
    await start();
    const peers: Peer[] = [];
    for (let count = 0; count < 20; count += 1) peers.push(await open(...lines));
    await until(() => peers.every((peer) => peer.isOver()));
    expect(new Set(peers.map(statusOf))).toEqual(new Set([status]));
    await until(() => server.connections.open === 0);
    expect(test.errors).toEqual([]);
  });

  it('leaves none of 300 connections, although their clients neither read nor close', async () => {
    await start();
    for (let count = 0; count < 300; count += 1) {
      const peer = await open();
      peer.socket.pause();
      peer.socket.write(['GET /v1/live HTTP/1.1', host, ...upgrade, key, '', ''].join('\r\n'));
    }
    await until(() => server.connections.open === 0);
    expect(test.errors).toEqual([]);
  });
});
