import { once } from 'node:events';
import type { IncomingMessage } from 'node:http';
import { afterEach, beforeEach, describe, expect, it, vi } from 'vitest';
import { WebSocket } from 'ws';
import { anActor } from '../../test/support/owners-chats.ts';
import { ManualClock } from '../../test/support/manual-clock.ts';
import { createMemoryTerminal } from '../../test/support/memory-terminal.ts';
import { createTestApp, testToken, type TestApp } from '../../test/support/test-app.ts';
import { until } from '../../test/support/until.ts';
import { liveServerMessage, type LiveClientMessage, type LiveServerMessage } from '../protocol/live.ts';
import { maxLiveFollows } from '../protocol/live-names.ts';
import { gatherMs } from './pacer.ts';
import { listen, type HttpServer } from './server.ts';

const bearer = { authorization: `Bearer ${testToken}` };
const nowhere = '11111111-1111-4111-8111-111111111111';
let clock: ManualClock;
let test: TestApp;
let server: HttpServer;
let chatId: string;
const sockets: WebSocket[] = [];

beforeEach(async () => {
  clock = new ManualClock();
  test = createTestApp({ clock });
  server = await listen(test.app, { host: '127.0.0.1', port: 0, log: test.log, drainTimeoutMs: 500 });
  ({ id: chatId } = await test.chats.createChat({ cwd: '/tmp' }));
});
afterEach(async () => {
  for (const socket of sockets.splice(0)) socket.terminate();
  await server.close();
  await until(() => test.chats.openReaders === 0 && test.chats.watchers === 0, { what: 'nothing left open' });
  const [error] = test.errors;
  if (error) throw new Error(`The server had an error: ${error.message}`);
});

interface Opening {
  path?: string;
  headers?: Record<string, string>;
  protocols?: string[];
}

function dial({ path = '/v1/live', headers = bearer, protocols = [] }: Opening = {}): WebSocket {
  const socket = new WebSocket(`ws://localhost:${server.port}${path}`, protocols, { headers });
  sockets.push(socket);
  return socket;
}

/** An open socket, with the messages received. */
async function open(opening: Opening = {}) {
  const socket = dial(opening);
  const messages: LiveServerMessage[] = [];
  socket.on('message', (data: Buffer, isBinary: boolean) => {
    expect(isBinary).toBe(false);
    messages.push(liveServerMessage.parse(JSON.parse(data.toString())));
  });
  const closed = once(socket, 'close') as Promise<[number, Buffer]>;
  await once(socket, 'open');
  return {
    socket,
    messages,
    closed,
    say: (message: LiveClientMessage) => socket.send(JSON.stringify(message)),
    of: <T extends LiveServerMessage['type']>(type: T) =>
      messages.filter((each): each is Extract<LiveServerMessage, { type: T }> => each.type === type),
  };
}

async function refused(opening: Opening) {
  const socket = dial(opening);
  socket.on('error', () => undefined);
  const [, response] = (await once(socket, 'unexpected-response')) as [unknown, IncomingMessage];
  let text = '';
  for await (const piece of response) text += String(piece);
  return { ...(JSON.parse(text) as { code: string; field?: string }), status: response.statusCode };
}

async function ticketFor(path = '/v1/live/tickets'): Promise<string> {
  const response = await test.call('POST', path, { body: {} });
  expect(response.status).toBe(201);
  const { ticket, expiresAt } = (await response.json()) as { ticket: string; expiresAt: string };
  expect(expiresAt).toBe(new Date(clock.now().getTime() + 30_000).toISOString());
  return ticket;
}
const offering = (ticket: string): string[] => ['boocode.live', `ticket.${ticket}`];

const delta = (text: string, of = chatId) =>
  ({
    kind: 'delta',
    delta: { chatId: of, type: 'agent_message_chunk', messageId: 'm', content: { type: 'text', text } },
  }) as const;

