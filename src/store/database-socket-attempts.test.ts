// With servers that only say what a database says before anyone logs in.
import { once } from 'node:events';
import { readFileSync } from 'node:fs';
import { type AddressInfo, createServer, type Socket } from 'node:net';
import { join } from 'node:path';
import type { Duplex } from 'node:stream';
import { createSecureContext, TLSSocket } from 'node:tls';
import { afterEach, expect, test, vi } from 'vitest';
import { tlsFixtures } from '../../test/support/own-postgres.ts';
import { until } from '../../test/support/until.ts';
import { readDatabaseUrl } from './database-address.ts';
import { databaseSockets, padding } from './database-socket.ts';

const endings: (() => void)[] = [];
afterEach(() => {
  vi.useRealTimers();
  for (const end of endings.splice(0)) end();
});

/** A database's host: `heard` is what each of its connections has sent. */
interface Host {
  port: number;
  sockets: Socket[];
  heard: string[];
}

/** `answer` is what it does once a connection has said something. */
async function listen(answer: (socket: Socket, said: Buffer) => void): Promise<Host> {
  const host: Host = { port: 0, sockets: [], heard: [] };
  const server = createServer((socket) => {
    const index = host.sockets.push(socket) - 1;
    host.heard.push('');
    socket.on('error', () => undefined);
    socket.on('data', (data) => (host.heard[index] += data.toString('latin1')));
    socket.once('data', (data) => answer(socket, data));
    endings.push(() => socket.destroy());
  }).listen(0, '127.0.0.1');
  endings.push(() => server.close());
  await once(server, 'listening');
  host.port = (server.address() as AddressInfo).port;
  return host;
}

const silent = (): void => undefined;
const accepting = (socket: Socket): void => void socket.write('R');
const refusing = (socket: Socket): void => void socket.end('E: not you');
const sslRequest = Buffer.from('0000000804d2162f', 'hex');
const withoutTls = (socket: Socket, said: Buffer): void => {
  if (!said.equals(sslRequest)) return accepting(socket);
  socket.once('data', () => accepting(socket));
  socket.write('N');
};

/** Without TLS it refuses everybody; with TLS it does what it is told. */
function needingTls(secured: (socket: Socket) => void): (socket: Socket, said: Buffer) => void {
  return (socket, said) => {
    if (!said.equals(sslRequest)) return refusing(socket);
    socket.removeAllListeners('data');
    socket.write('S');
    const secureContext = createSecureContext({
      cert: readFileSync(join(tlsFixtures, 'server-name.crt')),
      key: readFileSync(join(tlsFixtures, 'test-only-server-name.key')),
    });
    const inside = new TLSSocket(socket, { isServer: true, secureContext });
    inside.on('error', () => undefined);
    inside.once('data', () => secured(inside));
  };
}

function pool(places: readonly (Host | number)[], parameters = 'sslmode=disable'): () => Duplex {
  const hosts = places.map((place) => `127.0.0.1:${typeof place === 'number' ? place : place.port}`).join(',');
  const open = databaseSockets(readDatabaseUrl(`postgres://u@${hosts}/x?${parameters}`));
  return () => {
    const socket = open();
    endings.push(() => socket.destroy());
    return socket;
  };
}

/** At least as long as a message is. */
const startupText = 'the login';

/** What the driver gets to see of a connection until it ends; or the error. */
async function fate(socket: Duplex, first: string | Buffer = startupText): Promise<string> {
  let text = '';
  socket.on('data', (data: Buffer) => (text += data.toString('latin1')));
  const end = new Promise<string>((resolve) => {
    socket.once('error', (error: Error & { code?: string }) => resolve(`${error.code}: ${error.message}`));
    socket.once('end', () => resolve(text));
  });
  socket.write(first);
  return end;
}

/** Without the timers that a test may have replaced. */
async function soon(isSo: () => boolean): Promise<void> {
  while (!isSo()) await new Promise(setImmediate);
}

