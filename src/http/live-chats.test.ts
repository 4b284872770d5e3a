/** The live socket and its client over real chats, used as in a browser, but without one. */
import { afterAll, afterEach, beforeAll, beforeEach, expect, test } from 'vitest';
import { WebSocket } from 'ws';
import { openBridge } from '../../test/support/bridge.ts';
import { type ChatsHost, openChatsHost } from '../../test/support/chats-host.ts';
import { createGate } from '../../test/support/gate.ts';
import { createMemorySignIns } from '../../test/support/memory-sign-ins.ts';
import { createTestDatabase, type TestDatabase } from '../../test/support/postgres.ts';
import { randomOf } from '../../test/support/random.ts';
import { chunk, finished, said } from '../../test/support/scripted-backend.ts';
import { testToken } from '../../test/support/test-app.ts';
import { until } from '../../test/support/until.ts';
import { silentLog } from '../lib/log.ts';
import {
  type BooClient,
  createClient,
  type Event,
  type Live,
  type LiveItem,
  type LiveNews,
  type LiveState,
  type TerminalSocketConstructor,
} from '../client/client.ts';
import { createApp } from './app.ts';
import { listen, type HttpServer } from './server.ts';

let database: TestDatabase;
let here: ChatsHost;
let server: HttpServer;
const lives: Live[] = [];
const NodeSocket = WebSocket as unknown as TerminalSocketConstructor;

beforeAll(async () => {
  database = await createTestDatabase();
});
afterAll(() => database.drop());
beforeEach(async () => {
  here = await openChatsHost(database.url);
  const app = createApp({
    chats: here.everyones,
    access: { token: testToken },
    signInCodes: createMemorySignIns(testToken),
    log: silentLog,
    limits: { liveBacklogBytes: 256 * 1024 },
  });
  server = await listen(app, { host: '127.0.0.1', port: 0, log: silentLog, drainTimeoutMs: 200 });
});
afterEach(async () => {
  for (const live of lives.splice(0)) live.close();
  await server.close();
  await here.close();
});

function clientAt(url: string, more: { silenceMs?: number; answerMs?: number } = {}): BooClient {
  return createClient({ url, token: testToken, backoff: { minMs: 1, maxMs: 10 }, ...more });
}

function goLive(client = clientAt(server.url)): { live: Live; states: LiveState[] } {
  const live = client.live({ WebSocket: NodeSocket });
  const states: LiveState[] = [];
  live.onState((state) => states.push(state));
  lives.push(live);
  return { live, states };
}

/** Follows a chat and collects its items. */
function keep(live: Live, chatId: string, after = 0) {
  const items: LiveItem[] = [];
  const stop = live.follow(chatId, { after, onItem: (item) => items.push(item) });
  return {
    items,
    stop,
    get events(): Event[] {
      return items.flatMap((item) => (item.kind === 'event' ? [item.event] : []));
    },
  };
}

test('WEB-2: two clients at the same time see the same in two chats', async () => {
  here.backend.script = async function* (turn) {
    yield chunk('m', 'Hel');
    yield said(`Hello, ${turn.text}`, 'm');
    yield finished();
  };
  const [a, b] = [await here.createChat(), await here.createChat()];
  const seen = [goLive(), goLive()].map(({ live }) => [keep(live, a.id), keep(live, b.id)]);
  for (const [one, two] of seen) await until(() => one!.items.length === 1 && two!.items.length === 1);
  await Promise.all([a, b].map(({ id }) => here.chats.submitPrompt(id, { content: id })));
  for (const { id } of [a, b]) await here.events(id, 'turn_finished');
  for (const [at, { id }] of [a, b].entries()) {
    const log = await here.log(id);
    for (const both of seen) {
      await until(() => both[at]!.events.length === log.length);
      expect(both[at]!.events).toEqual(log);
      expect(both[at]!.items.filter(({ kind }) => kind === 'delta')).toHaveLength(1);
    }
  }
});