describe('a live socket', () => {
  it('follows several chats: each sends a resume, the history after the cursor, then live events', async () => {
    const { id: other } = await test.chats.createChat({ cwd: '/tmp' });
    for (const content of ['a', 'b', 'c']) await test.chats.submitPrompt(anActor, chatId, { content });
    const { say, messages, of } = await open();
    say({ type: 'follow', chatId, after: 1 });
    say({ type: 'follow', chatId: other, after: 0 });
    await until(() => of('resume').length === 2 && of('event').length === 2);
    expect(of('resume')).toEqual([
      { type: 'resume', chatId, verdict: 'ok', after: 1, head: 3 },
      { type: 'resume', chatId: other, verdict: 'ok', after: 0, head: 0 },
    ]);
    await test.chats.submitPrompt(anActor, other, { content: 'd' });
    test.chats.push(chatId, delta('x'));
    await until(() => of('event').length === 3 && of('delta').length === 1);
    const seen = of('event').map(({ event }) => [event.chatId, event.seq]);
    expect(seen).toEqual([
      [chatId, 2],
      [chatId, 3],
      [other, 1],
    ]);
    expect(messages.at(-1)).toEqual({ type: 'delta', delta: delta('x').delta });
  });

  it('collects deltas in quick succession, and sends them along with an event', async () => {
    const { say, of } = await open();
    say({ type: 'follow', chatId, after: 0 });
    await until(() => of('resume').length === 1);
    test.chats.push(chatId, delta('a'));
    // Time stands still: a delta without a pause before it would wait forever.
    clock.advance(gatherMs - 1);
    await test.chats.submitPrompt(anActor, chatId, { content: 'now' });
    await until(() => of('event').length === 1);
    expect(of('delta')).toHaveLength(1);
    test.chats.push(chatId, delta('b'));
    await until(() => clock.nextMs === gatherMs, { what: 'a delta that waits' });
    expect(of('delta')).toHaveLength(1);
    clock.advance(gatherMs);
    await until(() => of('delta').length === 2);
  });

  it('says why a chat ends if it is deleted or does not exist', async () => {
    const { say, of } = await open();
    say({ type: 'follow', chatId: nowhere, after: 0 });
    await until(() => of('ended').length === 1);
    say({ type: 'follow', chatId, after: 0 });
    await until(() => of('resume').length === 1);
    await test.chats.deleteChat(anActor, chatId);
    await until(() => of('ended').length === 2);
    expect(of('ended')).toEqual([
      { type: 'ended', chatId: nowhere, reason: 'unknown' },
      { type: 'ended', chatId, reason: 'deleted' },
    ]);
  });

  it('reports a chat that cannot be read, and continues', async () => {
    const { say, of } = await open();
    const { BooError } = await import('../protocol/error.ts');
    test.chats.failWith(new BooError('storage_unavailable', 'The database cannot be reached.'));
    say({ type: 'follow', chatId, after: 0 });
    await until(() => of('ended').length === 1);
    expect(of('ended')).toEqual([{ type: 'ended', chatId, reason: 'failed' }]);
    test.chats.failWith(undefined);
    say({ type: 'follow', chatId, after: 0 });
    await until(() => of('resume').length === 1);
  });

  it('starts over when a chat is followed again, and sends nothing more of one that is not followed', async () => {
    await test.chats.submitPrompt(anActor, chatId, { content: 'a' });
    const { say, of } = await open();
    say({ type: 'follow', chatId, after: 0 });
    say({ type: 'follow', chatId, after: 1 });
    await until(() => of('resume').some(({ after }) => after === 1));
    await test.chats.submitPrompt(anActor, chatId, { content: 'b' });
    await until(() => of('event').some(({ event }) => event.seq === 2));
    expect(of('event').filter(({ event }) => event.seq === 2)).toHaveLength(1);
    expect(test.chats.openReaders).toBe(1);
    say({ type: 'unfollow', chatId });
    await until(() => test.chats.openReaders === 0);
    expect(of('ended')).toEqual([]);
  });

  it('sends warm chats and pending decisions, then notifications about all chats', async () => {
    Object.assign(await test.chats.getChat(chatId), { state: 'running' });
    await test.chats.createChat({ cwd: '/cold' });
    const decision = test.chats.addDecision(chatId);
    const [one, two] = [await open(), await open()];
    for (const { say } of [one, two]) say({ type: 'follow_chats' });
    for (const { of } of [one, two]) await until(() => of('chats_followed').length === 1);
    expect(one.messages).toMatchObject([
      { type: 'chat', chat: { id: chatId, state: 'running' } },
      { type: 'decision', decision: { id: decision.id, status: 'pending' } },
      { type: 'chats_followed' },
    ]);
    test.chats.notify({ type: 'chat_deleted', chatId });
    for (const { messages } of [one, two]) await until(() => messages.at(-1)?.type === 'chat_deleted');
    one.socket.close();
    await one.closed;
    await until(() => test.chats.watchers === 1);
  });

  it.each([
    [150, 60_000],
    [5, 3_000_000],
  ])('WEB-4: sends %i pending decisions of %i characters each, without closing the connection', async (count, size) => {
    for (let at = 0; at < count; at += 1) {
      test.chats.addDecision(chatId).input = { command: `${at}`.padEnd(size, ' ') };
    }
    const { socket, say, of } = await open();
    say({ type: 'follow_chats' });
    await until(() => of('chats_followed').length === 1 || socket.readyState === socket.CLOSED);
    expect(of('decision').map(({ decision }) => Number(decision.input['command']))).toEqual(
      Array.from({ length: count }, (_, at) => at),
    );
    expect(of('chats_followed')).toHaveLength(1);
  });

  it('pings regularly, and ends when its peer is silent for two keep-alives', async () => {
    const { socket, of, closed, say } = await open();
    say({ type: 'follow', chatId, after: 0 });
    await until(() => of('resume').length === 1);
    const pinged = once(socket, 'ping');
    clock.advance(15_000);
    await pinged;
    await until(() => of('alive').length === 1);
    socket.pause();
    clock.advance(15_000);
    clock.advance(15_000);
    await until(() => test.chats.openReaders === 0);
    socket.resume();
    expect((await closed)[0]).toBe(1006);
  });

  it('answers a ping immediately', async () => {
    const { say, of } = await open();
    say({ type: 'ping' });
    await until(() => of('alive').length === 1);
    expect(of('error')).toEqual([]);
  });

  it('is closed if it accepts no data, and until then takes no more from the chat than it accepts', async () => {
    const content = 'x'.repeat(1_000_000);
    for (let at = 0; at < 60; at += 1) await test.chats.submitPrompt(anActor, chatId, { content });
    const { socket, say, of } = await open();
    socket.pause();
    const beside = await open();
    say({ type: 'follow', chatId, after: 0 });
    await until(() => test.chats.itemsTaken > 2);
    beside.say({ type: 'follow', chatId, after: 59 });
    await until(() => beside.of('event').length === 1);
    const taken = test.chats.itemsTaken;
    expect(taken).toBeLessThan(50);
    // Its requests are ignored meanwhile.
    say({ type: 'follow', chatId: nowhere, after: 0 });
    for (let beat = 0; beat < 3 && test.chats.openReaders > 1; beat += 1) {
      const pinged = once(beside.socket, 'ping');
      clock.advance(15_000);
      await pinged;
      await until(() => beside.of('alive').length > beat);
    }
    await until(() => test.chats.openReaders === 1);
    expect(of('ended')).toEqual([]);
    await test.chats.submitPrompt(anActor, chatId, { content: 'still here' });
    await until(() => beside.of('event').length === 2);
  });

  it('closes with 1001 when the server stops', async () => {
    const { closed, say, of } = await open();
    say({ type: 'follow', chatId, after: 0 });
    await until(() => of('resume').length === 1);
    await server.close();
    expect((await closed)[0]).toBe(1001);
  });
});

