// Links by which anybody reads one chat: what they open, up to where, for how long, and that they open nothing else.
import { afterEach, beforeEach, describe, expect, it, vi } from 'vitest';
import { ManualClock } from '../../test/support/manual-clock.ts';
import { roleGrants as grants, tokenOf } from '../../test/support/role-grants.ts';
import { createTestApp, type TestApp, testToken } from '../../test/support/test-app.ts';
import { until } from '../../test/support/until.ts';
import { BooError } from '../protocol/error.ts';
import { roles } from '../protocol/principal.ts';
import { declaredFor } from './app.ts';
import { recheckMs } from './chat-guard.ts';
import type { Route } from './route.ts';
import { type HttpServer, listen } from './server.ts';

const host = { host: 'localhost:4700' };
const by = (secret: string) => ({ ...host, authorization: `Bearer ${secret}` });

let clock: ManualClock;
let test: TestApp;
let chatId: string;
beforeEach(async () => {
  clock = new ManualClock();
  test = createTestApp({ clock, access: { token: testToken, grants } });
  ({ id: chatId } = await test.chats.createChat({ cwd: '/tmp', title: 'A title' }));
});

const routes = createTestApp().app.routes.flatMap(({ handler }): Route[] => {
  const declared = declaredFor(handler);
  return typeof declared === 'object' ? [declared] : [];
});

const named = (some: Route[]) => some.map((route) => ({ name: `${route.method} ${route.path}`, route }));
const ofLinks = routes.filter(({ policy }) => policy === 'link');
const ofOthers = routes.filter(({ policy }) => policy !== 'link');
const call = (route: Route, headers: Record<string, string>) =>
  test.app.request(route.path.replaceAll(/\{\w+\}/g, chatId), { method: route.method, headers });

it('SHARE-7: the routes of links are two that read, and take no chat', () => {
  expect(ofLinks.map(({ method, path }) => `${method} ${path}`)).toEqual(['GET /v1/shared', 'GET /v1/shared/events']);
});

it.each(named(ofLinks))('SHARE-7: $name is open to a link, and to no token', async ({ route }) => {
  expect((await call(route, by(test.shareLinks.add(chatId)))).status).toBe(200);
  for (const token of [testToken, ...roles.map(tokenOf)]) expect((await call(route, by(token))).status).toBe(401);
});

it.each(named(ofOthers))('SHARE-7: $name answers a link as it answers nothing', async ({ route }) => {
  const secret = test.shareLinks.add(chatId);
  const { writes } = test.chats;
  const offered = { ...host, 'sec-websocket-protocol': `boocode.live, ticket.${secret}` };
  const bare = await call(route, host);
  for (const headers of [by(secret), offered]) expect((await call(route, headers)).status).toBe(bare.status);
  expect(['bearer', 'ticket'].includes(route.policy) ? bare.status : 401).toBe(401);
  expect(test.chats.writes).toBe(writes);
});

