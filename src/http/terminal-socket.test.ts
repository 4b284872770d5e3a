import { once } from 'node:events';
import type { IncomingMessage } from 'node:http';
import { connect } from 'node:net';
import { afterEach, beforeEach, describe, expect, it, vi } from 'vitest';
import { WebSocket } from 'ws';
import { ManualClock } from '../../test/support/manual-clock.ts';
import { createMemoryTerminal, type MemoryTerminal, type MemoryViewer } from '../../test/support/memory-terminal.ts';
import { createTestApp, testToken, type TestApp } from '../../test/support/test-app.ts';
import { until } from '../../test/support/until.ts';
import { listen, type HttpServer } from './server.ts';

const bearer = { authorization: `Bearer ${testToken}` };
let clock: ManualClock;
let test: TestApp;
let server: HttpServer;
let terminal: MemoryTerminal;
let chatId: string;
const sockets: WebSocket[] = [];

beforeEach(async () => {
  clock = new ManualClock();
  test = createTestApp({ clock });
  server = await listen(test.app, { host: '127.0.0.1', port: 0, log: test.log, drainTimeoutMs: 500 });
  ({ id: chatId } = await test.chats.createChat({ cwd: '/tmp' }));
  terminal = createMemoryTerminal();
  test.chats.setTerminal(chatId, terminal);
});
afterEach(async () => {
  for (const socket of sockets.splice(0)) socket.terminate();
  await server.close();
  await until(() => terminal.viewers.every((viewer) => viewer.closed));
  const [error] = test.errors;
  if (error) throw new Error(`The server had an error: ${error.message}`);
});

interface Opening {
  path?: string;
  headers?: Record<string, string>;
  protocols?: string[];
}

function dial({ path = `/v1/chats/${chatId}/terminal`, headers = bearer, protocols = [] }: Opening = {}): WebSocket {
  const socket = new WebSocket(`ws://localhost:${server.port}${path}`, protocols, { headers });
  sockets.push(socket);
  return socket;
}

/** An open socket, with the messages received: texts parsed, bytes unchanged. */
async function open(opening: Opening = {}) {
  const socket = dial(opening);
  const messages: unknown[] = [];
  socket.on('message', (data: Buffer, isBinary: boolean) => {
    messages.push(isBinary ? data : JSON.parse(data.toString()));
  });
  const closed = once(socket, 'close') as Promise<[number, Buffer]>;
  await once(socket, 'open');
  await until(() => messages.length > 0);
  const viewer = terminal.viewers.at(-1) as MemoryViewer;
  const errors = (): unknown[] => messages.filter((each) => (each as { type?: string }).type === 'error');
  return { socket, messages, closed, viewer, errors };
}

/** The answer to an opening that fails. */
async function refused(
  opening: Opening,
): Promise<{ status?: number | undefined; code: string; field?: string; type: string }> {
  const socket = dial(opening);
  socket.on('error', () => undefined);
  const [, response] = (await once(socket, 'unexpected-response')) as [unknown, IncomingMessage];
  let text = '';
  for await (const piece of response) text += String(piece);
  const body = JSON.parse(text) as { code: string; field?: string };
  return { ...body, status: response.statusCode, type: String(response.headers['content-type']) };
}

async function ticketFor(id: string, access?: string): Promise<string> {
  const response = await test.call('POST', `/v1/chats/${id}/terminal/tickets`, { body: access ? { access } : {} });
  expect(response.status).toBe(201);
  const { ticket, expiresAt } = (await response.json()) as { ticket: string; expiresAt: string };
  expect(expiresAt).toBe(new Date(clock.now().getTime() + 30_000).toISOString());
  return ticket;
}
const offering = (ticket: string): string[] => ['boocode.terminal', `ticket.${ticket}`];