describe('WEB-1: what may not open a live socket', () => {
  it.each([
    ['no token', {}, 401, 'unauthorized', 'authorization'],
    ['a wrong token', { authorization: 'Bearer wrong' }, 401, 'unauthorized', 'authorization'],
    ['a foreign Origin', { ...bearer, origin: 'https://evil.example' }, 403, 'forbidden_origin', 'origin'],
    ['another port’s Origin', { ...bearer, origin: 'http://localhost:3000' }, 403, 'forbidden_origin', 'origin'],
    ['a foreign Host', { ...bearer, host: 'evil.example' }, 403, 'forbidden_host', 'host'],
  ])('%s is refused before the 101', async (_what, headers, status, code, field) => {
    expect(await refused({ headers })).toMatchObject({ status, code, field });
  });

  it('a foreign page with a valid ticket', async () => {
    const protocols = offering(await ticketFor());
    expect(await refused({ headers: { origin: 'https://evil.example' }, protocols })).toMatchObject({ status: 403 });
    // The refusal has not used up the ticket.
    const { socket } = await open({ headers: { origin: `http://localhost:${server.port}` }, protocols });
    expect(socket.protocol).toBe('boocode.live');
  });

  it('a ticket that is invented, used, too old, or for a terminal', async () => {
    const wrong = { status: 401, code: 'unauthorized', field: 'sec-websocket-protocol' };
    expect(await refused({ headers: {}, protocols: offering('made-up') })).toMatchObject(wrong);
    const used = await ticketFor();
    await open({ headers: {}, protocols: offering(used) });
    expect(await refused({ headers: {}, protocols: offering(used) })).toMatchObject(wrong);
    const old = await ticketFor();
    clock.advance(30_000);
    expect(await refused({ headers: {}, protocols: offering(old) })).toMatchObject(wrong);
    test.chats.setTerminal(chatId, createMemoryTerminal());
    const others = await ticketFor(`/v1/chats/${chatId}/terminal/tickets`);
    expect(await refused({ headers: {}, protocols: offering(others) })).toMatchObject(wrong);
    const own = await ticketFor();
    const protocols = ['boocode.terminal', `ticket.${own}`];
    expect(await refused({ path: `/v1/chats/${chatId}/terminal`, headers: {}, protocols })).toMatchObject(wrong);
  });

  it('another subprotocol, a query, and a request without an upgrade', async () => {
    const field = 'sec-websocket-protocol';
    expect(await refused({ protocols: ['boocode.terminal'] })).toMatchObject({ status: 400, field });
    expect(await refused({ path: `/v1/live?token=${testToken}` })).toMatchObject({ status: 400, field: 'token' });
    expect((await test.call('GET', '/v1/live')).status).toBe(426);
  });
});

