/** The server speaks TLS itself, with certificates made for these tests. */
import { once } from 'node:events';
import { chmod, copyFile, mkdtemp, readFile, rename, rm, symlink, writeFile } from 'node:fs/promises';
import { request } from 'node:https';
import { connect as connectTcp } from 'node:net';
import { tmpdir } from 'node:os';
import { join } from 'node:path';
import { connect, type TLSSocket } from 'node:tls';
import { afterEach, beforeEach, describe, expect, it, vi } from 'vitest';
import { WebSocket } from 'ws';
import { ManualClock } from '../../test/support/manual-clock.ts';
import { tlsFixtures } from '../../test/support/own-postgres.ts';
import { createTestApp, testToken, type TestApp } from '../../test/support/test-app.ts';
import { until } from '../../test/support/until.ts';
import { nameIn } from './certificate-name.ts';
import { listen, type HttpServer } from './server.ts';
import { openTlsFiles, type TlsFiles } from './tls-files.ts';

const fixture = (name: string): string => join(tlsFixtures, name);
const ca = await readFile(fixture('ca.crt'));
let folder: string;
let clock: ManualClock;
let test: TestApp;
let tls: TlsFiles;
let server: HttpServer | undefined;
const sockets: { destroy(): void }[] = [];

beforeEach(async () => {
  folder = await mkdtemp(join(tmpdir(), 'boocode-tls-'));
  clock = new ManualClock();
  test = createTestApp({ access: { token: testToken, tls: true } });
});
afterEach(async () => {
  for (const socket of sockets.splice(0)) socket.destroy();
  tls?.close();
  await server?.close();
  server = undefined;
  await rm(folder, { recursive: true, force: true });
});

const paths = () => ({ cert: join(folder, 'cert.pem'), key: join(folder, 'key.pem') });
async function use(name: 'server-name' | 'server-address'): Promise<void> {
  await copyFile(fixture(`${name}.crt`), paths().cert);
  await copyFile(fixture(`test-only-${name}.key`), paths().key);
}

async function start(options: { drainTimeoutMs?: number } = {}): Promise<HttpServer> {
  await use('server-name');
  tls = openTlsFiles(paths(), { clock, log: test.log });
  const name = nameIn(tls.certificate, '127.0.0.1');
  server = await listen(test.app, { host: '127.0.0.1', port: 0, log: test.log, tls, name, ...options });
  return server;
}

interface Answer {
  status: number | undefined;
  headers: NodeJS.Dict<string | string[]>;
  text: string;
}

function get(path: string, headers: Record<string, string> = {}): Promise<Answer> {
  const url = `${server!.url}${path}`;
  return new Promise((resolve, reject) => {
    const sent = request(
      url,
      { ca, agent: false, headers: { authorization: `Bearer ${testToken}`, ...headers } },
      (answer) => {
        let text = '';
        answer.setEncoding('utf8').on('data', (piece: string) => (text += piece));
        answer.on('end', () => resolve({ status: answer.statusCode, headers: answer.headers, text }));
      },
    );
    sent.on('error', reject).end();
  });
}

/** Whom the server says it is. */
async function subject(): Promise<string> {
  const socket = connect({ port: server!.port, host: '127.0.0.1', ca, rejectUnauthorized: false });
  sockets.push(socket);
  await once(socket, 'secureConnect');
  const { CN } = socket.getPeerCertificate().subject;
  socket.destroy();
  return String(CN);
}

