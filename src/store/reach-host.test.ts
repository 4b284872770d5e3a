// With servers that only say what a database says before anyone logs in.
import { once } from 'node:events';
import { readFileSync } from 'node:fs';
import { type AddressInfo, createServer, type Socket } from 'node:net';
import { join } from 'node:path';
import { createSecureContext, TLSSocket } from 'node:tls';
import { afterEach, describe, expect, test } from 'vitest';
import { tlsFixtures } from '../../test/support/own-postgres.ts';
import { readDatabaseUrl } from './database-address.ts';
import { reachHost, TlsError } from './reach-host.ts';

const file = (name: string): string => join(tlsFixtures, name);
const context = createSecureContext({
  cert: readFileSync(file('server-name.crt')),
  key: readFileSync(file('test-only-server-name.key')),
});
const endings: (() => void)[] = [];
afterEach(() => {
  for (const end of endings.splice(0)) end();
});

async function listen(onConnection: (socket: Socket) => void): Promise<number> {
  const server = createServer((socket) => {
    socket.on('error', () => undefined);
    endings.push(() => socket.destroy());
    onConnection(socket);
  }).listen(0, '127.0.0.1');
  endings.push(() => server.close());
  await once(server, 'listening');
  return (server.address() as AddressInfo).port;
}

/** What a server was told. */
interface Seen {
  request?: string;
  name?: unknown;
  protocol?: unknown;
  client?: unknown;
}

/** A server that answers the request for TLS, and starts it after `S`. */
async function answering(answer: string | null, seen: Seen = {}) {
  return listen((socket) => {
    socket.once('data', (data) => {
      seen.request = data.toString('hex');
      if (answer === null) return void socket.end();
      socket.write(answer);
      if (answer === 'S') secureServer(socket, seen);
    });
  });
}

function secureServer(socket: Socket, seen: Seen): void {
  const options = { isServer: true, requestCert: true, rejectUnauthorized: false, ALPNProtocols: ['postgresql'] };
  const secured = new TLSSocket(socket, { ...options, secureContext: context });
  secured.on('error', () => undefined);
  secured.once('secure', () => {
    seen.name = (secured as TLSSocket & { servername: unknown }).servername;
    seen.protocol = secured.alpnProtocol;
    seen.client = secured.getPeerCertificate().subject?.CN;
    secured.write('hello');
  });
}

/** `plain` or `tls` after hearing the server through the socket, or the error. */
async function reach(port: number, parameters: string, host = '127.0.0.1'): Promise<unknown> {
  const { tls } = readDatabaseUrl(`postgres://u@db/x?${parameters.replaceAll('TLS', tlsFixtures)}`);
  let calls = 0;
  const result = await new Promise<{ socket: Socket } | { error: Error }>((resolve) => {
    reachHost({ host, port }, tls, (it) => {
      calls += 1;
      resolve(it);
    });
  });
  await new Promise(setImmediate);
  expect(calls).toBe(1);
  if ('error' in result) return result.error;
  const { socket } = result;
  endings.push(() => socket.destroy());
  expect(['error', 'close', 'data', 'connect', 'secureConnect'].map((name) => socket.listenerCount(name))).toEqual(
    Array.from({ length: 5 }, () => 0),
  );
  if (!(socket instanceof TLSSocket)) return 'plain';
  expect(String((await once(socket, 'data'))[0])).toBe('hello');
  return 'tls';
}

const ca = 'sslrootcert=TLS/ca.crt';
const otherCa = 'sslrootcert=TLS/other-ca.crt';

describe('DATA-18: a host is asked for TLS', () => {
  test('with the request of Postgres’s protocol, and for a name, that name', async () => {
    const seen: Seen = {};
    expect(await reach(await answering('S', seen), 'sslmode=require', 'localhost')).toBe('tls');
    expect(seen).toEqual({ request: '0000000804d2162f', name: 'localhost', protocol: false, client: undefined });
    expect(await reach(await answering('S', seen), 'sslmode=require')).toBe('tls');
    expect(seen).toMatchObject({ name: false });
  });

  test('with a certificate of the client’s own, and still with that of the authority', async () => {
    const seen: Seen = {};
    const own = 'sslcert=TLS/client.crt&sslkey=TLS/test-only-client.key';
    expect(await reach(await answering('S', seen), `sslmode=verify-full&${ca}&${own}`, 'localhost')).toBe('tls');
    expect(seen).toMatchObject({ client: 'with_certificate' });
  });

  test('not at all if none is wanted', async () => {
    const seen = {};
    expect(await reach(await answering('S', seen), 'sslmode=disable')).toBe('plain');
    expect(seen).toEqual({});
  });

  test('or TLS begins at once, with the name of the protocol', async () => {
    const seen = {};
    const port = await listen((socket) => secureServer(socket, seen));
    expect(await reach(port, 'sslmode=require&sslnegotiation=direct')).toBe('tls');
    expect(seen).toMatchObject({ protocol: 'postgresql' });
  });

  test.each([
    ['S', `sslmode=verify-ca&${ca}`, '127.0.0.1', 'tls'],
    ['S', `sslmode=verify-full&${ca}`, 'localhost', 'tls'],
    ['S', `sslmode=verify-full&${ca}`, '127.0.0.1', 'is not valid for 127.0.0.1'],
    ['S', `sslmode=verify-ca&${otherCa}`, 'localhost', 'not signed by an authority in sslrootcert'],
    ['S', 'sslmode=verify-ca', 'localhost', 'signed by an unknown authority'],
    ['S', 'sslmode=prefer', 'localhost', 'tls'],
    ['N', 'sslmode=prefer', 'localhost', 'plain'],
    ['N', 'sslmode=require', 'localhost', 'has no TLS, but sslmode=require requires it'],
    ['E', 'sslmode=prefer', 'localhost', 'has no TLS'],
    ['SX', 'sslmode=require', 'localhost', '(EPROTO)'],
    ['NX', 'sslmode=prefer', 'localhost', '(EPROTO)'],
    [null, 'sslmode=require', 'localhost', '(CONNECTION_CLOSED)'],
  ])('answers %s to %s at %s: %s', async (answer, parameters, host, wanted) => {
    const result = await reach(await answering(answer), parameters, host);
    const isTlsFailure = result instanceof TlsError && result.code === '08001' && result.cause instanceof Error;
    expect([isTlsFailure, String(result)]).toEqual([
      !['tls', 'plain'].includes(wanted),
      expect.stringContaining(wanted),
    ]);
  });
});

test.each(['sslmode=disable', 'sslmode=require'])(
  'a host that refuses connections is no failure of TLS (%s)',
  async (mode) => {
    const error = await reach(1, mode);
    expect(error).toMatchObject({ code: 'ECONNREFUSED' });
    expect(error).not.toBeInstanceOf(TlsError);
  },
);

test('an attempt that is given up closes its connection and reports nothing', async () => {
  const { tls } = readDatabaseUrl('postgres://u@db/x?sslmode=require');
  let calls = 0;
  let accept = (_socket: Socket): void => undefined;
  const accepted = new Promise<Socket>((resolve) => (accept = resolve));
  const port = await listen((socket) => accept(socket));
  const giveUp = reachHost({ host: '127.0.0.1', port }, tls, () => (calls += 1));
  const socket = await accepted;
  const closed = once(socket.resume(), 'close');
  giveUp();
  await closed;
  expect(calls).toBe(0);
});
