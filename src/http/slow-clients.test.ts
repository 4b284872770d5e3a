/** Three hundred clients that send or read as slowly as they can, over real sockets. */
import { once } from 'node:events';
import { connect, type Socket } from 'node:net';
import { afterEach, beforeEach, expect, it } from 'vitest';
import { ManualClock } from '../../test/support/manual-clock.ts';
import { createTestApp, testToken, type TestApp } from '../../test/support/test-app.ts';
import { until } from '../../test/support/until.ts';
import { listen, type HttpServer } from './server.ts';

let clock: ManualClock;
let test: TestApp;
let server: HttpServer;
let chatId: string;
const sockets: Socket[] = [];

beforeEach(async () => {
  clock = new ManualClock();
  test = createTestApp({ clock });
  server = await listen(test.app, { host: '127.0.0.1', port: 0, log: test.log, headersLimitMs: 4_000 });
  ({ id: chatId } = await test.chats.createChat({ cwd: '/tmp' }));
});
afterEach(async () => {
  for (const socket of sockets.splice(0)) socket.destroy();
  await server.close();
});

const host = 'host: localhost';
const good = `authorization: Bearer ${testToken}`;
const whole = (...lines: string[]): string => [...lines, '', ''].join('\r\n');

async function open(text: string): Promise<Socket> {
  const socket = connect(server.port, '127.0.0.1');
  sockets.push(socket);
  socket.on('error', () => undefined);
  await once(socket, 'connect');
  socket.write(text);
  return socket;
}

it('NET-3: others are served while 300 connections are slow, and none of those stays', async () => {
  const inBody = whole('POST /v1/chats HTTP/1.1', host, good, 'content-type: application/json', 'content-length: 100');
  const reading = whole(`GET /v1/chats/${chatId}/events HTTP/1.1`, host, good, 'accept: text/event-stream');
  const slow = { headers: [] as Socket[], bodies: [] as Socket[], readers: [] as Socket[] };
  for (let count = 0; count < 100; count += 1) {
    slow.headers.push(await open('GET /healthz HTTP/1.1\r\nhost: lo'));
    slow.bodies.push(await open(`${inBody}{`));
    const reader = await open(reading);
    reader.pause();
    slow.readers.push(reader);
  }
  expect(server.connections.open).toBe(300);

  // Each by itself, and through the other policies too.
  let slowest = 0;
  for (let count = 0; count < 50; count += 1) {
    const asked = performance.now();
    const answers = await Promise.all([
      fetch(`${server.url}/healthz`),
      fetch(`${server.url}/v1/chats`, { headers: { authorization: `Bearer ${testToken}` } }),
    ]);
    for (const answer of answers) await answer.text();
    expect(answers.map(({ status }) => status)).toEqual([200, 200]);
    slowest = Math.max(slowest, performance.now() - asked);
  }
  expect(slowest).toBeLessThan(2_000);

  const alive = (some: readonly Socket[]): number =>
    some.filter(({ readableEnded, closed }) => !readableEnded && !closed).length;
  for (const socket of slow.headers) socket.resume();
  await until(() => alive(slow.headers) === 0);
  for (const socket of slow.bodies) socket.resume();
  clock.advance(10_000);
  await until(() => alive(slow.bodies) === 0);
  // Who reads late gets what was said meanwhile; what of it may wait is bounded (LOG-5).
  for (let seq = 2; seq < 12; seq += 1) {
    const content = [{ type: 'text' as const, text: 'x'.repeat(5_000) }];
    const at = '2030-01-01T00:00:00.000Z';
    test.chats.push(chatId, {
      kind: 'event',
      event: { chatId, seq, at, type: 'prompt_accepted', promptId: 'p', content },
    });
  }
  const received = slow.readers.map((socket) => {
    let text = '';
    socket.on('data', (piece) => (text += String(piece)));
    socket.resume();
    return () => text;
  });
  await until(() => received.every((text) => text().includes('id: 11')));
  expect(test.errors).toEqual([]);
});
