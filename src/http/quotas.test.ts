import { once } from 'node:events';
import { connect, type Socket } from 'node:net';
import { afterEach, describe, expect, it } from 'vitest';
import { WebSocket } from 'ws';
import { ManualClock } from '../../test/support/manual-clock.ts';
import { createMemoryTerminal } from '../../test/support/memory-terminal.ts';
import { createTestApp, testToken, type TestApp } from '../../test/support/test-app.ts';
import { until } from '../../test/support/until.ts';
import { readConfig } from '../config.ts';
import type { Principal } from '../protocol/principal.ts';
import { Quotas, type QuotaLimits } from './quotas.ts';
import { listen, type HttpServer } from './server.ts';

const clock = new ManualClock();
let test: TestApp;
let server: HttpServer | undefined;
const sockets: (Socket | WebSocket)[] = [];
afterEach(async () => {
  for (const socket of sockets.splice(0)) {
    if (socket instanceof WebSocket) socket.terminate();
    else socket.destroy();
  }
  await server?.close();
  server = undefined;
});

async function start(quotas: Partial<QuotaLimits>): Promise<string> {
  test = createTestApp({ quotas, clock });
  server = await listen(test.app, { host: '127.0.0.1', port: 0, log: test.log, drainTimeoutMs: 200 });
  const { id } = await test.chats.createChat({ cwd: '/tmp' });
  test.chats.setTerminal(id, createMemoryTerminal());
  return id;
}

const authorization = `Bearer ${testToken}`;
/** 101, or the status of the refusal. */
async function dial(path: string): Promise<{ status: number; socket: WebSocket }> {
  const socket = new WebSocket(`ws://127.0.0.1:${server!.port}${path}`, { headers: { authorization } });
  sockets.push(socket);
  socket.on('error', () => undefined);
  return new Promise((resolve) => {
    socket.once('open', () => resolve({ status: 101, socket }));
    socket.once('unexpected-response', (_, { statusCode = 0 }) => resolve({ status: statusCode, socket }));
  });
}

const createChat = () => test.call('POST', '/v1/chats', { body: { cwd: '/tmp' } });

describe('QUOTA-1: the chats of a person', () => {
  it('are limited by hour and by day, and what was refused does not count', async () => {
    test = createTestApp({ quotas: { chatsPerHour: 3, chatsPerDay: 5 }, clock });
    for (let count = 0; count < 5; count += 1) {
      expect((await test.call('POST', '/v1/chats', { body: { cwd: 7 } })).status).toBe(400);
    }
    for (let count = 0; count < 3; count += 1) expect((await createChat()).status).toBe(201);
    const refused = await createChat();
    expect([refused.status, refused.headers.get('retry-after')]).toEqual([429, '3600']);
    expect(await refused.json()).toMatchObject({
      code: 'quota_exceeded',
      quota: 'chatsPerHour',
      limit: 3,
      detail: 'A person may have at most 3 chats an hour (--quota).',
    });
    clock.advance(3_600_000);
    for (let count = 0; count < 2; count += 1) expect((await createChat()).status).toBe(201);
    expect(await (await createChat()).json()).toMatchObject({ quota: 'chatsPerDay', retryAfterSeconds: 23 * 3_600 });
    clock.advance(23 * 3_600_000);
    expect((await createChat()).status).toBe(201);
  });

  it('are counted before they are made: a hundred at once are not more', async () => {
    test = createTestApp({ quotas: { chatsPerHour: 10 }, clock });
    const answers = await Promise.all(Array.from({ length: 100 }, createChat));
    expect(answers.filter(({ status }) => status === 201)).toHaveLength(10);
    expect(answers.filter(({ status }) => status === 429)).toHaveLength(90);
  });

  it('are theirs alone', async () => {
    const quotas = new Quotas({ chatsPerHour: 1 }, clock);
    const create = (id: string) =>
      quotas.within(
        'chats',
        { id, name: id, role: 'member' } satisfies Principal,
        {},
        async () => new Response(null, { status: 201 }),
      );
    await create('a');
    await expect(create('a')).rejects.toMatchObject({ code: 'quota_exceeded' });
    expect((await create('b')).status).toBe(201);
  });
});

