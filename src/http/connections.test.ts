import { once } from 'node:events';
import { connect, type Socket } from 'node:net';
import { afterEach, describe, expect, it } from 'vitest';
import { createTestApp, testToken, type TestApp } from '../../test/support/test-app.ts';
import { until } from '../../test/support/until.ts';
import { type ConnectionLimits, connectionsWithin } from './connections.ts';
import { type HttpServer, listen } from './server.ts';

let test: TestApp;
let server: HttpServer;
const sockets: Socket[] = [];

afterEach(async () => {
  for (const socket of sockets.splice(0)) socket.destroy();
  await server.close();
});

async function start(connections: Partial<ConnectionLimits>): Promise<void> {
  test = createTestApp();
  server = await listen(test.app, { host: '0.0.0.0', port: 0, log: test.log, connections });
}

/** A connection from one of this machine's addresses: all of 127.0.0.0/8 are its own, and each is a source. */
async function open(from = '127.0.0.1'): Promise<Socket> {
  const before = server.connections.added;
  const socket = connect({ port: server.port, host: '127.0.0.1', localAddress: from });
  sockets.push(socket);
  socket.on('error', () => undefined);
  await once(socket, 'connect');
  await until(() => server.connections.added > before);
  return socket;
}

async function ask(socket: Socket, path = '/healthz', ...headers: string[]): Promise<string> {
  socket.write([`GET ${path} HTTP/1.1`, 'host: localhost', ...headers, '', ''].join('\r\n'));
  const [answer] = (await once(socket, 'data')) as [Buffer];
  return String(answer).slice(9, 12);
}
const known = (socket: Socket): Promise<string> => ask(socket, '/v1/info', `authorization: Bearer ${testToken}`);
const isClosed = (socket: Socket): boolean => socket.closed || socket.readableEnded || socket.destroyed;
const drain = (some: Socket[]): void => some.forEach((socket) => socket.resume());

describe('ACCESS-10: connections without a credential', () => {
  it('are closed for newer ones, the oldest idle one first', async () => {
    await start({ strangers: 3 });
    const [first, second, third] = [await open(), await open(), await open()];
    expect(await ask(first)).toBe('200');
    drain([first, second, third]);
    const fourth = await open();
    await until(() => isClosed(second));
    expect([isClosed(first), isClosed(third), isClosed(fourth)]).toEqual([false, false, false]);
    expect(server.connections.open).toBe(3);
    expect(await ask(fourth)).toBe('200');
  });

  it('are not closed in the middle of a request while another is idle', async () => {
    await start({ strangers: 2 });
    let finish: ((reason: null) => void) | undefined;
    test.chats.health = () => new Promise((resolve) => (finish = resolve));
    const busy = await open();
    const answer = ask(busy);
    const answered = await until(() => finish);
    const idle = await open();
    const newcomer = await open();
    drain([idle, newcomer]);
    await until(() => isClosed(idle));
    answered(null);
    expect(await answer).toBe('200');
  });

  it('keep nobody out: every newcomer is accepted, and stays once it has shown a valid credential', async () => {
    await start({ strangers: 4, strangersPerSource: 4 });
    const owner = await open();
    expect(await known(owner)).toBe('200');
    const crowd: Socket[] = [];
    for (let count = 0; count < 40; count += 1) {
      crowd.push(await open());
      // Each keeps a request open that never ends.
      crowd
        .at(-1)
        ?.write(
          'POST /v1/sign-in HTTP/1.1\r\nhost: localhost\r\ncontent-type: application/json\r\ncontent-length: 9\r\n\r\n{',
        );
    }
    drain(crowd);
    await until(() => crowd.filter((socket) => !isClosed(socket)).length === 4);
    expect(server.connections.open).toBe(5);
    expect(await known(owner)).toBe('200');
    const newcomer = await open();
    expect(await known(newcomer)).toBe('200');
    for (let count = 0; count < 8; count += 1) drain([await open()]);
    expect([isClosed(owner), isClosed(newcomer)]).toEqual([false, false]);
    expect(await known(newcomer)).toBe('200');
  });

  it('of one address are closed for its own, and those of the largest address if there are too many in total', async () => {
    await start({ strangers: 6, strangersPerSource: 4 });
    const other = await open('127.0.0.2');
    const crowd: Socket[] = [];
    for (let count = 0; count < 6; count += 1) crowd.push(await open('127.0.0.3'));
    drain([other, ...crowd]);
    await until(() => crowd.filter(isClosed).length === 2);
    const more = [await open('127.0.0.4'), await open('127.0.0.5')];
    drain(more);
    await until(() => crowd.filter(isClosed).length === 3);
    expect([other, ...more].some(isClosed)).toBe(false);
  });

  it('leave the process its descriptors: those with a credential are bounded too, and only then is a newcomer refused', async () => {
    await start({ total: 3 });
    const owners = [await open(), await open()];
    for (const owner of owners) await known(owner);
    const stranger = await open();
    const newcomer = await open();
    drain([stranger]);
    await until(() => isClosed(stranger));
    expect(await known(newcomer)).toBe('200');
    const refused = await open();
    drain([refused]);
    await until(() => isClosed(refused));
    for (const owner of [...owners, newcomer]) expect(await known(owner)).toBe('200');
    expect(server.connections.open).toBe(3);
  });

  it('may be several hundred at once, as when everyone behind one proxy comes back after a restart', async () => {
    await start({});
    const crowd = Array.from({ length: 400 }, () => {
      const socket = connect({ port: server.port, host: '127.0.0.1' });
      sockets.push(socket);
      return once(socket, 'connect').then(() => socket);
    });
    const all = await Promise.all(crowd);
    await until(() => server.connections.open === all.length);
    expect(new Set(await Promise.all(all.map(known)))).toEqual(new Set(['200']));
  });

  it('have limits that leave half of the descriptors for other uses', () => {
    expect(connectionsWithin(256)).toEqual({ total: 128, strangers: 64, strangersPerSource: 32 });
    expect(connectionsWithin(1_048_576)).toEqual(connectionsWithin());
  });
});
