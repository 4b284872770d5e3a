import { createServer, type IncomingMessage, type Server } from 'node:http';
import type { AddressInfo } from 'node:net';
import { afterEach, beforeEach, describe, expect, test } from 'vitest';
import { ManualClock } from '../../test/support/manual-clock.ts';
import { until } from '../../test/support/until.ts';
import type { Holder } from '../chats/chats.ts';
import { silentLog } from '../lib/log.ts';
import { BooError } from '../protocol/error.ts';
import { owner } from './access.ts';
import { hostHeader } from '../peers/signature.ts';
import { Forwarding } from './forwarding.ts';

const chatId = '11111111-2222-4333-8444-555555555555';
const self = 'aaaaaaaa-2222-4333-8444-555555555555';
const other = 'bbbbbbbb-2222-4333-8444-555555555555';
const target = `/v1/chats/${chatId}/prompts?x=1`;

let clock: ManualClock;
let holders: (Holder | null)[];
let peer: Server;
/** What the peer was asked. */
let asked: { request: IncomingMessage; body: string }[];
/** How the peer answers. */
let answer: (hostId: string) => { status: number; headers?: Record<string, string>; body?: string } | undefined;
let address: string;
let forwarding: Forwarding;
let peers: { hasOthers: boolean; sign(): string; verify(): Promise<never> };
let onAsk: () => void;
let withDirectory: Holder | null;
/** What was logged as a warning. */
let warnings: string[];

beforeEach(async () => {
  clock = new ManualClock();
  warnings = [];
  asked = [];
  peers = { hasOthers: true, sign: () => 'signed', verify: () => Promise.reject(new Error('not asked')) };
  onAsk = () => {};
  withDirectory = null;
  answer = () => ({ status: 200, body: '{"from":"the peer"}' });
  peer = createServer((request, response) => {
    let body = '';
    request.on('data', (piece: Buffer) => (body += piece.toString()));
    request.on('end', () => {
      asked.push({ request, body });
      const given = answer(other);
      if (!given) return;
      response.writeHead(given.status, { [hostHeader]: other, ...given.headers });
      response.end(given.body);
    });
  });
  await new Promise<void>((resolve) => peer.listen(0, '127.0.0.1', resolve));
  address = `http://127.0.0.1:${(peer.address() as AddressInfo).port}/base`;
  const holder = { id: other, name: 'other', address };
  holders = [holder];
  forwarding = new Forwarding({
    chats: {
      findHolder() {
        onAsk();
        return Promise.resolve(holders.length > 1 ? holders.shift()! : holders[0]!);
      },
      findHostWithDirectory: () => Promise.resolve(withDirectory),
    },
    peers,
    hostId: self,
    clock,
    log: { ...silentLog, warn: (_facts, message) => warnings.push(message) },
  });
});
afterEach(async () => {
  peer.closeAllConnections();
  await new Promise((resolve) => peer.close(resolve));
});

const here = (request: Request): Promise<Response> => request.text().then((body) => new Response(`here: ${body}`));

function ask(method = 'POST', body = '{"content":"hi"}', handle = here, signal?: AbortSignal): Promise<Response> {
  const headers = {
    'content-type': 'application/json',
    'boocode-client': 'test',
    authorization: 'Bearer secret',
    cookie: 'a=b',
    origin: 'http://localhost:4127',
    'x-forwarded-for': '1.2.3.4',
  };
  const request = new Request(`http://localhost:4127${target}`, {
    method,
    headers,
    ...(method === 'POST' && { body }),
    ...(signal && { signal }),
  });
  return forwarding.answer({ of: { chatId }, request, principal: owner, limitBytes: 1000 }, handle);
}

const read = (): Promise<Response> => ask('GET');

/** Lets the time pass that a command waits. */
async function pass(of: Promise<unknown>): Promise<void> {
  let isOver = false;
  const over = of.then(
    () => (isOver = true),
    () => (isOver = true),
  );
  await until(
    () => {
      const nextMs = clock.nextMs;
      if (nextMs !== null) clock.advance(nextMs);
      return isOver;
    },
    { what: 'the answer' },
  );
  await over;
}