describe('WEB-1: what may not be sent', () => {
  it.each([
    ['no JSON', '{', 'invalid_json', undefined],
    ['an unknown type', '{"type":"format"}', 'invalid_request', 'type'],
    ['a chat that is no id', '{"type":"follow","chatId":"../x","after":0}', 'invalid_request', 'chatId'],
    ['a negative cursor', `{"type":"follow","chatId":"${nowhere}","after":-1}`, 'invalid_request', 'after'],
    ['no cursor', `{"type":"follow","chatId":"${nowhere}"}`, 'invalid_request', 'after'],
    ['more than is known', '{"type":"follow_chats","x":1}', 'invalid_request', 'x'],
    ['bytes', Buffer.from('{}'), 'invalid_request', 'message'],
  ])('%s gives one error, and the socket stays open', async (_what, data, code, field) => {
    const { socket, of, say } = await open();
    socket.send(data);
    say({ type: 'follow', chatId, after: 0 });
    await until(() => of('resume').length === 1);
    expect(of('error')).toMatchObject([{ code, message: expect.stringContaining(field ?? '') as string }]);
  });

  it('more chats than may be followed', async () => {
    const { say, of } = await open();
    const ids: string[] = [];
    for (let at = 0; at <= maxLiveFollows; at += 1) ids.push((await test.chats.createChat({ cwd: '/tmp' })).id);
    for (const id of ids) say({ type: 'follow', chatId: id, after: 0 });
    await until(() => of('error').length === 1);
    expect(of('resume')).toHaveLength(maxLiveFollows);
  });

  it('ACCESS-8: an excessive text is refused before it is parsed', async () => {
    const { socket, of } = await open();
    const parse = vi.spyOn(JSON, 'parse');
    socket.send('['.repeat(60_000));
    socket.send(`[${'0,'.repeat(30_000)}0]`);
    await until(() => of('error').length === 2);
    expect(parse.mock.calls.filter(([text]) => text.startsWith('['))).toEqual([]);
    parse.mockRestore();
  });

  it('a message that is too large ends it with 1009, and a hundred errors with 1008', async () => {
    const { socket, closed } = await open();
    socket.send(`{"type":"${'x'.repeat(70_000)}"}`);
    expect((await closed)[0]).toBe(1009);
    const second = await open();
    for (let at = 0; at < 200; at += 1) second.socket.send('nonsense');
    expect((await second.closed)[0]).toBe(1008);
  });
});
