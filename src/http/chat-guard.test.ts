// Who may do what with which chat: every route that is about one, read from the router, for every role.
import { once } from 'node:events';
import { beforeEach, describe, expect, it, vi } from 'vitest';
import { WebSocket } from 'ws';
import { roleGrants as grants, tokenOf } from '../../test/support/role-grants.ts';
import { createMemoryTerminal } from '../../test/support/memory-terminal.ts';
import { ManualClock } from '../../test/support/manual-clock.ts';
import { createTestApp, type TestApp, testToken } from '../../test/support/test-app.ts';
import { until } from '../../test/support/until.ts';
import { BooError } from '../protocol/error.ts';
import { hasRole, roles, type Role } from '../protocol/principal.ts';
import type { ChatAccess } from '../chats/sharing.ts';
import { declaredFor } from './app.ts';
import { recheckMs } from './chat-guard.ts';
import { listen } from './server.ts';

const as = (role: Role) => ({ authorization: `Bearer ${tokenOf(role)}` });

let clock: ManualClock;
let test: TestApp;
let chatId: string;
beforeEach(async () => {
  clock = new ManualClock();
  test = createTestApp({ clock, access: { token: testToken, grants } });
  ({ id: chatId } = await test.chats.createChat({ cwd: '/tmp' }));
});

const routes = createTestApp().app.routes.flatMap(({ handler }) => {
  const declared = declaredFor(handler);
  return typeof declared === 'object' && /\{(chatId|decisionId)\}/.test(declared.path) ? [declared] : [];
});
const accesses: (ChatAccess | null)[] = ['own', 'participant', 'reader', null];

/** What the guard has to say, by what the route declares alone. */
function expected(role: Role, given: ChatAccess | null, route: (typeof routes)[number]): number | 'passes' {
  if (!hasRole(role, route.role!)) return 403;
  if (role === 'owner') return 'passes';
  if (given === null) return 404;
  if (given === 'reader' && route.role !== 'viewer') return 403;
  return route.forOwnerOfChat && given !== 'own' ? 403 : 'passes';
}

describe.each(routes.map((route) => ({ name: `${route.method} ${route.path}`, route })))('$name', ({ route }) => {
  it('SHARE-1: is for those who may see the chat, and does nothing for others', async () => {
    for (const role of roles) {
      for (const given of accesses) {
        test.sharing.access = given;
        const { id } = test.chats.addDecision(chatId);
        const path = route.path
          .replace('{chatId}', chatId)
          .replace('{decisionId}', id)
          .replaceAll(/\{\w+\}/g, chatId);
        // A parameter that no route knows: whoever may use the route is told so.
        const response = await test.app.request(`${path}?unknown=1`, {
          method: route.method,
          headers: { host: 'localhost', ...as(role) },
        });
        const { code } = (await response.json()) as { code: string };
        const wanted = expected(role, given, route);
        const passed = { status: 400, code: 'invalid_request' };
        const refused = { status: wanted, code: wanted === 404 ? 'not_found' : 'forbidden' };
        expect({ role, given, status: response.status, code }).toEqual({
          role,
          given,
          ...(wanted === 'passes' ? passed : refused),
        });
      }
    }
    expect(test.chats.writes).toBe(1);
  });

  it('SHARE-1: is not reached by another way of writing the id', async () => {
    test.sharing.access = null;
    const hex = chatId.charCodeAt(0).toString(16);
    for (const first of [`%${hex}`, `%25${hex}`, `%2525${hex}`]) {
      const path = route.path.replaceAll(/\{\w+\}/g, first + chatId.slice(1));
      const headers = { host: 'localhost', ...as('member') };
      const response = await test.app.request(path, { method: route.method, headers });
      expect([404, 403]).toContain(response.status);
    }
  });
});

it('SHARE-3: a host that is draining names the chats that one may see', async () => {
  const running = [{ id: chatId, title: 'MARKED-TITLE', state: 'running' as const }];
  vi.spyOn(test.chats.draining, 'status', 'get').mockReturnValue({ state: 'draining', until: null, left: 1, running });
  const drain = async (role: Role) =>
    (await (await test.call('GET', '/v1/drain', { headers: as(role) })).json()) as object;
  test.sharing.access = null;
  expect(await drain('member')).toMatchObject({ left: 1, running: [] });
  expect(await drain('owner')).toMatchObject({ running });
  test.sharing.access = 'reader';
  expect(await drain('member')).toMatchObject({ running });
});

