// What the guard writes into the audit log, for every route of the router: a new one is covered without a line here.
import { once } from 'node:events';
import { beforeEach, describe, expect, it } from 'vitest';
import { WebSocket } from 'ws';
import { ManualClock } from '../../test/support/manual-clock.ts';
import { createMemoryTerminal } from '../../test/support/memory-terminal.ts';
import { roleGrants as grants, tokenOf } from '../../test/support/role-grants.ts';
import { createTestApp, type TestApp, testToken } from '../../test/support/test-app.ts';
import { until } from '../../test/support/until.ts';
import type { Act } from '../chats/audit-log.ts';
import { systemClock } from '../lib/clock.ts';
import { silentLog } from '../lib/log.ts';
import { digestOf } from '../peers/signature.ts';
import type { Role } from '../protocol/principal.ts';
import { declaredFor } from './app.ts';
import { refusalsEach } from './audit-pacer.ts';
import { Forwarding } from './forwarding.ts';
import { listen } from './server.ts';

const marker = 'MARK-hunter2';
const as = (role: Role) => ({ authorization: `Bearer ${tokenOf(role)}` });

let clock: ManualClock;
let test: TestApp;
let chatId: string;
let acts: Act[];
beforeEach(async () => {
  clock = new ManualClock();
  test = createTestApp({
    clock,
    access: { token: testToken, grants },
    limits: { failuresPerSource: Infinity, failuresInAll: Infinity },
  });
  ({ id: chatId } = await test.chats.createChat({ cwd: '/tmp' }));
  ({ acts } = test.audit);
});

const routesOf = ({ app }: TestApp) =>
  app.routes.flatMap(({ handler }) => {
    const declared = declaredFor(handler);
    return declared === undefined || declared === 'guard' ? [] : [declared];
  });
const changing = routesOf(createTestApp()).filter(({ method }) => method !== 'GET');

describe.each(changing.map((route) => ({ name: `${route.method} ${route.path}`, route })))('$name', ({ route }) => {
  const headers = { 'boocode-client': 'phone' };
  const pathIn = (id: string): string => route.path.replace('{chatId}', id).replaceAll(/\{\w+\}/g, id);

  it.runIf(route.policy === 'bearer')('AUDIT-1: has an entry for each request, whatever becomes of it', async () => {
    const response = await test.call(route.method, pathIn(chatId), {
      body: {},
      headers: { ...headers, ...as('owner') },
    });
    expect(acts).toHaveLength(1);
    const outcome = response.status < 400 ? 'done' : response.status < 500 ? 'refused' : 'failed';
    expect(acts[0]).toMatchObject({
      act: route.id,
      via: 'phone',
      outcome,
      person: { id: 'some-owner', role: 'owner' },
    });
    expect(acts[0]!.code === null).toBe(outcome === 'done');
    expect(acts[0]!.chatId ?? null).toBe(route.path.includes('{chatId}') ? chatId : (acts[0]!.chatId ?? null));
  });

  it.runIf(route.policy === 'bearer' && route.role !== 'viewer')(
    'AUDIT-1: has an entry for somebody who has no right to it',
    async () => {
      await test.call(route.method, pathIn(chatId), { body: {}, headers: as('viewer') });
      expect(acts).toMatchObject([
        { act: route.id, outcome: 'refused', code: 'forbidden', person: { id: 'some-viewer' }, via: 'api' },
      ]);
    },
  );

  it('AUDIT-2: tells nothing of the text that is sent to it', async () => {
    const texts = [
      'title',
      'content',
      'message',
      'question',
      'code',
      'cwd',
      'prompt',
      'input',
      'reason',
      'path',
      'name',
      'env',
    ];
    for (const field of texts) {
      await test.call(route.method, pathIn(chatId), { body: { [field]: `${marker} ${marker}` }, headers: as('owner') });
    }
    expect(JSON.stringify(acts)).not.toContain(marker);
  });
});

