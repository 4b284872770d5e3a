import { getEventListeners } from 'node:events';
import { createServer, type IncomingMessage, type Server, type ServerResponse } from 'node:http';
import type { AddressInfo } from 'node:net';
import type { Duplex } from 'node:stream';
import { afterEach, beforeEach, describe, expect, test } from 'vitest';
import { ManualClock } from '../../test/support/manual-clock.ts';
import { until } from '../../test/support/until.ts';
import type { Holder } from '../chats/chats.ts';
import { silentLog } from '../lib/log.ts';
import { BooError } from '../protocol/error.ts';
import { owner } from './access.ts';
import type { PeerRequest } from '../peers/peers.ts';
import { hostHeader } from '../peers/signature.ts';
import { readBody } from './body-pieces.ts';
import { Forwarding } from './forwarding.ts';

const chatId = '11111111-2222-4333-8444-555555555555';
const self = 'aaaaaaaa-2222-4333-8444-555555555555';
const other = 'bbbbbbbb-2222-4333-8444-555555555555';
const target = `/v1/chats/${chatId}/prompts?x=1`;

let clock: ManualClock;
let holders: (Holder | null)[];
let peer: Server;
/** What the peer was asked. */
let asked: { request: IncomingMessage; response: ServerResponse; body: string }[];
/** How the peer answers. */
let answer: (hostId: string) => { status: number; headers?: Record<string, string>; body?: string } | undefined;
let address: string;
let forwarding: Forwarding;
let peers: { hasOthers: boolean; sign(request: PeerRequest): string; verify(): Promise<never> };
/** What was signed. */
let signed: PeerRequest[];
/** Asked before each answer about the holder. */
let onAsk: () => void | Promise<void>;
let withDirectory: Holder | null;
let anyOther: Holder | null;
/** What was logged as a warning. */
let warnings: string[];
let facts: object[];

beforeEach(async () => {
  clock = new ManualClock();
  [warnings, facts, asked, signed] = [[], [], [], []];
  peers = {
    hasOthers: true,
    sign(request) {
      signed.push(request);
      return 'signed';
    },
    verify: () => Promise.reject(new Error('not asked')),
  };
  onAsk = () => {};
  withDirectory = null;
  anyOther = null;
  answer = () => ({ status: 200, body: '{"from":"the peer"}' });
  peer = createServer((request, response) => {
    let body = '';
    request.on('data', (piece: Buffer) => (body += piece.toString()));
    request.on('end', () => {
      asked.push({ request, response, body });
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
      async findHolder() {
        await onAsk();
        return holders.length > 1 ? holders.shift()! : holders[0]!;
      },
      findOtherHost: (_of, wanted) => Promise.resolve(wanted.hasDirectory ? withDirectory : anyOther),
    },
    peers,
    hostId: self,
    clock,
    log: {
      ...silentLog,
      warn(given: object, message: string) {
        facts.push(given);
        warnings.push(message);
      },
    },
  });
});
afterEach(async () => {
  peer.closeAllConnections();
  await new Promise((resolve) => peer.close(resolve));
});

const here = async (request: Request): Promise<Response> =>
  new Response(`here: ${Buffer.from(await readBody(request, { limitBytes: 1000, clock })).toString()}`);

function ask(
  method = 'POST',
  body = '{"content":"hi"}',
  handle = here,
  signal = new AbortController().signal,
  isStored = true,
): Promise<Response> {
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
    signal,
    ...(method !== 'GET' && method !== 'HEAD' && { body }),
  });
  return forwarding.answer({ of: { chatId }, request, principal: owner, limitBytes: 1000, isStored }, handle);
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

