// Real servers on the loopback interface. Only the limit for connecting is on a clock that the test moves.
import { createServer, type IncomingMessage, type RequestListener } from 'node:http';
import { type AddressInfo, createServer as createTcpServer, type Server, type Socket } from 'node:net';
import { once } from 'node:events';
import type { Duplex } from 'node:stream';
import { text } from 'node:stream/consumers';
import { afterEach, describe, expect, test, vi } from 'vitest';
import { callPeer, type PeerCall, PeerError, upgradePeer } from './peer-connection.ts';

const servers: Server[] = [];
const sockets: Socket[] = [];
afterEach(async () => {
  vi.useRealTimers();
  vi.restoreAllMocks();
  for (const socket of sockets.splice(0)) socket.destroy();
  for (const server of servers.splice(0)) if (server.listening) await new Promise((done) => server.close(done));
});

async function listen(server: Server, scheme = 'http'): Promise<string> {
  servers.push(server);
  server.on('connection', (socket) => sockets.push(socket));
  await new Promise<void>((done) => server.listen(0, '127.0.0.1', done));
  return `${scheme}://127.0.0.1:${(server.address() as AddressInfo).port}`;
}
const serve = (answer: RequestListener): Promise<string> => listen(createServer(answer));
const serveBytes = (talk: (socket: Socket) => void, scheme?: string): Promise<string> =>
  listen(createTcpServer(talk), scheme);

const call = (address: string, more: Partial<PeerCall> = {}): PeerCall => ({
  address,
  method: 'POST',
  target: '/v1/x?a=b',
  headers: { 'x-test': 'yes' },
  body: Buffer.from('hello'),
  ...more,
});
/** Why it failed. */
async function failure(of: Promise<unknown>): Promise<PeerError> {
  const error = await of.then(
    () => new Error('It did not fail.'),
    (reason: unknown) => reason,
  );
  expect(error).toBeInstanceOf(PeerError);
  return error as PeerError;
}

describe('HOST-3: a request to another host', () => {
  test('arrives as it is, below the path of the address, on a connection of its own', async () => {
    const asked: { request: IncomingMessage; body: string }[] = [];
    const address = await serve((request, response) => {
      void text(request).then((body) => {
        asked.push({ request, body });
        response.writeHead(201, { 'x-answer': 'yes' });
        response.end('done');
      });
    });
    for (let times = 0; times < 2; times += 1) {
      const answer = await callPeer(call(`${address}/base`));
      expect([answer.statusCode, answer.headers['x-answer'], await text(answer)]).toEqual([201, 'yes', 'done']);
    }
    const [{ request, body }] = asked as [(typeof asked)[0]];
    expect([request.method, request.url, request.headers['x-test'], body]).toEqual([
      'POST',
      '/base/v1/x?a=b',
      'yes',
      'hello',
    ]);
    expect(sockets).toHaveLength(2);
  });

  test('is sent without delay on a connection that the system watches', async () => {
    const { Socket: SocketClass } = await import('node:net');
    const keepAlive = vi.spyOn(SocketClass.prototype, 'setKeepAlive');
    const noDelay = vi.spyOn(SocketClass.prototype, 'setNoDelay');
    const address = await serve((_, response) => response.end());
    (await callPeer(call(address))).resume();
    expect(keepAlive).toHaveBeenCalledWith(true, 10_000);
    expect(noDelay).toHaveBeenCalledWith(true);
  });

  test('was not sent if the connection is refused', async () => {
    const server = createServer();
    const address = await listen(server);
    await new Promise((done) => server.close(done));
    for (const attempt of [callPeer(call(address)), upgradePeer(call(address))]) {
      const { name, wasSent, message, cause } = await failure(attempt);
      expect([name, wasSent, message]).toEqual(['PeerError', false, 'The other host did not answer']);
      expect(cause).toMatchObject({ code: 'ECONNREFUSED' });
    }
  });

  test('may have been carried out if the connection breaks before the answer', async () => {
    const address = await serve((request) => request.socket.destroy());
    expect((await failure(callPeer(call(address)))).wasSent).toBe(true);
  });

  test('whose answer breaks off fails while it is read', async () => {
    const address = await serve((request, response) => {
      response.writeHead(200, { 'content-length': '10' });
      response.write('half', () => request.socket.destroy());
    });
    await expect(text(await callPeer(call(address)))).rejects.toMatchObject({ code: 'ECONNRESET' });
  });

  test('ends with its signal, before the answer and within it', async () => {
    let isAsked = (): void => {};
    const asked = new Promise<void>((resolve) => (isAsked = resolve));
    const address = await serve((request, response) => {
      if (request.headers['x-test'] === 'silent') return isAsked();
      response.write('half');
    });
    const [before, within] = [new AbortController(), new AbortController()];
    const silent = callPeer(call(address, { headers: { 'x-test': 'silent' }, signal: before.signal }));
    await asked;
    before.abort();
    const error = await failure(silent);
    expect(error.wasSent).toBe(true);
    expect(error.cause).toMatchObject({ name: 'AbortError' });
    const answer = await callPeer(call(address, { signal: within.signal }));
    within.abort();
    await expect(text(answer)).rejects.toThrow('aborted');
    expect((await failure(callPeer(call(address, { signal: within.signal })))).wasSent).toBe(false);
  });

  test('gives up on a peer from which nothing comes, before the answer and within it', async () => {
    const silent = await serveBytes((socket) => socket.resume());
    const error = await failure(callPeer(call(silent, { silenceLimitMs: 30 })));
    expect(error.wasSent).toBe(true);
    expect(error.cause).toEqual(new Error('The other host is silent.'));
    const address = await serve((_, response) => void response.write('half'));
    await expect(text(await callPeer(call(address, { silenceLimitMs: 30 })))).rejects.toThrow('aborted');
  });
});