describe('NET-1: a server with a certificate', () => {
  it('answers over HTTPS, with its policy, and prints an address for which its certificate holds', async () => {
    await start();
    expect(server!.url).toBe(`https://localhost:${server!.port}`);
    const answer = await get('/v1/info');
    expect([answer.status, answer.headers['x-content-type-options']]).toEqual([200, 'nosniff']);
    const origin = `https://localhost:${server!.port}`;
    expect((await get('/v1/info', { origin })).status).toBe(200);
    expect((await get('/v1/info', { origin: origin.replace('https', 'http') })).status).toBe(403);
  });

  it('upgrades to WSS', async () => {
    await start();
    const socket = new WebSocket(`wss://localhost:${server!.port}/v1/live`, {
      ca,
      headers: { authorization: `Bearer ${testToken}` },
    });
    await once(socket, 'open');
    socket.send('{"type":"ping"}');
    const [message] = (await once(socket, 'message')) as [Buffer];
    expect(JSON.parse(String(message))).toEqual({ type: 'alive' });
    socket.terminate();
    await until(() => server!.connections.open === 0);
  });

  it('links to itself with https', async () => {
    await start();
    const made = await fetchJson('/v1/sign-in-links');
    expect(made['url']).toMatch(new RegExp(`^https://localhost:${server!.port}/#code=`));
  });

  it('refuses TLS before 1.2', async () => {
    await start();
    const socket = connect({
      port: server!.port,
      host: '127.0.0.1',
      ca,
      maxVersion: 'TLSv1.1',
      minVersion: 'TLSv1',
      ciphers: 'DEFAULT@SECLEVEL=0',
    });
    sockets.push(socket);
    const [error] = (await once(socket, 'error')) as [Error];
    expect(error.message).toMatch(/protocol version|alert/i);
    expect(test.errors).toEqual([]);
  });

  it('answers a request in clear text in words, and closes the connection', async () => {
    await start();
    const socket = connectTcp(server!.port, '127.0.0.1');
    sockets.push(socket);
    let text = '';
    socket.on('data', (piece) => (text += String(piece)));
    socket.write('GET / HTTP/1.1\r\nhost: localhost\r\n\r\n');
    await once(socket, 'close');
    expect(text).toMatch(/^HTTP\/1\.1 400 /);
    expect(text).toMatch(/content-security-policy: default-src 'none'/);
    expect(text).toContain('This port speaks HTTPS only');
    await until(() => server!.connections.open === 0);
  });

  it('is not disturbed by handshakes that break off, and closes while one hangs', async () => {
    await start({ drainTimeoutMs: 200 });
    for (const bytes of ['\u0016', '\u0016\u0003\u0001\u0000\u0005garbage', '\u0000', '']) {
      const socket = connectTcp(server!.port, '127.0.0.1');
      sockets.push(socket);
      socket.on('error', () => undefined);
      socket.end(Buffer.from(bytes, 'latin1'));
    }
    const hanging = connectTcp(server!.port, '127.0.0.1');
    sockets.push(hanging);
    hanging.on('error', () => undefined);
    await once(hanging, 'connect');
    hanging.write(Buffer.from([0x16]));
    expect((await get('/healthz')).status).toBe(200);
    // The one that hangs, and one whose client has gone in the middle of a handshake: both have ten seconds for it.
    await until(() => server!.connections.open <= 2);
    await server!.close();
    expect(test.errors).toEqual([]);
  });

  async function fetchJson(path: string): Promise<Record<string, unknown>> {
    const url = `${server!.url}${path}`;
    return new Promise((resolve, reject) => {
      const headers = { authorization: `Bearer ${testToken}`, 'content-type': 'application/json' };
      const sent = request(url, { ca, agent: false, method: 'POST', headers }, (answer) => {
        let text = '';
        answer.on('data', (piece) => (text += String(piece)));
        answer.on('end', () => resolve(JSON.parse(text) as Record<string, unknown>));
      });
      sent.on('error', reject).end('{}');
    });
  }
});