test.each([1, 2, 3, 4, 5, 6])(
  'WEB-3: connections that break in the middle of turns lose and duplicate nothing (seed %i)',
  async (seed) => {
    const random = randomOf(seed);
    const bridge = await openBridge(server.port);
    try {
      here.backend.script = async function* () {
        for (let at = 0; at < 20; at += 1) {
          yield chunk(`m${at}`, 'so ');
          yield chunk(`m${at}`, 'far');
          if (random() < 0.2) bridge.cut();
          yield said(`so far ${at}`, `m${at}`);
          if (random() < 0.3) await new Promise(setImmediate);
        }
        yield finished();
      };
      const { live, states } = goLive(clientAt(bridge.url));
      const chats = [await here.createChat(), await here.createChat(), await here.createChat()];
      const kept = chats.map(({ id }) => keep(live, id));
      for (let turn = 1; turn <= 2; turn += 1) {
        await Promise.all(chats.map(({ id }) => here.chats.submitPrompt(id, { content: `turn ${turn}` })));
        for (const { id } of chats) await here.events(id, 'turn_finished', turn);
      }
      for (const [at, { id }] of chats.entries()) {
        const log = await here.log(id);
        await until(() => kept[at]!.events.length >= log.length, { what: 'the whole log' });
        expect(kept[at]!.events).toEqual(log);
      }
      await until(() => live.state === 'open');
      expect(states).toContain('offline');
      expect(kept.some(({ items }) => items.filter(({ kind }) => kind === 'resume').length > 1)).toBe(true);
    } finally {
      await bridge.close();
    }
  },
);

test('WEB-3: a client reports correctly whether it is connected and up to date, and reconnects by itself', async () => {
  const { id } = await here.createChat();
  await here.chats.submitPrompt(id, { content: 'hello' });
  await here.events(id, 'turn_finished');
  const { port, url } = server;
  const { live, states } = goLive();
  expect(live.state).toBe('connecting');
  const kept = keep(live, id);
  const news: LiveNews[] = [];
  live.followChats((each) => news.push(each));
  await until(() => live.state === 'open');
  expect(states).toEqual(['catching_up', 'open']);
  expect(kept.events).toEqual(await here.log(id));
  expect(news.map(({ type }) => type)).toEqual(['chat', 'chats_followed']);

  await server.close();
  await until(() => live.state === 'offline' && live.error);
  expect(live.error).toMatchObject({ details: { reason: 'unreachable' } });
  await here.chats.submitPrompt(id, { content: 'meanwhile' });
  await here.events(id, 'turn_finished', 2);
  const app = createApp({
    chats: here.everyones,
    access: { token: testToken },
    signInCodes: createMemorySignIns(testToken),
    log: silentLog,
  });
  server = await listen(app, { host: '127.0.0.1', port, log: silentLog });
  expect(server.url).toBe(url);
  await until(() => live.state === 'open');
  expect(kept.events).toEqual(await here.log(id));
  expect(news.filter(({ type }) => type === 'chats_followed')).toHaveLength(2);
});

test.each([
  ['by itself', { silenceMs: 100, answerMs: 100 }, () => undefined],
  ['when somebody asks', { answerMs: 100 }, (live: Live) => live.check()],
])('WEB-3: a silently dead connection is noticed %s, and reopened at the cursor', async (_how, limits, nudge) => {
  const bridge = await openBridge(server.port);
  try {
    const { id } = await here.createChat();
    const { live, states } = goLive(clientAt(bridge.url, limits));
    const kept = keep(live, id);
    await until(() => live.state === 'open');
    bridge.stall();
    await here.chats.submitPrompt(id, { content: 'hello' });
    await here.events(id, 'turn_finished');
    nudge(live);
    const log = await here.log(id);
    await until(() => kept.events.length >= log.length, { timeoutMs: 40_000 });
    expect(kept.events).toEqual(log);
    expect(states).toContain('offline');
  } finally {
    await bridge.close();
  }
});

test('WEB-3: a connection that is only silent is kept', async () => {
  let opened = 0;
  class Counted extends WebSocket {
    constructor(url: string, protocols: string[]) {
      super(url, protocols);
      opened += 1;
      this.on('message', (data: Buffer) => (alive += data.toString() === '{"type":"alive"}' ? 1 : 0));
    }
  }
  let alive = 0;
  const live = clientAt(server.url, { silenceMs: 20, answerMs: 5_000 }).live({
    WebSocket: Counted as unknown as TerminalSocketConstructor,
  });
  lives.push(live);
  await until(() => alive >= 5);
  expect([opened, live.state]).toEqual([1, 'open']);
});

