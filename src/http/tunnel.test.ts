// A terminal of another host: a connection that the app has opened there. All connections are real.
import { once } from 'node:events';
import { createServer, request as sendRequest, type Server } from 'node:http';
import type { AddressInfo } from 'node:net';
import type { Duplex } from 'node:stream';
import { afterEach, beforeEach, describe, expect, test } from 'vitest';
import { until } from '../../test/support/until.ts';
import { silentLog } from '../lib/log.ts';
import { upgradePeer } from '../peers/peer-connection.ts';
import { createOpenFeeds, type OpenFeeds } from './open-feeds.ts';
import type { Tunnel } from './route.ts';
import { createUpgrades } from './upgrades.ts';

let holder: Server;
let host: Server;
let openFeeds: OpenFeeds;
/** The holder's end of the tunnel. */
let far: Duplex;
/** Runs between the holder's handshake and the client's. */
let meanwhile: (opened: Tunnel) => unknown;
const headers = { connection: 'Upgrade', upgrade: 'websocket' };

async function listen(server: Server): Promise<void> {
  await new Promise<void>((done) => server.listen(0, '127.0.0.1', done));
}
const portOf = (server: Server): number => (server.address() as AddressInfo).port;

beforeEach(async () => {
  meanwhile = () => {};
  openFeeds = createOpenFeeds();
  holder = createServer().on('upgrade', (_, socket) => {
    far = socket.on('error', () => {});
    socket.once('end', () => socket.destroy());
    socket.write(
      'HTTP/1.1 101 Switching Protocols\r\nupgrade: websocket\r\nconnection: Upgrade\r\nx-own: x\r\n\r\nhello',
    );
  });
  const app = {
    async fetch(_: Request, env: { upgrade?: { tunnel(to: Tunnel): Response } }) {
      const address = `http://127.0.0.1:${portOf(holder)}`;
      const opened = await upgradePeer({ address, method: 'GET', target: '/', headers });
      if ('answer' in opened) throw new Error('It was refused.');
      await meanwhile(opened);
      return env.upgrade!.tunnel(opened);
    },
  };
  const upgrades = createUpgrades(app as unknown as Parameters<typeof createUpgrades>[0], {
    log: silentLog,
    openFeeds,
  });
  const peer = {} as Parameters<typeof upgrades.handle>[3];
  host = createServer().on('upgrade', (incoming, socket, head) => upgrades.handle(incoming, socket, head, peer));
  await Promise.all([listen(holder), listen(host)]);
});
afterEach(async () => {
  far.destroy();
  await Promise.all([holder, host].map((server) => new Promise((done) => server.close(done))));
});

const connect = () => sendRequest({ port: portOf(host), host: '127.0.0.1', headers, agent: false }).end();
async function open() {
  const [response, socket, head] = (await once(connect(), 'upgrade')) as [{ headers: object }, Duplex, Buffer];
  const first = head.length > 0 ? head : ((await once(socket, 'data')) as [Buffer])[0];
  return { response, client: socket, first: first.toString() };
}
const next = async (of: Duplex): Promise<string> => String((await once(of, 'data'))[0]);
const closed = (of: Duplex): Promise<unknown> => once(of.resume(), 'close');

describe('TERM-13: a terminal on another host', () => {
  test('passes the holder’s handshake and the bytes of both sides on', async () => {
    const { response, client, first } = await open();
    expect(response.headers).toEqual(headers);
    expect(first).toBe('hello');
    client.write('to the holder');
    expect(await next(far)).toBe('to the holder');
    far.write('to the client');
    expect(await next(client)).toBe('to the client');
    expect(openFeeds.size).toBe(1);
    client.destroy();
    await closed(far);
    await until(() => openFeeds.size === 0);
  });

  test('ends for the client when the holder ends it, or this host stops', async () => {
    const one = await open();
    const ended = closed(one.client);
    far.destroy();
    await ended;
    const two = await open();
    const [stopped, left] = [closed(two.client), closed(far)];
    openFeeds.closeAll();
    await Promise.all([stopped, left]);
    expect([two.client.destroyed, far.destroyed]).toEqual([true, true]);
  });

  test('ends at once if the holder has gone before the client has its handshake', async () => {
    meanwhile = ({ socket }) => {
      far.destroy();
      return closed(socket);
    };
    await expect(once(connect(), 'upgrade')).rejects.toThrow('socket hang up');
    expect(openFeeds.size).toBe(0);
  });
});