describe('a terminal’s socket', () => {
  it('carries bytes both ways, and everything else as JSON', async () => {
    const { socket, messages, viewer, closed } = await open({
      path: `/v1/chats/${chatId}/terminal?columns=80&rows=24`,
    });
    expect(viewer).toMatchObject({ canWrite: true, size: { columns: 80, rows: 24 } });
    socket.send(Buffer.from('keys'));
    socket.send(JSON.stringify({ type: 'acknowledge', bytes: 5 }));
    socket.send(JSON.stringify({ type: 'resize', columns: 100, rows: 30 }));
    await until(() => viewer.size?.columns === 100);
    expect(viewer).toMatchObject({ typed: 'keys', acknowledged: 5, size: { columns: 100, rows: 30 } });
    viewer.push({ type: 'output', data: Uint8Array.of(0, 0xff, 0x1b) });
    viewer.push({ type: 'size', size: { columns: 90, rows: 20 } });
    viewer.push({ type: 'ended', reason: 'The program has ended.' });
    expect((await closed)[0]).toBe(1000);
    expect(messages).toEqual([
      { type: 'screen', size: { columns: 80, rows: 24 }, data: 'hello' },
      Buffer.from([0, 0xff, 0x1b]),
      { type: 'size', size: { columns: 90, rows: 20 } },
      { type: 'ended', reason: 'The program has ended.' },
    ]);
    await until(() => viewer.closed);
  });

  it('is opened by a ticket, which a browser can send, and responds with the plain subprotocol', async () => {
    const { socket, viewer } = await open({ headers: {}, protocols: offering(await ticketFor(chatId)) });
    expect(socket.protocol).toBe('boocode.terminal');
    expect(viewer.canWrite).toBe(true);
    const reader = await open({ headers: {}, protocols: offering(await ticketFor(chatId, 'read')) });
    expect(reader.viewer.canWrite).toBe(false);
    const asked = await open({ path: `/v1/chats/${chatId}/terminal?access=read` });
    expect(asked.viewer.canWrite).toBe(false);
    // A ticket for reading never gives write access.
    const more = await open({
      path: `/v1/chats/${chatId}/terminal?access=write`,
      headers: {},
      protocols: offering(await ticketFor(chatId, 'read')),
    });
    expect(more.viewer.canWrite).toBe(false);
  });

  it('detaches its viewer when the client disconnects', async () => {
    const { socket, viewer } = await open();
    expect(viewer.closed).toBe(false);
    socket.terminate();
    await until(() => viewer.closed);
  });

  it('is closed with 1001 when the server stops, in time', async () => {
    const { closed, viewer } = await open();
    await server.close();
    expect((await closed)[0]).toBe(1001);
    await until(() => viewer.closed);
  });

  it('is disconnected when the server stops and the client does not close', async () => {
    const { socket, viewer } = await open();
    socket.pause();
    await server.close();
    await until(() => viewer.closed);
    expect(socket.readyState).toBe(socket.OPEN);
  });

  it('ends when its peer is silent for two keep-alives, and not while it answers', async () => {
    const { socket, viewer, closed } = await open();
    for (let beat = 0; beat < 4; beat += 1) {
      const pinged = once(socket, 'ping');
      clock.advance(15_000);
      await pinged;
      const heard = viewer.acknowledged + 1;
      socket.send(JSON.stringify({ type: 'acknowledge', bytes: 1 }));
      await until(() => viewer.acknowledged === heard);
    }
    socket.pause();
    clock.advance(15_000);
    clock.advance(15_000);
    await until(() => viewer.closed);
    socket.resume();
    expect((await closed)[0]).toBe(1006);
  });
});

