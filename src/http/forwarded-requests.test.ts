// Requests that other hosts have sent on, as the host that gets them sees them.
import { beforeEach, describe, expect, it } from 'vitest';
import { createTestApp, type TestApp, testToken } from '../../test/support/test-app.ts';
import { silentLog } from '../lib/log.ts';
import { systemClock } from '../lib/clock.ts';
import { digestOf } from '../peers/signature.ts';
import { BooError } from '../protocol/error.ts';
import type { Principal } from '../protocol/principal.ts';
import { Forwarding } from './forwarding.ts';

const ada = { id: 'p1', name: 'Ada', role: 'member' } as const;
const hostId = 'aaaaaaaa-2222-4333-8444-555555555555';
const body = { content: 'hi' };

let test: TestApp;
let person: Principal;
let chatId: string;
let verified: { method: string; target: string }[];
beforeEach(async () => {
  verified = [];
  person = ada;
  const peers = {
    hasOthers: true,
    sign: () => 'signed',
    verify(header: string, request: { method: string; target: string }) {
      verified.push(request);
      if (header === 'other') return Promise.reject(new BooError('wrong_host', 'Another host.'));
      if (header !== 'good') return Promise.reject(new BooError('unauthorized', 'No.'));
      return Promise.resolve({ from: 'x', principal: person, bodyDigest: digestOf(Buffer.from(JSON.stringify(body))) });
    },
  };
  // Were it asked, the request would go round in circles.
  const findHolder = () => Promise.reject(new Error('A forwarded request was to be sent on.'));
  const chats = { findHolder, findOtherHost: findHolder };
  const forwarding = new Forwarding({ chats, peers, hostId, clock: systemClock, log: silentLog });
  test = createTestApp({ forwarding, limits: { failuresPerSource: 2 } });
  ({ id: chatId } = await test.chats.createChat({ cwd: '/tmp' }));
});

const send = (headers: Record<string, string>, content: unknown = body) =>
  test.app.request(`/v1/chats/${chatId}/prompts?`, {
    method: 'POST',
    headers: { host: '10.0.0.5:4127', 'content-type': 'application/json', ...headers },
    body: JSON.stringify(content),
  });
const codeOf = async (response: Response): Promise<unknown> => ((await response.json()) as { code: string }).code;

describe('HOST-5: a request that another host has sent on', () => {
  it('needs no token, no allowed host and no origin, and is its person’s', async () => {
    const response = await send({ 'boocode-forwarded': 'good', origin: 'http://evil.example' });
    expect(response.status).toBe(202);
    expect(response.headers.get('boocode-host')).toBe(hostId);
    expect(verified).toEqual([{ method: 'POST', target: `/v1/chats/${chatId}/prompts` }]);
    const { items } = await test.chats.readEvents(chatId, { after: 0, limit: 10 });
    expect(items).toMatchObject([{ type: 'prompt_accepted', principal: person }]);
  });

  it('PEOPLE-1: is refused if its person may not do that', async () => {
    person = { ...ada, role: 'viewer' };
    const response = await send({ 'boocode-forwarded': 'good' });
    expect([response.status, await codeOf(response)]).toEqual([403, 'forbidden']);
    expect(test.chats.writes).toBe(1);
  });

  it('is refused with another body, and nothing is done', async () => {
    const response = await send({ 'boocode-forwarded': 'good' }, { content: 'something else' });
    expect([response.status, await codeOf(response)]).toEqual([401, 'unauthorized']);
    expect(test.chats.writes).toBe(1);
  });

  it('is refused without a valid signature, even with the token, and counts as a wrong credential', async () => {
    const wrong = { 'boocode-forwarded': 'forged', authorization: 'Bearer a-token-for-tests-0123456789' };
    expect(await codeOf(await send({ ...wrong, host: 'localhost' }))).toBe('unauthorized');
    await send(wrong);
    const third = await send(wrong);
    expect([third.status, third.headers.get('boocode-host')]).toEqual([429, hostId]);
    expect(await codeOf(await send({ 'boocode-forwarded': 'other' }))).toBe('wrong_host');
    expect(test.chats.writes).toBe(1);
  });

  it('that waits for an unreachable holder is no failure when whoever asked hangs up', async () => {
    const peers = { hasOthers: true, sign: () => 'signed', verify: () => Promise.reject(new Error('not asked')) };
    const hangUp = new AbortController();
    const holder = { id: 'other', name: 'other', address: 'http://127.0.0.1:1' };
    const chats = { findHolder: () => Promise.resolve(holder), findOtherHost: () => Promise.resolve(null) };
    const warn = (): void => hangUp.abort(new Error('hung up'));
    const log = { ...silentLog, warn };
    const own = createTestApp({ forwarding: new Forwarding({ chats, peers, hostId, clock: systemClock, log }) });
    const response = await own.app.request(`/v1/chats/${chatId}/interrupt`, {
      method: 'POST',
      headers: { host: 'localhost', authorization: `Bearer ${testToken}`, 'content-type': 'application/json' },
      body: '{}',
      signal: hangUp.signal,
    });
    expect(response.status).toBe(499);
    expect(own.errors).toEqual([]);
  });

  it('without the header needs all of that, as ever', async () => {
    expect(await codeOf(await send({}))).toBe('forbidden_host');
    expect(await codeOf(await send({ host: 'localhost' }))).toBe('unauthorized');
  });

  it('for a live feed is refused if this host does not hold the chat', async () => {
    test.chats.failWith(new BooError('chat_elsewhere', 'Not here.'));
    const response = await test.app.request(`/v1/chats/${chatId}/events`, {
      headers: { accept: 'text/event-stream', 'boocode-forwarded': 'good' },
    });
    expect(response.status).toBe(409);
  });
});