test('WEB-3: a client with a wrong token does not retry until it is asked to', async () => {
  let asked = 0;
  const client = createClient({
    url: server.url,
    token: 'wrong',
    backoff: { minMs: 1, maxMs: 1 },
    fetch: (...input) => {
      asked += 1;
      return fetch(...input);
    },
  });
  const { live } = goLive(client);
  await until(() => live.state === 'offline');
  expect(live.error).toMatchObject({ code: 'unauthorized' });
  await until(() => asked === 1);
  live.retry();
  await until(() => asked > 1 && live.state === 'offline');
  // Another request would mean that this one got no answer, at least for a second.
  expect(asked).toBe(2);
});

test('WEB-3: a deleted or unknown chat is reported as ended; a cursor of another log starts over', async () => {
  const { id } = await here.createChat();
  await here.chats.submitPrompt(id, { content: 'hello' });
  await here.events(id, 'turn_finished');
  const { live } = goLive();
  const unknown = keep(live, '11111111-1111-4111-8111-111111111111');
  const kept = keep(live, id, 1_000);
  await until(() => unknown.items.length === 1);
  expect(unknown.items).toEqual([{ kind: 'ended', reason: 'unknown' }]);
  const log = await here.log(id);
  await until(() => kept.events.length === log.length);
  expect(kept.items[0]).toMatchObject({ kind: 'resume', verdict: 'gap' });
  expect(kept.events).toEqual(log);
  await here.chats.deleteChat(id);
  await until(() => kept.items.at(-1)?.kind === 'ended');
  // A chat can be followed only once at a time.
  const { id: other } = await here.createChat();
  const first = keep(live, other);
  expect(() => keep(live, other)).toThrow(/already/);
  first.stop();
  const second = keep(live, other);
  await until(() => second.items.length > 0);
});

test('WEB-4: a socket that does not drain falls behind, blocks nobody, and continues from its cursor', async () => {
  const start = createGate();
  const texts = Array.from({ length: 300 }, (_, at) => `${at} ${'x'.repeat(100_000)}`);
  here.backend.script = async function* () {
    await start.pass();
    for (const text of texts) yield said(text);
    yield finished();
  };
  const { id } = await here.createChat();
  await here.chats.submitPrompt(id, { content: 'go' });
  await start.reached;
  const slow = new WebSocket(`${server.url.replace('http', 'ws')}/v1/live`, {
    headers: { authorization: `Bearer ${testToken}` },
  });
  type Message = { type: string; event?: Event; reason?: string; after?: number };
  const messages: Message[] = [];
  slow.on('message', (data: Buffer) => {
    const message = JSON.parse(data.toString()) as Message;
    // On a slow machine it is told now and then that the server is there.
    if (message.type !== 'alive') messages.push(message);
  });
  await new Promise((resolve) => slow.once('open', resolve));
  slow.send(JSON.stringify({ type: 'follow', chatId: id, after: 0 }));
  await until(() => messages.some(({ event }) => event?.type === 'turn_started'));
  slow.pause();

  const { live } = goLive();
  const kept = keep(live, id);
  start.open();
  await here.events(id, 'turn_finished');
  const log = await here.log(id);
  await until(() => kept.events.length === log.length);
  expect(kept.events).toEqual(log);

  slow.resume();
  await until(() => messages.at(-1)?.type === 'ended');
  expect(messages.at(-1)).toMatchObject({ reason: 'behind' });
  const seqs = (): number[] => messages.flatMap(({ event }) => (event ? [event.seq] : []));
  expect(seqs().length).toBeLessThan(log.length);
  slow.send(JSON.stringify({ type: 'follow', chatId: id, after: seqs().at(-1) }));
  await until(() => seqs().at(-1) === log.length);
  expect(seqs()).toEqual(log.map(({ seq }) => seq));
  slow.terminate();
});