describe('QUOTA-2: what one person has open', () => {
  it('as live sockets is limited, and free again once one closes', async () => {
    await start({ sockets: 2 });
    const first = await dial('/v1/live');
    expect([first.status, (await dial('/v1/live')).status]).toEqual([101, 101]);
    for (let times = 0; times < 5; times += 1) expect((await dial('/v1/live')).status).toBe(429);
    first.socket.terminate();
    await until(async () => (await dial('/v1/live')).status === 101);
    expect((await dial('/v1/live')).status).toBe(429);
  });

  it('as terminals is limited, and a failed handshake costs nothing', async () => {
    const chatId = await start({ terminals: 1 });
    const path = `/v1/chats/${chatId}/terminal`;
    const headers = ['host: localhost', `authorization: ${authorization}`, 'connection: Upgrade', 'upgrade: websocket'];
    for (let times = 0; times < 3; times += 1) {
      const bad = connect(server!.port, '127.0.0.1');
      sockets.push(bad);
      bad.on('data', () => undefined);
      bad.write([`GET ${path} HTTP/1.1`, ...headers, 'sec-websocket-key: x', '', ''].join('\r\n'));
      await once(bad, 'close');
    }
    const open = await dial(path);
    expect([open.status, (await dial(path)).status]).toEqual([101, 429]);
    open.socket.terminate();
    await until(async () => (await dial(path)).status === 101);
  });

  it('as feeds is limited; pages are none', async () => {
    const chatId = await start({ feeds: 2 });
    const url = `${server!.url}/v1/chats/${chatId}/events`;
    const follow = async (): Promise<{ status: number; abort: AbortController }> => {
      const abort = new AbortController();
      const headers = { authorization, accept: 'text/event-stream' };
      const { status, body } = await fetch(url, { headers, signal: abort.signal });
      if (status !== 200) await body?.cancel();
      return { status, abort };
    };
    const feeds = [await follow(), await follow()];
    expect(feeds.map(({ status }) => status)).toEqual([200, 200]);
    expect((await follow()).status).toBe(429);
    for (const feed of feeds) feed.abort.abort();
    await until(() => test.chats.openReaders === 0);
    for (let times = 0; times < 5; times += 1) {
      expect((await fetch(url, { headers: { authorization } })).status).toBe(200);
    }
    const again = [await follow(), await follow()];
    expect(again.map(({ status }) => status)).toEqual([200, 200]);
    for (const feed of again) feed.abort.abort();
  });
});

describe('QUOTA-3: the prompts that wait in a chat', () => {
  it('are limited, and one that waits may be sent again', async () => {
    const chatId = await start({ prompts: 10 });
    const send = (id?: string) =>
      test.call('POST', `/v1/chats/${chatId}/prompts`, { body: { content: 'hello', ...(id && { id }) } });
    const waiting = Array.from({ length: 10 }, (_, seq) => ({ promptId: `p${seq}`, seq, content: [] }));
    test.chats.listPrompts = () => Promise.resolve({ items: waiting });
    for (let count = 0; count < 5; count += 1) expect((await send()).status).toBe(202);
    const refused = await send();
    expect(refused.status).toBe(429);
    expect(await refused.json()).toMatchObject({ code: 'quota_exceeded', quota: 'prompts', limit: 10 });
    waiting[3] = { ...waiting[3]!, promptId: '22222222-2222-4222-8222-222222222222' };
    expect((await send('22222222-2222-4222-8222-222222222222')).status).not.toBe(429);
    waiting.length = 9;
    expect([(await send()).status, (await send()).status]).toEqual([202, 202]);
  });
});

describe('QUOTA-1: the setting', () => {
  const env = { HOME: '/nowhere' };
  it('names what is limited', () => {
    const { quotas } = readConfig({ flags: { quota: 'chats-per-hour=7, sockets=0' }, env });
    expect(quotas).toEqual({ chatsPerHour: 7, sockets: 0 });
    expect(readConfig({ env }).quotas).toEqual({});
  });

  it.each(['sockets', 'sockets=', 'sockets=-1', 'sockets=1=2', 'x=1', '__proto__=1', 'sockets=1e3'])(
    'refuses %s',
    (quota) => expect(() => readConfig({ flags: { quota }, env })).toThrow(/^--quota: must be pairs/),
  );

  it('has no limit at zero', async () => {
    await start({ sockets: 0, chatsPerHour: 0, chatsPerDay: 0 });
    for (let count = 0; count < 30; count += 1) expect((await createChat()).status).toBe(201);
    expect((await dial('/v1/live')).status).toBe(101);
  });
});