/** Lets only the pauses between two attempts pass. */
async function pauses(of: Promise<unknown>): Promise<void> {
  let isOver = false;
  const over = (): boolean => (isOver = true);
  of.then(over, over);
  await until(() => {
    if (clock.nextMs === 250) clock.advance(250);
    return isOver;
  });
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
    const content = Buffer.from('{"content":"hi"}');
    expect(signed).toEqual([{ to: other, method: 'POST', target, body: content, principal: owner }]);
    // Nothing looks any more who holds the chat.
    expect(clock.nextMs).toBeNull();
  });

  test('has the answer of the peer, whatever its status, with its headers', async () => {
    answer = () => ({ status: 429, headers: { 'retry-after': '7', connection: 'close' }, body: 'slow down' });
    const response = await ask();
    expect([response.status, response.headers.get('retry-after')]).toEqual([429, '7']);
    expect(response.headers.has('connection')).toBe(false);
    answer = () => problem('chat_busy');
    expect(await (await ask()).json()).toEqual({ code: 'chat_busy' });
    answer = () => ({ status: 400, headers: { 'content-type': 'text/plain' }, body: 'no problem document' });
    expect(await (await ask()).text()).toBe('no problem document');
    answer = () => ({ status: 204 });
    expect((await ask()).status).toBe(204);
    expect(warnings).toEqual([]);
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
    onAsk = () => void (asks += 1);
    expect(await (await ask()).text()).toBe('here: {"content":"hi"}');
    expect(await (await read()).text()).toBe('here: ');
    expect(asks).toBe(0);
    const elsewhere = (): Promise<Response> => Promise.reject(new BooError('chat_elsewhere', 'taken'));
    holders = [holder!];
    expect(await (await ask('POST', '{"content":"hi"}', elsewhere)).text()).toBe('{"from":"the peer"}');
  });

  test('has its body whatever its method is, and none if it reads', async () => {
    await ask('DELETE', '{"a":1}');
    await ask('POST', '');
    expect(await (await ask('GET')).text()).toBe('{"from":"the peer"}');
    expect(await (await ask('HEAD')).text()).toBe('');
    expect(asked.map(({ request, body }) => [request.method, request.headers['content-length'], body])).toEqual([
      ['DELETE', '7', '{"a":1}'],
      ['POST', '0', ''],
      ['GET', undefined, ''],
      ['HEAD', undefined, ''],
    ]);
  });

  test('fails as it fails here, whoever holds the chat by then', async () => {
    for (const error of [new Error('broken'), new BooError('chat_busy', 'busy')]) {
      holders = [null, holders.at(-1)!];
      await expect(ask('POST', '{}', () => Promise.reject(error))).rejects.toBe(error);
    }
    expect(asked).toEqual([]);
  });

  test('that hosts send to and fro ends after the time of a lease', async () => {
    const elsewhere = (): Promise<Response> => Promise.reject(new BooError('chat_elsewhere', 'taken'));
    const [holder] = holders;
    // This host is asked when the time is up.
    const sending = ask('POST', '{}', () => {
      clock.advance(16_000);
      return elsewhere();
    });
    holders = [null, holder!];
    await expect(sending).rejects.toMatchObject({ code: 'chat_elsewhere' });
    expect(asked).toEqual([]);
  });

  test('closes the connection after an answer that has no body', async () => {
    peer.removeAllListeners('request');
    let isClosed = false;
    peer.on('request', ({ socket }: IncomingMessage) => {
      socket.once('close', () => (isClosed = true));
      socket.write(`HTTP/1.1 204 No Content\r\n${hostHeader}: ${other}\r\n\r\n`);
    });
    expect((await ask()).status).toBe(204);
    await until(() => isClosed);
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

test('HOST-13: what a host that takes no chats is asked for goes to one that does, if nobody holds the chat', async () => {
  const draining = (): Promise<Response> => Promise.reject(new BooError('shutting_down', 'hands its chats over'));
  [anyOther, holders] = [holders[0]!, [null]];
  expect(await (await ask('POST', '{}', draining)).text()).toBe('{"from":"the peer"}');
  answer = () => problem('shutting_down', 503);
  await expect(ask('POST', '{}', draining)).rejects.toMatchObject({ code: 'shutting_down' });
  anyOther = null;
  await expect(ask('POST', '{}', draining)).rejects.toMatchObject({ code: 'shutting_down' });
  expect(asked).toHaveLength(2);
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
      expect(clock.nextMs).toBeNull();
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
    await pauses(sending);
    await expect(sending).rejects.toMatchObject({
      code: 'host_unreachable',
      message: `The host other holds this chat and cannot be reached at ${address}. Nothing was done. Try again shortly, or check its --advertise-url.`,
      details: { hostId: other, name: 'other', address, wasSent: false, retryAfterSeconds: 2 },
    });
    expect(clock.monotonicMs() - began).toBe(16_000);
    // Said once, however often it is tried.
    expect(warnings).toEqual(['Another host cannot be reached.']);
    expect(facts).toMatchObject([{ err: { name: 'PeerError' }, host: 'other', address }]);
  });

  test('a command that was sent and got no answer is not sent again', async () => {
    answer = () => {
      asked.at(-1)!.request.socket.destroy();
      return undefined;
    };
    await expect(ask()).rejects.toMatchObject({
      code: 'host_unreachable',
      message: expect.stringContaining('It may have carried this out.'),
      details: { wasSent: true },
    });
    expect(asked).toHaveLength(1);
    expect(await (await read()).text()).toBe('here: ');
  });

  test('nor is one whose refusal breaks off before it says why', async () => {
    answer = () => {
      const { response } = asked.at(-1)!;
      response.writeHead(409, { 'content-type': 'application/problem+json', [hostHeader]: other });
      response.write('{"co', () => response.destroy());
      return undefined;
    };
    await expect(ask()).rejects.toMatchObject({ code: 'host_unreachable', details: { wasSent: true } });
    expect(asked).toHaveLength(1);
    expect(await (await read()).text()).toBe('here: ');
    expect(clock.nextMs).toBeNull();
  });

  test('nothing was done by one that refuses until the time is up', async () => {
    answer = () => problem('starting', 503);
    const sending = ask();
    await pauses(sending);
    await expect(sending).rejects.toMatchObject({ code: 'host_unreachable', details: { wasSent: false } });
  });

  test('is logged once, and again after it has answered; but not one that hands its chats over', async () => {
    for (const code of ['chat_elsewhere', 'shutting_down']) {
      answer = () => problem(code);
      await read();
    }
    expect(facts).toEqual([]);
    for (const code of ['unauthorized', 'starting']) {
      answer = () => problem(code);
      await read();
      await read();
      answer = () => ({ status: 200 });
      await read();
    }
    answer = () => ({ status: 200, headers: { [hostHeader]: 'no' } });
    await read();
    expect(facts).toMatchObject([
      { err: { message: 'unauthorized' } },
      { err: { message: 'starting' } },
      { err: { message: 'Something else answers there.' } },
    ]);
  });

  test('the connection to another program at its address is closed', async () => {
    let isClosed = false;
    answer = () => {
      const { response } = asked.at(-1)!;
      response.once('close', () => (isClosed = true));
      response.write('an answer without an end');
      return undefined;
    };
    expect(await (await read()).text()).toBe('here: ');
    await until(() => isClosed);
  });

  test('a refusal may name its charset', async () => {
    const headers = { 'content-type': 'application/problem+json; charset=utf-8' };
    answer = () => ({ ...problem('starting'), headers });
    expect(await (await read()).text()).toBe('here: ');
  });

  test('a client that leaves ends its command, and is no reason to call the holder unreachable', async () => {
    answer = () => undefined;
    const abort = new AbortController();
    const sending = ask('POST', '{}', here, abort.signal);
    await until(() => asked.length === 1);
    abort.abort();
    await expect(sending).rejects.toBe(abort.signal.reason);
    expect(warnings).toEqual([]);

    answer = () => problem('starting');
    const second = new AbortController();
    const waiting = ask('POST', '{}', here, second.signal);
    await until(() => clock.nextMs === 250);
    second.abort();
    await expect(waiting).rejects.toBe(second.signal.reason);
    expect(asked).toHaveLength(2);
    expect(clock.nextMs).toBeNull();
    expect(getEventListeners(second.signal, 'abort')).toEqual([]);
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
    for (const [at, method] of ['GET', 'HEAD'].entries()) {
      const reading = ask(method);
      await until(() => asked.length === 2 + at);
      clock.advance(5_000);
      expect(await (await reading).text()).toBe('here: ');
    }
  });

  test('what only the holder has is waited for like a command, and is not read here', async () => {
    answer = () => undefined;
    const reading = ask('GET', '', here, new AbortController().signal, false);
    await until(() => asked.length === 1);
    for (let times = 0; times < 20; times += 1) {
      clock.advance(2_000);
      await new Promise(setImmediate);
    }
    asked[0]!.response.writeHead(200, { [hostHeader]: other }).end('at last');
    expect(await (await reading).text()).toBe('at last');

    const lost = ask('GET', '', here, new AbortController().signal, false);
    await until(() => asked.length === 2);
    holders = [null];
    await pass(lost);
    await expect(lost).rejects.toMatchObject({ code: 'host_unreachable' });
  });

  describe('that is silent', () => {
    let sending: Promise<Response>;
    let isOver: boolean;
    beforeEach(async () => {
      answer = () => undefined;
      isOver = false;
      sending = ask();
      const over = (): boolean => (isOver = true);
      sending.then(over, over);
      await until(() => asked.length === 1);
    });
    const looks = async (...found: (Holder | null)[]): Promise<void> => {
      for (const each of found) {
        holders = [each];
        clock.advance(2_000);
        await until(() => isOver || clock.nextMs !== null);
      }
    };

    test('is given up once two looks in a row do not find it', async () => {
      const [holder] = holders as [Holder];
      await looks(null, holder, null, holder, null);
      expect(isOver).toBe(false);
      holders = [null];
      clock.advance(2_000);
      await expect(sending).rejects.toMatchObject({ details: { wasSent: true } });
    });

    test('is looked for again after a look that failed, which tells nothing', async () => {
      onAsk = () => Promise.reject(new Error('The database is away.'));
      await looks(null);
      onAsk = () => {};
      await looks(null);
      expect(isOver).toBe(false);
      holders = [null];
      clock.advance(2_000);
      await expect(sending).rejects.toMatchObject({ details: { wasSent: true } });
    });

    test.each(['is answered', 'fails'])('is not looked for after its answer, even if a look %s then', async (how) => {
      let tell = (): void => {};
      onAsk = () => new Promise((resolve, reject) => (tell = how === 'fails' ? reject : resolve));
      clock.advance(2_000);
      asked[0]!.response.writeHead(200, { [hostHeader]: other }).end('at last');
      expect(await (await sending).text()).toBe('at last');
      tell();
      await new Promise(setImmediate);
      expect(clock.nextMs).toBeNull();
    });
  });
});