/** The first of the server's answer. */
async function answerTo(socket: Duplex, first: string | Buffer = startupText): Promise<string> {
  const answer = once(socket, 'data');
  socket.write(first);
  return String((await answer)[0]);
}

const nobody = 1;

test('DATA-15: a host that refuses connections or hangs up is passed over, and the pool goes on from the next', async () => {
  const [deaf, good] = [await listen((socket) => socket.end()), await listen(accepting)];
  const open = pool([nobody, deaf, good]);
  const first = open();
  expect(await answerTo(first)).toBe('R');
  expect([deaf.heard, good.heard]).toEqual([[startupText], [startupText]]);
  // Those of the same pool begin where this one ended.
  expect(await answerTo(open(), 'another login')).toBe('R');
  expect([deaf.heard, good.heard]).toEqual([[startupText], [startupText, 'another login']]);
  // And with the next host after a connection is lost, whichever of them noticed first.
  const gone = once(first, 'close');
  first.destroy();
  await gone;
  const deafToo = pool([good, deaf]);
  const lost = deafToo();
  expect(await answerTo(lost, 'third login')).toBe('R');
  lost.destroy();
  await once(lost, 'close');
  expect(await answerTo(deafToo(), 'fourth login')).toBe('R');
  expect(deaf.heard).toEqual([startupText, 'fourth login']);
  expect(good.heard).toEqual([startupText, 'another login', 'third login', 'fourth login']);
});

test('DATA-19: if none of several hosts works, the driver gets a server’s message with the reason for each', async () => {
  const deaf = await listen((socket) => socket.end());
  const said = Buffer.from(await fate(pool([nobody, deaf])()), 'latin1');
  // One for each host, however many ways there were to reach it.
  expect(await fate(pool([deaf, nobody], 'sslmode=prefer')())).toContain(
    `works. 127.0.0.1:${deaf.port} cannot be reached (CONNECTION_CLOSED). 127.0.0.1:1 cannot be reached (ECONNREFUSED).\0\0`,
  );
  const fields = `SFATAL\0VFATAL\0C08001\0MNone of the database's hosts works. 127.0.0.1:1 cannot be reached (ECONNREFUSED). 127.0.0.1:${deaf.port} cannot be reached (CONNECTION_CLOSED).\0\0`;
  expect(said.subarray(5).toString()).toBe(fields);
  expect(said.subarray(0, 1).toString()).toBe('E');
  expect(said.readInt32BE(1)).toBe(fields.length + 4);
  expect(await fate(pool([deaf, deaf], 'sslmode=require')())).toMatch(
    new RegExp(
      `works\\. (TLS negotiation with .*:${deaf.port} failed \\(CONNECTION_CLOSED\\): check sslmode=require\\. ?){2}\0\0$`,
    ),
  );
});

test('a single host’s failure is reported as it is', async () => {
  expect(await fate(pool([nobody])())).toMatch(/^ECONNREFUSED: /);
  const deaf = await listen((socket) => socket.end());
  expect(await fate(pool([deaf])())).toBe(
    'CONNECTION_CLOSED: There is no connection to the database (CONNECTION_CLOSED).',
  );
  const broken = await listen((socket) => socket.resetAndDestroy());
  expect(await fate(pool([broken])())).toMatch(/^ECONNRESET: /);
  expect(await fate(pool([await listen(refusing)])())).toBe('E: not you');
});

test('DATA-15: a reset connection is one more reason to try the next host, but a refused login is not', async () => {
  const good = await listen(accepting);
  const broken = await listen((socket) => socket.resetAndDestroy());
  expect(await answerTo(pool([broken, good])())).toBe('R');
  expect(await fate(pool([await listen(refusing), good])())).toBe('E: not you');
});