describe('a link', () => {
  const read = async (secret: string, query = '') => {
    const response = await test.app.request(`/v1/shared/events${query}`, { headers: by(secret) });
    return {
      status: response.status,
      ...((await response.json()) as { items: { seq: number }[]; next: number | null }),
    };
  };
  const prompt = (id: string, content: string) =>
    test.call('POST', `/v1/chats/${chatId}/prompts`, { body: { id, content } });

  it('SHARE-7: shows the events of its chat alone, and no parameter chooses another', async () => {
    const other = await test.chats.createChat({ cwd: '/var' });
    await prompt('p1', 'here');
    await test.call('POST', `/v1/chats/${other.id}/prompts`, { body: { id: 'p2', content: 'ELSEWHERE' } });
    const secret = test.shareLinks.add(chatId);
    expect(await read(secret)).toMatchObject({ status: 200, items: [{ seq: 1, chatId }], next: null });
    for (const name of ['chatId', 'chat', 'until', 'before']) {
      expect(await read(secret, `?${name}=${other.id}`)).toMatchObject({ status: 400, field: name });
    }
  });

  it('SHARE-9: that ends at an event delivers nothing after it, has no feed, and is called after its own beginning', async () => {
    for (const [at, text] of ['first words', 'second', 'AFTERWARDS', 'AFTERWARDS too'].entries()) {
      await prompt(`p${at}`, text);
    }
    await test.call('PATCH', `/v1/chats/${chatId}`, { body: { title: 'A title of AFTERWARDS' } });
    const secret = test.shareLinks.add(chatId, { untilSeq: 2 });
    expect(await read(secret)).toMatchObject({ items: [{ seq: 1 }, { seq: 2 }], next: null });
    expect(await read(secret, '?limit=1')).toMatchObject({ items: [{ seq: 1 }], next: 1 });
    expect(await read(secret, '?limit=1&after=1')).toMatchObject({ items: [{ seq: 2 }], next: null });
    for (const after of [2, 3, 99])
      expect(await read(secret, `?after=${after}`)).toMatchObject({ items: [], next: null });
    const all = ['/v1/shared', '/v1/shared/events?limit=1000', '/v1/shared/events?after=2'];
    for (const accept of ['application/json', 'text/event-stream']) {
      for (const path of all) {
        const text = await (await test.app.request(path, { headers: { ...by(secret), accept } })).text();
        expect(text).not.toContain('AFTERWARDS');
      }
    }
    const feed = await test.app.request('/v1/shared/events', {
      headers: { ...by(secret), accept: 'text/event-stream' },
    });
    expect([feed.status, test.chats.openReaders]).toEqual([404, 0]);
    const told = (secretOf: string) => test.app.request('/v1/shared', { headers: by(secretOf) });
    expect(await (await told(secret)).json()).toMatchObject({ title: 'first words', until: 2 });
    expect(await (await told(test.shareLinks.add(chatId))).json()).toMatchObject({ title: 'A title of AFTERWARDS' });
  });

  it('SHARE-8: is in the audit log when it is made, opened and revoked, opened once an hour for each source', async () => {
    const made = await test.call('POST', `/v1/chats/${chatId}/links`, { body: {} });
    const { id, url } = (await made.json()) as { id: string; url: string };
    const secret = new URLSearchParams(new URL(url).hash.slice(1)).get('share')!;
    for (let times = 0; times < 3; times += 1) expect((await read(secret)).status).toBe(200);
    clock.advance(3_600_001);
    await read(secret);
    expect((await test.call('DELETE', `/v1/chats/${chatId}/links/${id}`)).status).toBe(204);
    expect(await read(secret)).toMatchObject({ status: 401, code: 'unauthorized' });
    const acts = test.audit.acts.filter(({ act }) => /Link/.test(act));
    expect(acts.map(({ act, chatId: chat, details, person }) => [act, chat, details?.['linkId'], person?.id])).toEqual([
      ['createShareLink', chatId, id, 'owner'],
      ['openShareLink', chatId, id, undefined],
      ['openShareLink', chatId, id, undefined],
      ['revokeShareLink', chatId, id, 'owner'],
    ]);
    const logged = JSON.stringify([test.audit.acts, test.infos, test.warnings, test.errors]);
    expect(logged).not.toContain(secret);
  });

  it('SHARE-8: wrong ones are counted as wrong credentials, and a valid one is still accepted', async () => {
    const secret = test.shareLinks.add(chatId);
    const statuses = [];
    for (let times = 0; times < 22; times += 1) statuses.push((await read(`${secret.slice(0, -1)}_`)).status);
    expect([statuses[0], statuses.at(-1), (await read(secret)).status]).toEqual([401, 429, 200]);
  });

  describe('that is no longer valid', () => {
    let secret: string;
    let server: HttpServer;
    let fed: Promise<string>;
    let timers: number;
    const follow = async (leftMs: number): Promise<void> => {
      secret = test.shareLinks.add(chatId, { leftMs });
      server = await listen(test.app, { host: '127.0.0.1', port: 0, log: test.log, drainTimeoutMs: 500 });
      const feed = await fetch(`http://localhost:${server.port}/v1/shared/events`, {
        headers: { authorization: `Bearer ${secret}`, accept: 'text/event-stream' },
      });
      fed = feed.text();
      await until(() => test.chats.openReaders === 1);
      await prompt('p1', 'SHOWN');
      timers = clock.pending;
    };
    const end = async () => ({ hasShown: (await fed).includes('SHOWN'), left: test.chats.openReaders });
    const ended = { hasShown: true, left: 0 };
    afterEach(() => server.close());

    it('SHARE-8: ends what is open by it at once when it is revoked, and not when another of the chat is', async () => {
      await follow(3_600_000);
      await test.shareLinks.revoke(chatId, 'another');
      expect(test.chats.openReaders).toBe(1);
      await test.shareLinks.revoke(chatId, test.shareLinks.open.get(secret)!.id);
      expect(await end()).toEqual(ended);
    });

    it('SHARE-8: ends what is open by it soon when another host has revoked it, and not while the database is away', async () => {
      await follow(3_600_000);
      const leftMs = vi
        .spyOn(test.shareLinks, 'leftMs')
        .mockRejectedValue(new BooError('storage_unavailable', 'Away.'));
      clock.advance(recheckMs);
      await until(() => leftMs.mock.calls.length === 1 && clock.pending === timers);
      leftMs.mockRestore();
      expect(test.chats.openReaders).toBe(1);
      test.shareLinks.open.delete(secret);
      clock.advance(recheckMs);
      expect(await end()).toEqual(ended);
    });

    it('SHARE-8: ends what is open by it at the moment when it is over', async () => {
      await follow(recheckMs * 1.5);
      test.shareLinks.open.set(secret, { ...test.shareLinks.open.get(secret)!, leftMs: recheckMs / 2 });
      clock.advance(recheckMs);
      // The next look, and the moment at which it is over.
      await until(() => clock.pending === timers + 1);
      expect(test.chats.openReaders).toBe(1);
      test.shareLinks.open.delete(secret);
      clock.advance(recheckMs / 2);
      expect(await end()).toEqual(ended);
    });

    it('SHARE-8: ends what is opened by it in its last seconds', async () => {
      await follow(1_000);
      test.shareLinks.open.delete(secret);
      clock.advance(1_000);
      expect(await end()).toEqual(ended);
    });
  });
});