describe('NET-1: a certificate that changes', () => {
  const look = () => clock.advance(5_000);

  it('is in use for the next connection, and connections that are open stay', async () => {
    await start();
    const before = connect({ port: server!.port, host: 'localhost', ca }) as TLSSocket;
    sockets.push(before);
    await once(before, 'secureConnect');
    expect(await subject()).toBe('localhost');
    await use('server-address');
    look();
    expect(await subject()).toBe('127.0.0.1');
    before.write('GET /healthz HTTP/1.1\r\nhost: localhost\r\n\r\n');
    const [answer] = (await once(before, 'data')) as [Buffer];
    expect(String(answer)).toMatch(/^HTTP\/1\.1 200 /);
    expect(test.infos.map(({ message }) => message)).toContain('The TLS certificate has changed and is in use.');
  });

  it('is noticed behind links that are swapped, as certbot and Kubernetes do', async () => {
    for (const name of ['server-name', 'server-address'] as const) {
      await use(name);
      for (const file of ['cert.pem', 'key.pem']) await rename(join(folder, file), join(folder, `${name}-${file}`));
    }
    const link = async (name: string): Promise<void> => {
      for (const file of ['cert.pem', 'key.pem']) {
        await symlink(join(folder, `${name}-${file}`), join(folder, 'new'));
        await rename(join(folder, 'new'), join(folder, file));
      }
    };
    await link('server-name');
    tls = openTlsFiles(paths(), { clock, log: test.log });
    server = await listen(test.app, { host: '127.0.0.1', port: 0, log: test.log, tls });
    expect(await subject()).toBe('localhost');
    await link('server-address');
    look();
    expect(await subject()).toBe('127.0.0.1');
  });

  it.each([
    ['half a pair', () => copyFile(fixture('server-address.crt'), paths().cert), /is not the key of/],
    ['text that is no certificate', () => writeFile(paths().cert, 'no'), /is no certificate in PEM/],
    ['an empty key', () => writeFile(paths().key, ''), /is no private key in PEM/],
    ['a missing file', () => rm(paths().key), /cannot be read \(ENOENT\)/],
  ])('stays as it was if the new one is %s, and one line says why', async (_what, spoil, why) => {
    await start();
    await spoil();
    for (let times = 0; times < 4; times += 1) look();
    expect(await subject()).toBe('localhost');
    expect(test.errors.map(({ message }) => message)).toEqual([expect.stringMatching(why)]);
    test.errors.length = 0;
    await use('server-address');
    look();
    expect(await subject()).toBe('127.0.0.1');
    expect(test.errors).toEqual([]);
  });

  it('is not reported while its two files are being replaced', async () => {
    await start();
    await copyFile(fixture('server-address.crt'), paths().cert);
    look();
    await use('server-address');
    look();
    expect(test.errors).toEqual([]);
    expect(await subject()).toBe('127.0.0.1');
  });
});

describe('NET-1: a start with TLS', () => {
  it.each([
    [{ cert: 'server-name.crt', key: 'test-only-server-address.key' }, /--tls-key: .* is not the key of the first/],
    [{ cert: 'test-only-server-name.key', key: 'test-only-server-name.key' }, /--tls-cert: .* is no certificate/],
    [{ cert: 'server-name.crt', key: 'server-name.crt' }, /--tls-key: .* is no private key/],
    [{ cert: 'nowhere', key: 'server-name.crt' }, /--tls-cert: .* cannot be read \(ENOENT\)/],
  ])('fails in one sentence: %j', ({ cert, key }, sentence) => {
    expect(() => openTlsFiles({ cert: fixture(cert), key: fixture(key) }, { clock, log: test.log })).toThrow(
      expect.objectContaining({ code: 'config_invalid', message: expect.stringMatching(sentence) as string }),
    );
  });

  it('warns about a key that others can read, and about a certificate that has expired or soon will', async () => {
    await use('server-name');
    await chmod(paths().key, 0o644);
    openTlsFiles(paths(), { clock, log: test.log }).close();
    expect(test.warnings.map(({ message }) => message)).toEqual([expect.stringMatching(/chmod 600/)]);
    test.warnings.length = 0;
    await chmod(paths().key, 0o600);
    const now = vi.spyOn(clock, 'now').mockReturnValue(new Date('2126-11-01T00:00:00Z'));
    openTlsFiles(paths(), { clock, log: test.log }).close();
    now.mockReturnValue(new Date('2127-01-01T00:00:00Z'));
    openTlsFiles(paths(), { clock, log: test.log }).close();
    const expiry = [expect.stringMatching(/ expires on /), expect.stringMatching(/has expired on /)];
    expect(test.warnings.map(({ message }) => message)).toEqual(expiry);
  });
});