describe('AUDIT-1: the audit log', () => {
  it('has transcripts and terminals each time, and nothing of other reads by the owner of a chat', async () => {
    test.chats.setTerminal(chatId, createMemoryTerminal());
    for (const path of ['', '/events', '/transcript', '/transcript', '/prompts']) {
      expect((await test.call('GET', `/v1/chats/${chatId}${path}`)).status).toBe(200);
    }
    await test.call('GET', '/v1/chats');
    expect(acts.map(({ act, outcome }) => `${act} ${outcome}`)).toEqual(['readTranscript done', 'readTranscript done']);
    expect((await test.call('GET', `/v1/chats/${chatId}/terminal`)).status).toBe(426);
    expect(acts.at(-1)).toMatchObject({ act: 'openTerminal', outcome: 'refused', code: 'upgrade_required', chatId });
  });

  it('has reads that are refused for want of a role', async () => {
    await test.call('GET', '/v1/audit', { headers: as('member') });
    expect(acts).toMatchObject([
      { act: 'readAudit', outcome: 'refused', code: 'forbidden', person: { id: 'some-member' } },
    ]);
  });

  it('names the chat that was made, and a few settings', async () => {
    const body = { cwd: '/tmp', title: marker, permissionMode: 'plan', model: `${marker} and more` };
    const made = (await (await test.call('POST', '/v1/chats', { body })).json()) as { id: string };
    expect(acts).toMatchObject([{ act: 'createChat', chatId: made.id, details: { permissionMode: 'plan' } }]);
    expect(acts[0]!.details).toEqual({ permissionMode: 'plan', fields: expect.any(Array) as unknown });
    expect((acts[0]!.details!['fields'] as string[]).toSorted()).toEqual(Object.keys(body).toSorted());
    const forked = await test.call('POST', `/v1/chats/${chatId}/fork`, { body: { at: 1 } });
    const { id: created } = (await forked.json()) as { id: string };
    expect(acts.at(-1)).toMatchObject({ act: 'forkChat', chatId, details: { created } });
  });

  it('names the decision, its chat and what was decided, without the text', async () => {
    const { id } = test.chats.addDecision(chatId);
    await test.call('POST', `/v1/decisions/${id}`, { body: { outcome: 'deny', reason: marker } });
    const details = expect.objectContaining({ decisionId: id }) as unknown;
    expect(acts).toMatchObject([{ act: 'answerDecision', details }]);
    await test.call('POST', `/v1/decisions/${id}`, { body: { outcome: 'deny' } });
    expect(acts.at(-1)).toMatchObject({ chatId, outcome: 'done', details: { outcome: 'deny', decisionId: id } });
    expect(JSON.stringify(acts)).not.toContain(marker);
  });

  it('has sign-ins with their person, and never the code', async () => {
    const { code } = test.codes.issue();
    await test.call('POST', '/v1/sign-in', { body: { code }, headers: { authorization: '' } });
    expect(acts).toMatchObject([{ act: 'signIn', outcome: 'done', person: { role: 'owner' } }]);
    expect(JSON.stringify(acts)).not.toContain(code);
  });

  it('says `failed` of what the server could not do', async () => {
    test.chats.failWith(new Error('broken'));
    await test.call('POST', '/v1/chats', { body: { cwd: '/tmp' } });
    expect(acts).toMatchObject([{ act: 'createChat', outcome: 'failed', code: 'internal' }]);
  });
});

describe('AUDIT-4: reading a chat that is not one’s own', () => {
  it('has one entry per person, chat and hour, however it is read', async () => {
    const read = (path: string, role: Role = 'member') =>
      test.call('GET', `/v1/chats/${chatId}${path}`, { headers: as(role) });
    for (const path of ['/events', '', '/prompts', '/events']) await read(path);
    expect(acts).toMatchObject([
      { act: 'readChat', chatId, outcome: 'done', person: { id: 'some-member' }, details: { first: 'listEvents' } },
    ]);
    await read('', 'viewer');
    expect(acts).toHaveLength(2);
    const { id } = await test.chats.createChat({ cwd: '/tmp' });
    await test.call('GET', `/v1/chats/${id}`, { headers: as('member') });
    expect(acts).toHaveLength(3);
    clock.advance(3_600_000);
    await read('/events');
    expect(acts.at(-1)).toMatchObject({ act: 'readChat', chatId, person: { id: 'some-member' } });
    expect(acts).toHaveLength(4);
    // What does not exist is not read.
    await test.call('GET', `/v1/chats/11111111-1111-4111-8111-111111111111`, { headers: as('member') });
    expect(acts).toHaveLength(4);
  });
});

describe('AUDIT-5: requests that are refused', () => {
  it('have an entry each within bounds, and are counted beyond', async () => {
    for (let at = 0; at < refusalsEach + 7; at += 1)
      await test.call('POST', '/v1/drain', { body: {}, headers: as('member') });
    await test.call('POST', '/v1/drain', { body: {}, headers: as('viewer') });
    expect(acts).toHaveLength(refusalsEach + 1);
    clock.advance(60_000);
    expect(acts.at(-1)).toMatchObject({
      act: 'startDrain',
      count: 7,
      outcome: 'refused',
      person: { id: 'some-member' },
    });
    expect(acts).toHaveLength(refusalsEach + 2);
    await test.call('POST', '/v1/drain', { body: {}, headers: as('member') });
    expect(acts).toHaveLength(refusalsEach + 3);
  });

  it('for a wrong credential have two entries per source and minute, and none without a credential', async () => {
    await test.app.request('/v1/chats', { headers: { host: 'localhost' } });
    for (let at = 0; at < 50; at += 1)
      await test.call('GET', '/v1/chats', { headers: { authorization: `Bearer ${marker}` } });
    for (let at = 0; at < 3; at += 1)
      await test.call('POST', '/v1/sign-in', { body: { code: `${marker}${'x'.repeat(30)}` } });
    clock.advance(60_000);
    const facts = { person: null, outcome: 'refused', code: 'unauthorized', source: 'unknown' };
    expect(acts).toMatchObject([
      { ...facts, act: 'authenticate' },
      { ...facts, act: 'signIn' },
      { ...facts, act: 'authenticate', count: 49 },
      { ...facts, act: 'signIn', count: 2 },
    ]);
    expect(JSON.stringify(acts)).not.toContain(marker);
  });
});