describe('TERM-7: what may not open a terminal', () => {
  it.each([
    ['no token', {}, 401, 'unauthorized', 'authorization'],
    ['a wrong token', { authorization: 'Bearer wrong' }, 401, 'unauthorized', 'authorization'],
    ['a foreign Origin', { ...bearer, origin: 'https://evil.example' }, 403, 'forbidden_origin', 'origin'],
    ['another port’s Origin', { ...bearer, origin: 'http://localhost:3000' }, 403, 'forbidden_origin', 'origin'],
    ['a foreign Host', { ...bearer, host: 'evil.example' }, 403, 'forbidden_host', 'host'],
  ])('%s is refused before the 101', async (_what, headers, status, code, field) => {
    expect(await refused({ headers })).toMatchObject({ status, code, field, type: 'application/problem+json' });
    expect(terminal.viewers).toEqual([]);
  });

  it('a token in the query', async () => {
    const path = `/v1/chats/${chatId}/terminal?token=${testToken}`;
    expect(await refused({ path, headers: {} })).toMatchObject({ status: 401, code: 'unauthorized' });
    expect(await refused({ path })).toMatchObject({ status: 400, field: 'token' });
  });

  it('a foreign page with a valid ticket', async () => {
    const protocols = offering(await ticketFor(chatId));
    expect(await refused({ headers: { origin: 'https://evil.example' }, protocols })).toMatchObject({ status: 403 });
    // The refusal has not used up the ticket.
    await open({ headers: { origin: `http://localhost:${server.port}` }, protocols });
  });

  it('a ticket that is invented, used, too old, or for another chat', async () => {
    const wrong = { status: 401, code: 'unauthorized', field: 'sec-websocket-protocol' };
    expect(await refused({ headers: {}, protocols: offering('made-up') })).toMatchObject(wrong);
    const used = await ticketFor(chatId);
    await open({ headers: {}, protocols: offering(used) });
    expect(await refused({ headers: {}, protocols: offering(used) })).toMatchObject(wrong);
    const old = await ticketFor(chatId);
    clock.advance(30_000);
    expect(await refused({ headers: {}, protocols: offering(old) })).toMatchObject(wrong);
    const { id: other } = await test.chats.createChat({ cwd: '/tmp' });
    test.chats.setTerminal(other, createMemoryTerminal());
    const others = await ticketFor(other);
    expect(await refused({ headers: {}, protocols: offering(others) })).toMatchObject(wrong);
    expect(terminal.viewers).toHaveLength(1);
  });

  it('a ticket without the subprotocol, or another subprotocol', async () => {
    const ticket = await ticketFor(chatId);
    const wrong = { status: 400, code: 'invalid_request', field: 'sec-websocket-protocol' };
    expect(await refused({ headers: {}, protocols: [`ticket.${ticket}`] })).toMatchObject(wrong);
    expect(await refused({ protocols: ['chat'] })).toMatchObject(wrong);
  });

  it.each([
    ['columns=0&rows=0', 'columns'],
    ['columns=-1&rows=24', 'columns'],
    ['columns=80&rows=1000000000', 'rows'],
    ['columns=80', 'rows'],
    ['rows=1e2&columns=80', 'rows'],
    ['access=all', 'access'],
  ])('the query %s', async (query, field) => {
    const path = `/v1/chats/${chatId}/terminal?${query}`;
    expect(await refused({ path })).toMatchObject({ status: 400, code: 'invalid_request', field });
  });

  it('a chat that does not exist or has no terminal', async () => {
    const path = '/v1/chats/11111111-1111-4111-8111-111111111111/terminal';
    expect(await refused({ path })).toMatchObject({ status: 404, code: 'not_found' });
    const { id } = await test.chats.createChat({ cwd: '/tmp' });
    expect(await refused({ path: `/v1/chats/${id}/terminal` })).toMatchObject({
      status: 409,
      code: 'terminal_unavailable',
    });
  });

  it('a path that is not a WebSocket, which responds as usual', async () => {
    expect(await refused({ path: '/v1/nothing' })).toMatchObject({ status: 404 });
    const socket = dial({ path: '/v1/info' });
    socket.on('error', () => undefined);
    const [, response] = (await once(socket, 'unexpected-response')) as [unknown, IncomingMessage];
    expect(response.statusCode).toBe(200);
    response.resume();
  });

  it('a request without an upgrade', async () => {
    const response = await test.call('GET', `/v1/chats/${chatId}/terminal`);
    expect([response.status, response.headers.get('upgrade')]).toEqual([426, 'websocket']);
    expect(await response.json()).toMatchObject({ code: 'upgrade_required' });
  });
});

describe('requests that ask for another upgrade', () => {
  async function raw(...lines: string[]): Promise<string> {
    const socket = connect(server.port, '127.0.0.1');
    socket.write([...lines, '', ''].join('\r\n'));
    let answer = '';
    for await (const piece of socket) answer += String(piece);
    return answer;
  }
  const h2c = ['host: localhost', 'connection: Upgrade, HTTP2-Settings', 'upgrade: h2c', 'http2-settings: AAMAAABk'];

  it('are answered without it', async () => {
    expect(await raw('GET /healthz HTTP/1.1', ...h2c)).toMatch(
      /^HTTP\/1\.1 200 OK\r\n[^]*\r\n\r\n\{"name":"boocode","status":"ok"\}$/,
    );
    expect(await raw('HEAD /healthz HTTP/1.1', ...h2c)).toMatch(/^HTTP\/1\.1 200 OK\r\n[^]*\r\n\r\n$/);
    expect(
      await raw(`GET /v1/chats/${chatId}/terminal HTTP/1.1`, ...h2c, `authorization: ${bearer.authorization}`),
    ).toMatch(/^HTTP\/1\.1 426 [^]*"upgrade_required"/);
  });

  it.each([
    ['a body', ['POST /v1/chats HTTP/1.1', ...h2c, 'content-length: 2'], 400],
    ['a foreign Host in the request line', ['GET http://evil.example/healthz HTTP/1.1', ...h2c], 403],
    ['a target that makes no URL', ['GET http://[ HTTP/1.1', ...h2c], 400],
    ['two Hosts', ['GET /healthz HTTP/1.1', 'host: evil.example', ...h2c], 400],
  ])('are refused with %s', async (_what, lines, status) => {
    const answer = await raw(...lines);
    expect(answer).toContain(`HTTP/1.1 ${status} `);
    expect(answer).toContain('application/problem+json');
  });

  it('are refused with a problem if the WebSocket’s own headers are wrong', async () => {
    const answer = await raw(
      `GET /v1/chats/${chatId}/terminal HTTP/1.1`,
      'host: localhost',
      'connection: upgrade',
      'upgrade: websocket',
      `authorization: ${bearer.authorization}`,
    );
    expect(answer).toMatch(/^HTTP\/1\.1 400 [^]*"invalid_request"/);
    expect(terminal.viewers).toEqual([]);
  });
});