test('DATA-15: a connection lost late does not send the pool back to a host it has left', async () => {
  const [first, second, third] = [await listen(accepting), await listen(accepting), await listen(accepting)];
  const open = pool([first, second, third]);
  const lose = async (socket: Duplex): Promise<void> => {
    const gone = once(socket, 'close');
    socket.destroy();
    await gone;
  };
  const begin = async (): Promise<Duplex> => {
    const socket = open();
    await answerTo(socket);
    return socket;
  };
  const [one, late] = [await begin(), await begin()];
  await lose(one);
  await lose(await begin());
  await lose(late);
  await begin();
  expect([first, second, third].map(({ heard }) => heard.length)).toEqual([2, 1, 1]);
});

test('DATA-19: a host that says nothing gets its time, and no more once it has answered', async () => {
  vi.useFakeTimers({ toFake: ['setTimeout', 'clearTimeout'] });
  const [mute, good] = [await listen(silent), await listen(withoutTls)];
  const answer = answerTo(pool([mute, good], 'sslmode=prefer&connect_timeout=2')());
  await soon(() => mute.heard[0] === sslRequest.toString('latin1'));
  vi.advanceTimersByTime(1999);
  expect(good.heard).toEqual([]);
  vi.advanceTimersByTime(1);
  expect(await answer).toBe('R');
  expect(mute.sockets).toHaveLength(1);
  const socket = pool([mute], 'sslmode=disable&connect_timeout=2')();
  const end = fate(socket);
  await soon(() => mute.heard[1] === startupText);
  vi.advanceTimersByTime(2000);
  expect(await end).toMatch(/^CONNECT_TIMEOUT: /);
  const lasting = pool([good], 'sslmode=disable&connect_timeout=2')();
  expect(await answerTo(lasting)).toBe('R');
  vi.advanceTimersByTime(60_000);
  expect(lasting.destroyed).toBe(false);
});

const answeringTls =
  (answer: string) =>
  (socket: Socket, said: Buffer): void =>
    void (said.equals(sslRequest) ? socket.write(answer) : refusing(socket));
const onlyPlain = (socket: Socket, said: Buffer): void =>
  said.equals(sslRequest) ? needingTls(refusing)(socket, said) : accepting(socket);
const unableToStartTls = (socket: Socket, said: Buffer): void =>
  said.equals(sslRequest) ? void socket.write('?') : accepting(socket);

test.each<[string, string, (socket: Socket, said: Buffer) => void, string]>([
  ['allow', 'is let in with TLS', needingTls((socket) => socket.write('R')), 'R'],
  ['allow', 'is told why it is not let in with TLS either', needingTls(refusing), 'E: not you'],
  ['allow', 'is told why it is not let in, if there is no TLS', answeringTls('N'), 'E: not you'],
  ['require', 'is told why it is not let in', needingTls(refusing), 'E: not you'],
  ['prefer', 'is let in with TLS, if that is possible', needingTls((socket) => socket.write('R')), 'R'],
  ['prefer', 'is let in without TLS', onlyPlain, 'R'],
  ['prefer', 'is let in without TLS if that cannot be started', unableToStartTls, 'R'],
])('DATA-18: sslmode=%s %s', async (mode, _, answer, wanted) => {
  const socket = pool([await listen(answer)], `sslmode=${mode}`)();
  let text = '';
  socket.on('error', (error) => (text = String(error)));
  socket.on('data', (data: Buffer) => (text += data.toString()));
  socket.write(startupText);
  await until(() => text !== '');
  expect(text).toBe(wanted);
});

test('what is written while a host is being reached arrives there once, in order', async () => {
  const good = await listen(accepting);
  const socket = pool([nobody, good])();
  socket.write('first one ');
  socket.write('two ');
  await once(socket, 'data');
  socket.write('three');
  await until(() => good.heard[0] === 'first one two three');
  expect(good.heard).toEqual(['first one two three']);
});

const startup = (text: string): Buffer => {
  const message = Buffer.concat([Buffer.alloc(8), Buffer.from(text)]);
  message.writeUInt32BE(message.length, 0);
  message.writeUInt32BE(196_608, 4);
  return message;
};