describe('AUDIT-3: a request that another host has sent on', () => {
  it('is told to that host, which writes it down', async () => {
    const person = { id: 'p1', name: 'Ada', role: 'member' } as const;
    const body = { title: marker, permissionMode: 'plan' };
    const peers = {
      hasOthers: true,
      sign: () => 'signed',
      verify: () =>
        Promise.resolve({ from: 'x', principal: person, bodyDigest: digestOf(Buffer.from(JSON.stringify(body))) }),
    };
    const never = () => Promise.reject(new Error('A forwarded request was to be sent on.'));
    const chats = { findHolder: never, findOtherHost: never };
    const hostId = 'aaaaaaaa-2222-4333-8444-555555555555';
    const own = createTestApp({
      forwarding: new Forwarding({ chats, peers, hostId, clock: systemClock, log: silentLog }),
    });
    const { id } = await own.chats.createChat({ cwd: '/tmp' });
    const response = await own.call('PATCH', `/v1/chats/${id}`, { body, headers: { 'boocode-forwarded': 'x' } });
    expect(response.status).toBe(200);
    expect(own.audit.acts).toEqual([]);
    const told: unknown = JSON.parse(decodeURIComponent(response.headers.get('boocode-audit')!));
    expect(told).toEqual({ chatId: id, permissionMode: 'plan', fields: ['title', 'permissionMode'] });
  });

  it('no client learns of', async () => {
    const response = await test.call('PATCH', `/v1/chats/${chatId}`, { body: { title: 'x' } });
    expect(response.headers.get('boocode-audit')).toBeNull();
  });
});

describe('over sockets', () => {
  async function withServer(work: (url: string) => Promise<void>): Promise<void> {
    const server = await listen(test.app, { host: '127.0.0.1', port: 0, log: test.log, drainTimeoutMs: 500 });
    const url = `ws://localhost:${server.port}`;
    try {
      await work(url);
    } finally {
      await server.close();
    }
  }

  it('AUDIT-1: a terminal that was opened and the first key in it have an entry', () =>
    withServer(async (url) => {
      test.chats.setTerminal(chatId, createMemoryTerminal());
      for (const access of ['write', 'read']) {
        const socket = new WebSocket(`${url}/v1/chats/${chatId}/terminal?access=${access}`, { headers: as('member') });
        await once(socket, 'open');
        for (const key of [marker, 'x']) socket.send(Buffer.from(key));
        socket.send(JSON.stringify({ type: 'paste', text: marker }));
        socket.send(JSON.stringify({ type: 'nothing' }));
        // The answer to the last one: all others have been dealt with.
        await until(() => new Promise((resolve) => socket.once('message', () => resolve(true))));
        socket.terminate();
      }
      await until(() => acts.length >= 3);
      const facts = { chatId, person: { id: 'some-member' }, outcome: 'done', source: '127.0.0.1' };
      expect(acts).toMatchObject([
        { ...facts, act: 'openTerminal', details: { access: 'write' } },
        { ...facts, act: 'typeInTerminal' },
        { ...facts, act: 'openTerminal', details: { access: 'read' } },
      ]);
      expect(JSON.stringify(acts)).not.toContain(marker);
    }));

  it('AUDIT-4: a chat that somebody else follows live has an entry', () =>
    withServer(async (url) => {
      const socket = new WebSocket(`${url}/v1/live`, { headers: as('viewer') });
      await once(socket, 'open');
      for (const id of [chatId, chatId, '11111111-1111-4111-8111-111111111111']) {
        socket.send(JSON.stringify({ type: 'follow', chatId: id, after: 0 }));
      }
      await until(() => acts.length > 0);
      socket.terminate();
      expect(acts).toMatchObject([
        { act: 'readChat', chatId, person: { id: 'some-viewer' }, details: { first: 'openLive' } },
      ]);
    }));
});