const problem = (code: string, status = 409, host = other) => ({
  status,
  headers: { 'content-type': 'application/problem+json', [hostHeader]: host },
  body: JSON.stringify({ code }),
});

describe('HOST-3: a request for a chat of another host', () => {
  test('goes there unchanged, signed, and without what belongs to the client’s own connection', async () => {
    const response = await ask();
    expect([response.status, await response.text()]).toEqual([200, '{"from":"the peer"}']);
    expect(response.headers.has(hostHeader)).toBe(false);
    const [{ request, body }] = asked as [(typeof asked)[0]];
    expect([request.method, request.url, body]).toEqual(['POST', `/base${target}`, '{"content":"hi"}']);
    expect(request.headers).toMatchObject({
      'content-type': 'application/json',
      'boocode-client': 'test',
      'boocode-forwarded': 'signed',
      'content-length': '16',
    });
    for (const name of ['authorization', 'cookie', 'origin', 'x-forwarded-for']) {
      expect(request.headers).not.toHaveProperty(name);
    }
  });

  test('has the answer of the peer, whatever its status, with its headers', async () => {
    answer = () => ({ status: 429, headers: { 'retry-after': '7', connection: 'close' }, body: 'slow down' });
    const response = await ask();
    expect([response.status, response.headers.get('retry-after')]).toEqual([429, '7']);
    expect(response.headers.has('connection')).toBe(false);
    answer = () => problem('chat_busy');
    expect(await (await ask()).json()).toEqual({ code: 'chat_busy' });
    answer = () => ({ status: 204 });
    expect((await ask()).status).toBe(204);
  });

  test('is answered here if this host holds the chat, if nobody does, or if the holder has no address', async () => {
    holders = [null];
    expect(await (await ask()).text()).toBe('here: {"content":"hi"}');
    holders = [{ id: other, name: 'other', address: null }];
    expect(await (await ask()).text()).toBe('here: {"content":"hi"}');
    expect(asked).toEqual([]);
  });

  test('is sent on when another host takes the chat in that very moment', async () => {
    holders = [null, ...holders];
    const elsewhere = (): Promise<Response> => Promise.reject(new BooError('chat_elsewhere', 'taken'));
    expect(await (await ask('POST', '{"content":"hi"}', elsewhere)).text()).toBe('{"from":"the peer"}');
    holders = [null];
    await expect(ask('POST', '{}', elsewhere)).rejects.toMatchObject({ code: 'chat_elsewhere' });
  });

  test('costs no query as long as no other host is known, and is sent on nevertheless once one has the chat', async () => {
    peers.hasOthers = false;
    let asks = 0;
    const [holder] = holders;
    onAsk = () => (asks += 1);
    expect(await (await ask()).text()).toBe('here: {"content":"hi"}');
    expect(await (await read()).text()).toBe('here: ');
    expect(asks).toBe(0);
    const elsewhere = (): Promise<Response> => Promise.reject(new BooError('chat_elsewhere', 'taken'));
    holders = [holder!];
    expect(await (await ask('POST', '{"content":"hi"}', elsewhere)).text()).toBe('{"from":"the peer"}');
  });

  test('is limited like one that is answered here', async () => {
    await expect(ask('POST', 'x'.repeat(1001))).rejects.toMatchObject({ code: 'payload_too_large' });
    expect(asked).toEqual([]);
  });
});