describe('TERM-13: a WebSocket for a chat of another host', () => {
  const terminal = `/v1/chats/${chatId}/terminal?access=read`;
  const open = (signal = new AbortController().signal) => {
    const headers = { 'sec-websocket-protocol': 'boocode.terminal, ticket.secret', cookie: 'a=b' };
    const request = new Request('http://localhost:4127/ignored', { headers, signal });
    return forwarding.upgrade(holders[0]!, { request, principal: owner }, terminal);
  };

  test('is opened there, signed, without the ticket', async () => {
    let incoming: IncomingMessage | undefined;
    peer.on('upgrade', (request: IncomingMessage, socket: Duplex) => {
      incoming = request;
      socket.once('end', () => socket.destroy()).resume();
      socket.write('HTTP/1.1 101 Switching Protocols\r\nconnection: Upgrade\r\nupgrade: websocket\r\n\r\n');
    });
    const upgraded = await open();
    if ('answer' in upgraded) throw new Error('It was refused.');
    expect(incoming).toMatchObject({
      method: 'GET',
      url: `/base${terminal}`,
      headers: { 'boocode-forwarded': 'signed', 'sec-websocket-protocol': 'boocode.terminal', upgrade: 'websocket' },
    });
    expect(incoming!.headers).not.toHaveProperty('cookie');
    expect(signed).toEqual([{ to: other, method: 'GET', target: terminal, body: new Uint8Array(), principal: owner }]);
    upgraded.socket.destroy();
  });

  test('that is refused there has that answer', async () => {
    answer = () => problem('terminal_unavailable');
    const upgraded = await open();
    if (!('answer' in upgraded)) throw new Error('It was accepted.');
    const response = forwarding.refusal(upgraded);
    expect([response.status, await response.json()]).toEqual([409, { code: 'terminal_unavailable' }]);
  });

  test('is refused here if the holder cannot be reached, or something else answers there', async () => {
    const refused = { code: 'host_unreachable', details: { hostId: other, wasSent: false } };
    answer = () => problem('wrong_host', 421, self);
    await expect(open()).rejects.toMatchObject(refused);
    answer = () => undefined;
    const abort = new AbortController();
    const opening = open(abort.signal);
    await until(() => asked.length === 2);
    abort.abort();
    await expect(opening).rejects.toBe(abort.signal.reason);
    peer.closeAllConnections();
    peer.close();
    await expect(open()).rejects.toMatchObject(refused);
    expect(facts).toMatchObject([{ err: { message: 'Something else answers there.' } }]);
  });
});