describe('TERM-7: what may not be sent', () => {
  it.each([
    ['no JSON', '{', 'invalid_json', undefined],
    ['no object', '[]', 'invalid_request', undefined],
    ['an unknown type', '{"type":"format"}', 'invalid_request', 'type'],
    ['a size of nothing', '{"type":"resize","columns":0,"rows":0}', 'invalid_request', 'columns'],
    ['a negative size', '{"type":"resize","columns":80,"rows":-1}', 'invalid_request', 'rows'],
    ['a size beyond all screens', '{"type":"resize","columns":1e9,"rows":24}', 'invalid_request', 'columns'],
    ['half a size', '{"type":"resize","columns":80}', 'invalid_request', 'rows'],
    ['more than is known', '{"type":"resize","columns":80,"rows":24,"x":1}', 'invalid_request', 'x'],
    ['a negative acknowledgement', '{"type":"acknowledge","bytes":-5}', 'invalid_request', 'bytes'],
  ])('%s gives one error, and the terminal stays open', async (_what, text, code, field) => {
    const { socket, errors, viewer } = await open();
    socket.send(text);
    socket.send(Buffer.from('on'));
    await until(() => viewer.typed === 'on' && errors().length > 0);
    expect(errors()).toMatchObject([{ code, message: expect.stringContaining(field ?? '') as string }]);
    expect(viewer).toMatchObject({ size: undefined, acknowledged: 0 });
  });

  it('input that the program does not accept causes one error', async () => {
    const { socket, errors, viewer } = await open();
    terminal.refuseInput = true;
    socket.send(Buffer.from('a'));
    socket.send(Buffer.from('b'));
    await until(() => viewer.typed === 'b');
    await until(() => errors().length === 1);
    expect(errors()).toMatchObject([{ code: 'payload_too_large' }]);
  });

  it('ACCESS-8: an excessive text is refused before it is parsed', async () => {
    const { socket, errors } = await open();
    const parse = vi.spyOn(JSON, 'parse');
    socket.send('['.repeat(60_000));
    socket.send(`[${'0,'.repeat(30_000)}0]`);
    socket.send(`"${'x'.repeat(70_000)}"`);
    await until(() => errors().length === 3);
    expect(parse.mock.calls.filter(([text]) => text.startsWith('['))).toEqual([]);
    parse.mockRestore();
  });

  it('a hundred errors end it with 1008', async () => {
    const { socket, closed } = await open();
    for (let at = 0; at < 200; at += 1) socket.send('nonsense');
    expect((await closed)[0]).toBe(1008);
  });

  it('a message of 10 MB ends it with 1009', async () => {
    const { socket, closed, viewer } = await open();
    socket.send(Buffer.alloc(10_000_000));
    expect((await closed)[0]).toBe(1009);
    expect(viewer.typedBytes).toBe(0);
  });

  it('10 MB in messages of a megabyte arrive', async () => {
    const { socket, viewer } = await open();
    for (let at = 0; at < 10; at += 1) socket.send(Buffer.alloc(1_000_000, 'x'));
    await until(() => viewer.typedBytes >= 10_000_000);
    expect(viewer.typedBytes).toBe(10_000_000);
  });

  it('200,000 one-byte fragments close it, and cost little', async () => {
    const { socket, closed, viewer } = await open();
    const before = process.memoryUsage().rss;
    socket.on('error', () => undefined);
    for (let at = 0; at < 200_000 && socket.readyState === socket.OPEN; at += 1) {
      socket.send('x', { fin: false, binary: true });
      if (at % 1000 === 0) await new Promise(setImmediate);
    }
    expect((await closed)[0]).toBe(1008);
    expect(viewer.typedBytes).toBe(0);
    expect(process.memoryUsage().rss - before).toBeLessThan(200e6);
  });
});