describe('HOST-18: a request that needs a directory that this host does not have', () => {
  const missing = (): Promise<Response> => Promise.reject(new BooError('workspace_missing', 'not here'));
  beforeEach(() => {
    withDirectory = holders[0]!;
    holders = [null];
  });

  test.each(['POST', 'GET'])(
    'goes to the living host that had it last, if nobody holds the chat: %s',
    async (method) => {
      expect(await (await ask(method, '{}', missing)).text()).toBe('{"from":"the peer"}');
      expect(asked).toHaveLength(1);
    },
  );

  test('is refused if there is no such host, or if it cannot be reached, without a wait', async () => {
    const before = clock.monotonicMs();
    answer = () => problem('shutting_down', 503);
    await expect(ask('POST', '{}', missing)).rejects.toMatchObject({ code: 'workspace_missing' });
    withDirectory = null;
    await expect(ask('POST', '{}', missing)).rejects.toMatchObject({ code: 'workspace_missing' });
    withDirectory = { id: other, name: 'other', address: null };
    await expect(ask('POST', '{}', missing)).rejects.toMatchObject({ code: 'workspace_missing' });
    expect(clock.monotonicMs()).toBe(before);
    expect(asked).toHaveLength(1);
  });

  test('tells terminals where to go, too', async () => {
    const open = (): Promise<string> => Promise.reject(new BooError('workspace_missing', 'not here'));
    expect(await forwarding.hereOr({ chatId }, open)).toEqual({ holder: withDirectory });
    expect(await forwarding.hereOr({ chatId }, () => Promise.resolve('opened'))).toEqual({ here: 'opened' });
    withDirectory = null;
    await expect(forwarding.hereOr({ chatId }, open)).rejects.toMatchObject({ code: 'workspace_missing' });
  });
});

describe('HOST-4: a holder that cannot be reached', () => {
  const refusals = [
    ['has given the chat away', () => problem('chat_elsewhere')],
    ['stops', () => problem('shutting_down', 503)],
    ['starts', () => problem('starting', 503)],
    ['does not know the key', () => problem('unauthorized', 401)],
    ['is another host', () => problem('wrong_host', 421, self)],
    ['is another program', () => ({ status: 200, headers: { [hostHeader]: 'no' }, body: '{}' })],
  ] as const;

  test.each(refusals)(
    'one that %s has done nothing: the command waits, and is answered here once it may',
    async (_, say) => {
      answer = say;
      const sending = ask();
      await until(() => asked.length > 0);
      holders = [null];
      await pass(sending);
      expect(await (await sending).text()).toBe('here: {"content":"hi"}');
    },
  );

  test.each(refusals)('one that %s: the stored state is read here at once', async (_, say) => {
    answer = say;
    expect(await (await read()).text()).toBe('here: ');
    expect(asked).toHaveLength(1);
  });

  test('after the time of a lease a command gives up, and says where it went', async () => {
    peer.close();
    const began = clock.monotonicMs();
    const sending = ask();
    await until(() => clock.nextMs === 250, { what: 'the pause before the next attempt' });
    await pass(sending);
    await expect(sending).rejects.toMatchObject({
      code: 'host_unreachable',
      details: { hostId: other, name: 'other', address, wasSent: false, retryAfterSeconds: 2 },
    });
    expect(clock.monotonicMs() - began).toBeGreaterThanOrEqual(15_000);
    expect(clock.monotonicMs() - began).toBeLessThan(20_000);
    // Said once, however often it is tried.
    expect(warnings).toEqual(['Another host cannot be reached.']);
  });

  test('a command that was sent and got no answer is not sent again', async () => {
    answer = () => {
      asked.at(-1)!.request.socket.destroy();
      return undefined;
    };
    await expect(ask()).rejects.toMatchObject({ code: 'host_unreachable', details: { wasSent: true } });
    expect(asked).toHaveLength(1);
    expect(await (await read()).text()).toBe('here: ');
  });

  test('is not blamed when whoever asked hangs up', async () => {
    answer = () => undefined;
    const hangUp = new AbortController();
    const sending = ask('POST', '{}', here, hangUp.signal);
    await until(() => asked.length === 1);
    hangUp.abort(new Error('hung up'));
    await expect(sending).rejects.toThrow('hung up');
    expect(warnings).toEqual([]);
  });

  test('a silent host is waited for as long as it holds the chat, and for stored state five seconds', async () => {
    answer = () => undefined;
    const sending = ask();
    await until(() => asked.length === 1);
    for (let times = 0; times < 20; times += 1) {
      clock.advance(2_000);
      await new Promise(setImmediate);
    }
    holders = [null];
    await pass(sending);
    await expect(sending).rejects.toMatchObject({ code: 'host_unreachable', details: { wasSent: true } });
    holders = [{ id: other, name: 'other', address }];
    const reading = read();
    await until(() => asked.length === 2);
    clock.advance(5_000);
    expect(await (await reading).text()).toBe('here: ');
  });
});
