/** haproxy in front, with TLS and HTTP/2: what browsers do through it. */
import { type ChildProcess, spawn } from 'node:child_process';
import { once } from 'node:events';
import { existsSync } from 'node:fs';
import { mkdtemp, readFile, rm, writeFile } from 'node:fs/promises';
import { type ClientHttp2Session, type ClientHttp2Stream, connect, type OutgoingHttpHeaders } from 'node:http2';
import { tmpdir } from 'node:os';
import { join } from 'node:path';
import { afterAll, beforeAll, describe, expect, it } from 'vitest';
import { freePort } from '../../test/support/free-port.ts';
import { createMemoryTerminal, type MemoryTerminal } from '../../test/support/memory-terminal.ts';
import { tlsFixtures } from '../../test/support/own-postgres.ts';
import { createTestApp, testToken, type TestApp } from '../../test/support/test-app.ts';
import { until } from '../../test/support/until.ts';
import { listen, type HttpServer } from './server.ts';
import { createTrustedProxies } from './trusted-proxies.ts';

const haproxy = ['/usr/sbin/haproxy', '/usr/local/sbin/haproxy', '/usr/bin/haproxy'].find(existsSync);
if (!haproxy) process.stderr.write('There is no haproxy: HTTP/2 is not tested (Debian: apt-get install haproxy).\n');

describe.skipIf(!haproxy)('NET-8: HTTP/2 through a proxy', () => {
  let test: TestApp;
  let server: HttpServer;
  let folder: string;
  let proxy: ChildProcess;
  let session: ClientHttp2Session;
  let origin: string;
  let chatId: string;
  let terminal: MemoryTerminal;

  beforeAll(async () => {
    const port = await freePort();
    origin = `https://localhost:${port}`;
    test = createTestApp({ access: { token: testToken, publicOrigins: [origin] } });
    const trustedProxies = createTrustedProxies({ proxies: ['127.0.0.1'], header: 'x-forwarded-for' });
    server = await listen(test.app, { host: '127.0.0.1', port: 0, log: test.log, trustedProxies });
    ({ id: chatId } = await test.chats.createChat({ cwd: '/tmp' }));
    terminal = createMemoryTerminal();
    test.chats.setTerminal(chatId, terminal);
    folder = await mkdtemp(join(tmpdir(), 'boocode-h2-'));
    const pem = await Promise.all(
      ['server-name.crt', 'test-only-server-name.key'].map((name) => readFile(join(tlsFixtures, name), 'utf8')),
    );
    await writeFile(join(folder, 'pair.pem'), pem.join(''));
    await writeFile(
      join(folder, 'haproxy.cfg'),
      `
defaults
  mode http
  timeout connect 5s
  timeout client 2m
  timeout server 2m
  timeout tunnel 1h
frontend web
  bind 127.0.0.1:${port} ssl crt ${join(folder, 'pair.pem')} alpn h2,http/1.1
  http-request set-header X-Forwarded-Proto https
  option forwardfor
  default_backend hosts
backend hosts
  server boocode 127.0.0.1:${server.port}
`,
    );
    proxy = spawn(haproxy!, ['-db', '-f', join(folder, 'haproxy.cfg')], { stdio: 'ignore' });
    const ca = await readFile(join(tlsFixtures, 'ca.crt'));
    await until(async () => {
      session = connect(origin, { ca });
      session.on('error', () => undefined);
      return once(session, 'remoteSettings').then(
        () => true,
        () => false,
      );
    });
  });
  afterAll(async () => {
    session?.destroy();
    const ended = proxy && once(proxy, 'exit');
    proxy?.kill('SIGTERM');
    await ended;
    await server.close();
    await rm(folder, { recursive: true, force: true });
  });

  const bearer = { authorization: `Bearer ${testToken}` };
  /** A stream with its answer. */
  async function ask(headers: OutgoingHttpHeaders, body?: string) {
    const stream: ClientHttp2Stream = session.request(headers, {
      endStream: body === undefined && !headers[':protocol'],
    });
    const pieces: Buffer[] = [];
    stream.on('data', (piece: Buffer) => pieces.push(piece));
    if (body !== undefined) stream.end(body);
    const [answer] = (await once(stream, 'response')) as [Record<string, string> & { ':status': number }];
    return { stream, answer, received: () => Buffer.concat(pieces) };
  }

  /** A WebSocket on one stream (RFC 8441), with the messages received, which are short. */
  async function openSocket(path: string) {
    const opening = {
      ':method': 'CONNECT',
      ':protocol': 'websocket',
      ':scheme': 'https',
      ':path': path,
      origin,
      'sec-websocket-version': '13',
      ...bearer,
    };
    const { stream, answer, received } = await ask(opening);
    return {
      status: answer[':status'],
      received: () => received().toString('latin1'),
      send(text: string) {
        const mask = Buffer.from([1, 2, 3, 4]);
        const bytes = Buffer.from(text).map((byte, at) => byte ^ mask[at % 4]!);
        stream.write(Buffer.concat([Buffer.from([0x81, 0x80 | bytes.length]), mask, bytes]));
      },
      close: () => stream.close(),
    };
  }

  it('answers requests, whose clients the proxy names', async () => {
    const { answer, received, stream } = await ask({ ':path': '/v1/info', origin, ...bearer });
    expect([answer[':status'], answer['x-content-type-options']]).toEqual([200, 'nosniff']);
    if (!stream.readableEnded) await once(stream, 'end');
    expect(JSON.parse(String(received()))).toHaveProperty('name');
    const refused = await ask({ ':path': '/v1/info', 'x-forwarded-for': '203.0.113.9', authorization: 'Bearer wrong' });
    expect(refused.answer[':status']).toBe(401);
    // haproxy adds its own client behind what that has written, and both are on this machine.
    await until(() => test.warnings.length > 0);
    expect(test.warnings[0]?.facts).toMatchObject({ source: '203.0.113.9' });
  });

  it('carries a feed without holding it back', async () => {
    const path = `/v1/chats/${chatId}/events`;
    const { answer, received, stream } = await ask({ ':path': path, accept: 'text/event-stream', ...bearer });
    expect(answer['content-type']).toMatch(/^text\/event-stream/);
    await until(() => String(received()).includes('event: resume'));
    const before = received().length;
    const content = { type: 'text' as const, text: 'now' };
    test.chats.push(chatId, { kind: 'delta', delta: { chatId, type: 'agent_message_chunk', messageId: 'm', content } });
    await until(() => received().length > before && String(received()).includes('now'));
    stream.close();
    await until(() => test.chats.openReaders === 0);
  });

  it('carries the live socket and a terminal’s, both in the same connection', async () => {
    expect(session.remoteSettings.enableConnectProtocol).toBe(true);
    const live = await openSocket('/v1/live');
    expect(live.status).toBe(200);
    live.send('{"type":"ping"}');
    await until(() => live.received().includes('{"type":"alive"}'));
    const shown = await openSocket(`/v1/chats/${chatId}/terminal`);
    expect(shown.status).toBe(200);
    await until(() => terminal.viewers.length === 1);
    shown.send('{"type":"resize","columns":100,"rows":30}');
    live.send('{"type":"nonsense"}');
    await until(() => live.received().includes('invalid'));
    live.close();
    shown.close();
    await until(() => terminal.viewers.every(({ closed }) => closed));
  });
});