describe('HOST-4: the time to connect', () => {
  /** With TLS, because a connection without it is made by the system, even to a process that is frozen. */
  const serveMute = async (
    talk: (socket: Socket) => void,
  ): Promise<{ address: string; accepted: Promise<unknown> }> => {
    let isAccepted = (): void => {};
    const accepted = new Promise<void>((resolve) => (isAccepted = resolve));
    const address = await serveBytes((socket) => {
      // The first bytes of the handshake.
      socket.once('data', () => {
        talk(socket);
        isAccepted();
      });
    }, 'https');
    return { address, accepted };
  };

  const noTimer = async (): Promise<void> => {
    while (vi.getTimerCount() > 0) await new Promise(setImmediate);
  };

  test('is three seconds; then nothing was sent', async () => {
    vi.useFakeTimers({ toFake: ['setTimeout', 'clearTimeout'] });
    const { address, accepted } = await serveMute(() => {});
    let isOver = false;
    const calling = failure(callPeer(call(address))).finally(() => (isOver = true));
    await accepted;
    vi.advanceTimersByTime(2_999);
    await new Promise(setImmediate);
    expect(isOver).toBe(false);
    vi.advanceTimersByTime(1);
    const error = await calling;
    expect(error.wasSent).toBe(false);
    expect(error.cause).toEqual(new Error('The connection took too long.'));
  });

  test('does not go on once the connection is there, or has failed', async () => {
    vi.useFakeTimers({ toFake: ['setTimeout', 'clearTimeout'] });
    const { address } = await serveMute((socket) => socket.destroy());
    expect((await failure(callPeer(call(address)))).wasSent).toBe(false);
    await noTimer();
    const silent = await serveBytes((socket) => socket.resume());
    const abort = new AbortController();
    const connected = once(servers.at(-1)!, 'connection');
    const calling = failure(callPeer(call(silent, { signal: abort.signal })));
    await connected;
    await noTimer();
    abort.abort();
    await calling;
  });
});

describe('TERM-13: a WebSocket on another host', () => {
  const headers = { connection: 'Upgrade', upgrade: 'websocket' };
  const accept = async (greet: (socket: Duplex) => void): Promise<string> => {
    const server = createServer();
    server.on('upgrade', (request, socket) => {
      socket.write(
        `HTTP/1.1 101 Switching Protocols\r\nconnection: Upgrade\r\nupgrade: websocket\r\nx-url: ${request.url}\r\n\r\nhead`,
        () => greet(socket),
      );
    });
    return listen(server);
  };

  test('is the connection, with what has come on it', async () => {
    const address = await accept((socket) => socket.pipe(socket));
    const upgraded = await upgradePeer(call(address, { method: 'GET', headers }));
    if ('answer' in upgraded) throw new Error('It was refused.');
    const { response, socket, head } = upgraded;
    expect([response.statusCode, response.headers['x-url']]).toEqual([101, '/v1/x?a=b']);
    expect(head.toString()).toBe('head');
    socket.write('there and back');
    const [back] = (await once(socket, 'data')) as [Buffer];
    expect(back.toString()).toBe('there and back');
    socket.destroy();
  });

  test('that is refused is an answer', async () => {
    const address = await serve((_, response) => response.writeHead(403).end('no'));
    const upgraded = await upgradePeer(call(address, { method: 'GET', headers }));
    if (!('answer' in upgraded)) throw new Error('It was accepted.');
    expect([upgraded.answer.statusCode, await text(upgraded.answer)]).toEqual([403, 'no']);
  });

  test('that breaks before anybody uses it is destroyed, and nothing else happens', async () => {
    const address = await accept(() => {});
    const abort = new AbortController();
    const upgraded = await upgradePeer(call(address, { method: 'GET', headers, signal: abort.signal }));
    if ('answer' in upgraded) throw new Error('It was refused.');
    sockets[0]!.resetAndDestroy();
    await new Promise((resolve) => upgraded.socket.once('close', resolve));
    expect(upgraded.socket.destroyed).toBe(true);
  });
});