/** The message with this at its end. */
function withLength(begin: Buffer, end: string): string {
  const message = Buffer.concat([begin, Buffer.from(end)]);
  message.writeUInt32BE(message.length, 0);
  return message.toString('latin1');
}

test('the padding that makes the driver write at once is not sent, nor what was left of an earlier connection', async () => {
  const good = await listen(accepting);
  const open = pool([good]);
  const [[name, value]] = Object.entries(padding) as [[string, string]];
  const padded = startup(`user\0u\0${name}\0${value}\0database\0x\0\0`);
  const wanted = startup('user\0u\0database\0x\0\0').toString('latin1');
  await answerTo(open(), padded);
  await answerTo(open(), Buffer.concat([Buffer.from('left over'), padded]));
  await answerTo(open(), startup('user\0u\0\0'));
  // Bytes that look like the beginning of a message.
  const decoys = (rest: string): Buffer => {
    const message = startup(`user\0....\0\u0003\0\0....${rest}`);
    message.writeUInt32BE(message.length - 21, 21);
    return message;
  };
  await answerTo(open(), decoys(`\0${name}\0${value}\0\0`));
  await answerTo(open(), `no login ${name}\0${value}\0`);
  expect(good.heard).toEqual([
    wanted,
    wanted,
    startup('user\0u\0\0').toString('latin1'),
    withLength(decoys(`\0${name}\0${value}\0\0`).subarray(0, 26), '\0'),
    `no login ${name}\0${value}\0`,
  ]);
  expect(value.length).toBeGreaterThan(1000);
});

test('a cancel request gets no answer, and its connection just ends', async () => {
  const request = Buffer.alloc(16);
  request.writeInt32BE(16, 0);
  request.writeInt32BE(80_877_102, 4);
  const host = await listen((socket) => socket.end());
  expect(await fate(pool([host, nobody])(), request)).toBe('');
});

test('a connection ends for the driver as it ended at the server', async () => {
  const host = await listen(accepting);
  const open = pool([host]);
  const begun = async (): Promise<[Duplex, Socket]> => {
    const socket = open();
    await answerTo(socket);
    return [socket, host.sockets.at(-1)!];
  };
  const [ended, itsServer] = await begun();
  const end = once(ended, 'end');
  // The driver's end closes by itself.
  const endedHere = once(ended, 'close');
  itsServer.end();
  await Promise.all([end, endedHere]);

  const [reset, thatServer] = await begun();
  const failed = once(reset, 'error');
  thatServer.resetAndDestroy();
  expect((await failed)[0]).toMatchObject({ code: 'ECONNRESET' });

  const [closing, lastServer] = await begun();
  expect((closing as Duplex & { readyState: string }).readyState).toBe('open');
  const over = once(lastServer, 'end');
  closing.end();
  await over;
  await once(closing, 'close');
  expect((closing as Duplex & { readyState: string }).readyState).toBe('closed');
});

test('one that is ended while a host is being reached lets go of it', async () => {
  const mute = await listen(silent);
  const socket = pool([mute])();
  socket.write(startupText);
  await until(() => mute.heard[0] === startupText);
  const gone = once(mute.sockets[0]!, 'close');
  socket.end();
  await Promise.all([gone, once(socket, 'close')]);
  expect(mute.sockets).toHaveLength(1);
});

test('a long answer waits at the server until the driver reads it', async () => {
  const size = 20 * 1024 * 1024;
  const host = await listen((socket) => socket.write(Buffer.alloc(size, 'x')));
  const socket = pool([host])();
  socket.write(startupText);
  await once(socket, 'readable');
  for (let turn = 0; turn < 50; turn += 1) await new Promise(setImmediate);
  expect(socket.readableLength).toBeLessThan(size / 4);
  let length = 0;
  socket.on('data', (data: Buffer) => (length += data.length));
  await until(() => length === size);
});