describe('SHARE-4: what is open', () => {
  it.each(['at once', 'after what another host did'])(
    'ends %s when it may not be seen any more, and not because the database is away',
    async (how) => {
      test.sharing.access = 'participant';
      const server = await listen(test.app, { host: '127.0.0.1', port: 0, log: test.log, drainTimeoutMs: 500 });
      try {
        test.chats.setTerminal(chatId, createMemoryTerminal());
        const url = `localhost:${server.port}/v1`;
        const terminal = new WebSocket(`ws://${url}/chats/${chatId}/terminal`, { headers: as('member') });
        await once(terminal, 'open');
        const feed = await fetch(`http://${url}/chats/${chatId}/events`, {
          headers: { ...as('member'), accept: 'text/event-stream' },
        });
        const reading = feed.text();
        await until(() => test.chats.openReaders === 1);
        // A database that is away decides nothing.
        const accessOf = vi
          .spyOn(test.sharing, 'accessOf')
          .mockRejectedValue(new BooError('storage_unavailable', 'Away.'));
        const timers = clock.pending;
        clock.advance(recheckMs);
        await until(() => accessOf.mock.calls.length >= 2);
        accessOf.mockRestore();
        // Both are armed again.
        await until(() => clock.pending === timers);
        expect([terminal.readyState, test.chats.openReaders]).toEqual([WebSocket.OPEN, 1]);
        test.sharing.access = null;
        const closed = once(terminal, 'close');
        if (how === 'at once') test.sharing.changed(chatId);
        else clock.advance(recheckMs);
        await until(() => test.chats.openReaders === 0);
        await Promise.all([closed, reading]);
      } finally {
        await server.close();
      }
    },
  );

  it('ends for somebody who may only read from now on, if it is for taking part', async () => {
    test.sharing.access = 'participant';
    const server = await listen(test.app, { host: '127.0.0.1', port: 0, log: test.log, drainTimeoutMs: 500 });
    try {
      test.chats.setTerminal(chatId, createMemoryTerminal());
      const url = `localhost:${server.port}/v1/chats/${chatId}`;
      const terminal = new WebSocket(`ws://${url}/terminal`, { headers: as('member') });
      await once(terminal, 'open');
      const aborted = new AbortController();
      const feed = await fetch(`http://${url}/events`, {
        headers: { ...as('member'), accept: 'text/event-stream' },
        signal: aborted.signal,
      });
      const reading = feed.text().catch(() => 'aborted');
      await until(() => test.chats.openReaders === 1);
      test.sharing.access = 'reader';
      const closed = once(terminal, 'close');
      test.sharing.changed(chatId);
      await closed;
      expect(test.chats.openReaders).toBe(1);
      aborted.abort();
      expect(await reading).toBe('aborted');
    } finally {
      await server.close();
    }
  });

  it.each(['at once', 'after what another host did'])(
    'SHARE-3: the live socket tells of visible chats only, and ends others %s',
    async (how) => {
      test.sharing.access = null;
      const server = await listen(test.app, { host: '127.0.0.1', port: 0, log: test.log, drainTimeoutMs: 500 });
      try {
        const socket = new WebSocket(`ws://localhost:${server.port}/v1/live`, { headers: as('viewer') });
        const said: { type: string; reason?: string }[] = [];
        socket.on('message', (data: Buffer) => said.push(JSON.parse(data.toString()) as { type: string }));
        await once(socket, 'open');
        const title = 'MARKED-TITLE';
        socket.send(JSON.stringify({ type: 'follow_chats' }));
        await until(() => said.some(({ type }) => type === 'chats_followed'));
        const chat = { ...(await test.chats.getChat(chatId)), title };
        const decision = { ...test.chats.addDecision(chatId), title };
        const tellAll = (): void => {
          test.chats.notify({ type: 'chat', chat });
          test.chats.notify({ type: 'decision', decision });
        };
        tellAll();
        test.chats.notify({ type: 'chat_deleted', chatId });
        socket.send(JSON.stringify({ type: 'follow', chatId, after: 0 }));
        await until(() => said.some(({ type }) => type === 'ended'));
        expect(said.find(({ type }) => type === 'ended')).toMatchObject({ chatId, reason: 'unknown' });
        expect(test.chats.openReaders).toBe(0);
        expect(JSON.stringify(said)).not.toContain(title);
        expect(said.map(({ type }) => type)).not.toContain('chat_deleted');
        test.sharing.access = 'reader';
        tellAll();
        await until(() => said.some(({ type }) => type === 'decision'));
        expect(JSON.stringify(said)).toContain(title);
        socket.send(JSON.stringify({ type: 'follow', chatId, after: 0 }));
        await until(() => test.chats.openReaders === 1);
        test.sharing.access = null;
        if (how === 'at once') test.sharing.changed(chatId);
        else clock.advance(recheckMs);
        await until(() => test.chats.openReaders === 0);
        // Otherwise it is left with the next notification.
        if (how !== 'at once') test.chats.notify({ type: 'chat', chat });
        await until(() => said.some(({ type }) => type === 'chat_deleted'));
        const count = said.length;
        test.sharing.access = 'participant';
        test.sharing.changed(chatId);
        await until(() => said.length > count);
        expect(said.slice(count)).toMatchObject([{ type: 'chat', chat: { id: chatId } }]);
        socket.terminate();
      } finally {
        await server.close();
      }
    },
  );
});
