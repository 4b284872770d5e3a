// Flips that are refused, hosts that lose the chat or die in the middle of a flip, and the cost across flips.
import { randomUUID } from 'node:crypto';
import { afterAll, afterEach, beforeAll, beforeEach, describe, expect, test } from 'vitest';
import {
  assertDense,
  assertTurnsFinished,
  type ChatsHost,
  type ChatsHostOptions,
  openChatsHost,
} from '../../test/support/chats-host.ts';
import { createGate, type Gate } from '../../test/support/gate.ts';
import { ManualClock } from '../../test/support/manual-clock.ts';
import { createTestDatabase, type TestDatabase } from '../../test/support/postgres.ts';
import { openPostgresProxy, type PostgresProxy } from '../../test/support/postgres-proxy.ts';
import { ScriptedBackend } from '../../test/support/scripted-backend.ts';
import {
  isSettled,
  openTwoEngines,
  openWarmChat,
  storedBackend,
  story,
  tellTale,
  type TwoEngines,
} from '../../test/support/two-engines.ts';
import { until } from '../../test/support/until.ts';
import type { BackendName } from '../protocol/chat.ts';
import { noUsage } from '../protocol/usage.ts';

let database: TestDatabase;
let here: TwoEngines;
let hosts: ChatsHost[];
let proxies: PostgresProxy[];
let gate: Gate;
beforeAll(async () => {
  database = await createTestDatabase();
});
afterAll(() => database.drop());
beforeEach(async () => {
  hosts = [];
  proxies = [];
  gate = createGate();
  here = await openTwo();
});
afterEach(async () => {
  for (const host of hosts) await host.close();
  for (const proxy of proxies) await proxy.close();
});

async function openTwo(options: ChatsHostOptions = {}): Promise<TwoEngines> {
  const host = await openTwoEngines(database.url, gate, options);
  hosts.push(host);
  return host;
}

const runOut = (chatId: string) =>
  database.sql`update boocode.chats set lease_until = clock_timestamp() - interval '1 second' where id = ${chatId}`;
const flip = (id: string, backend: BackendName) => here.chats.patchChat(id, { backend });
const send = (id: string, content: string) => here.chats.submitPrompt(id, { content });
const turns = (id: string, count: number) => here.events(id, 'turn_finished', count);

describe('a flip that is not possible', () => {
  test('FLIP-7: an unavailable backend is refused before anything is closed or interrupted', async () => {
    const sdk = new ScriptedBackend(tellTale('claude_sdk', gate));
    const alone = await openChatsHost(database.url, { backend: sdk });
    hosts.push(alone);
    const id = await openWarmChat(alone);
    await alone.chats.submitPrompt(id, { content: 'hold' });
    await gate.reached;
    const { head } = await alone.chats.getChat(id);
    for (const running of ['finish', 'interrupt', 'refuse'] as const) {
      const refused = alone.chats.patchChat(id, { backend: 'claude_pty', running, title: 'New' });
      await expect(refused).rejects.toMatchObject({ code: 'backend_unavailable' });
    }
    expect(await alone.chats.getChat(id)).toMatchObject({ head, backend: 'claude_sdk', state: 'running' });
    gate.open();
    await alone.events(id, 'turn_finished', 2);
    expect([sdk.opened.length, sdk.closed]).toEqual([1, 0]);
    // The current backend is not a flip, whether it is available or not.
    const { id: absent } = await alone.createChat();
    await alone.sql`update boocode.chats set backend = 'claude_pty' where id = ${absent}`;
    expect(await alone.chats.patchChat(absent, { backend: 'claude_pty' })).toMatchObject({ backend: 'claude_pty' });
    expect(await alone.chats.patchChat(absent, { backend: 'claude_sdk' })).toMatchObject({ backend: 'claude_sdk' });
  });

  test('an unknown chat is not found', async () => {
    await expect(flip(randomUUID(), 'claude_pty')).rejects.toMatchObject({ code: 'not_found' });
  });

  test('FENCE-1 FENCE-2: a stale host flips nothing', async () => {
    // Its clock stands still, so no renewal tells it that the lease is gone.
    const old = await openTwo({ clock: new ManualClock() });
    const [asked, closing] = [await openWarmChat(old), await openWarmChat(old)];
    const end = createGate();
    old.sdk.beforeClose = () => end.pass();
    const late = old.chats.patchChat(closing, { backend: 'claude_pty' });
    const failure = late.catch((error: unknown) => error);
    await end.reached;
    for (const id of [asked, closing]) {
      await runOut(id);
      await here.chats.patchChat(id, { title: 'Taken' });
    }
    const logs = await Promise.all([asked, closing].map((id) => here.log(id)));
    end.open();
    expect(await failure).toMatchObject({ code: 'chat_elsewhere' });
    const refused = old.chats.patchChat(asked, { backend: 'claude_pty' });
    await expect(refused).rejects.toMatchObject({ code: 'chat_elsewhere' });
    expect(await Promise.all([asked, closing].map((id) => here.log(id)))).toEqual(logs);
    for (const id of [asked, closing]) expect(await storedBackend(database, id)).toBe('claude_sdk');
    await until(() => old.host.find(asked) === undefined && old.host.find(closing) === undefined);
  });
});

describe('a host that dies in the middle of a flip', () => {
  let proxy: PostgresProxy;
  let dying: TwoEngines;
  beforeEach(async () => {
    proxy = await openPostgresProxy(database.url);
    proxies.push(proxy);
    dying = await openTwoEngines(database.url, gate, { url: proxy.url, clock: new ManualClock() });
  });

  /** Cuts the connection at the question or the answer of the write of the flip, and resolves then. */
  const killAt = (where: 'question' | 'answer'): Promise<void> =>
    new Promise((resolve) => {
      let isAsked = false;
      proxy.fault = (direction, data) => {
        if (direction === 'question' && data.includes('"chat_updated"')) isAsked = true;
        if (!isAsked || direction !== where) return 'pass';
        proxy.isFrozen = true;
        resolve();
        return 'cut';
      };
    });

  const moments: [string, string, (id: string) => Promise<void>][] = [
    [
      'while it waits for the turn',
      'claude_sdk',
      async (id) => {
        await dying.chats.submitPrompt(id, { content: 'hold' });
        await gate.reached;
        const flipped = dying.chats.patchChat(id, { backend: 'claude_pty', running: 'finish' });
        flipped.catch(() => undefined);
        expect(await isSettled(flipped)).toBe(false);
      },
    ],
    [
      'while it closes the session',
      'claude_sdk',
      async (id) => {
        const end = createGate();
        dying.sdk.beforeClose = () => end.pass();
        dying.chats.patchChat(id, { backend: 'claude_pty' }).catch(() => undefined);
        await end.reached;
      },
    ],
    [
      'when the write sets out',
      'claude_sdk',
      async (id) => {
        const killed = killAt('question');
        dying.chats.patchChat(id, { backend: 'claude_pty' }).catch(() => undefined);
        await killed;
      },
    ],
    [
      'when the write has landed',
      'claude_pty',
      async (id) => {
        const killed = killAt('answer');
        dying.chats.patchChat(id, { backend: 'claude_pty' }).catch(() => undefined);
        await killed;
      },
    ],
    ['after the answer', 'claude_pty', async (id) => void (await dying.chats.patchChat(id, { backend: 'claude_pty' }))],
  ];
  test.each(moments)('FLIP-6 TURN-2: %s leaves the chat on %s, where it continues', async (_, backend, act) => {
    const id = await openWarmChat(dying);
    await act(id);
    await dying.kill();
    await runOut(id);
    expect(await storedBackend(database, id)).toBe(backend);
    await send(id, 'next');
    await until(async () => (await here.log(id)).some((event) => event.type === 'agent_message' && event.seq > 5));
    const said = (await story(here, id)).filter((line) => line.endsWith('next'));
    expect(said).toEqual([expect.stringMatching(new RegExp(`^${backend} \\d: next$`))]);
    const log = await here.log(id);
    assertDense(log);
    expect(log.filter((event) => event.type === 'chat_updated' && event.backend).length).toBe(
      backend === 'claude_pty' ? 1 : 0,
    );
    await until(async () => here.host.find(id)?.state === 'ready');
    assertTurnsFinished(await here.log(id));
  });

  test('FLIP-1 LOG-8: a host that survives losing the answer to its write has flipped once', async () => {
    const living = await openTwo({ url: proxy.url });
    const id = await openWarmChat(living);
    let cuts = 0;
    let isAsked = false;
    proxy.fault = (direction, data) => {
      if (direction === 'question' && data.includes('"chat_updated"')) isAsked = true;
      if (!isAsked || direction !== 'answer' || cuts > 0) return 'pass';
      cuts += 1;
      return 'cut';
    };
    expect(await living.chats.patchChat(id, { backend: 'claude_pty' })).toMatchObject({ backend: 'claude_pty' });
    expect(cuts).toBe(1);
    await living.chats.submitPrompt(id, { content: 'two' });
    await living.events(id, 'turn_finished', 2);
    expect((await story(living, id)).slice(2)).toEqual(['-> claude_pty', 'claude_pty 2: two', 'completed']);
    await dying.kill();
  });
});

describe('cost', () => {
  const share = { costUsd: 0.25, models: { m: { ...noUsage, outputTokens: 5, costUsd: 0.25 } } };

  test('FLIP-8: keeps adding up; a cost reported as the session ends is in the log before the flip, and in the total', async () => {
    here.sdk.costAtEnd = share;
    const id = await openWarmChat(here);
    await flip(id, 'claude_pty');
    const [notice] = await here.events(id, 'notice');
    expect(notice).toMatchObject({ code: 'session_cost', data: share });
    expect(notice).not.toHaveProperty('turnId');
    const log = await here.log(id);
    assertDense(log);
    expect(log.map((event) => event.type).slice(-2)).toEqual(['notice', 'chat_updated']);
    await send(id, 'two');
    await turns(id, 2);
    expect((await here.chats.getChat(id)).costUsd).toBe(2.25);
    const [row] = await database.sql<{ model_usage: string }[]>`
      select model_usage from boocode.agent_sessions where chat_id = ${id}`;
    expect(JSON.parse(row!.model_usage)).toEqual({ m: { ...noUsage, outputTokens: 5, costUsd: 2.25 } });
  });

  test('FLIP-8: includes a session that ends with its host; a session that spent nothing logs nothing', async () => {
    const id = await openWarmChat(here);
    here.sdk.costAtEnd = { costUsd: 0, models: {} };
    await flip(id, 'claude_pty');
    await send(id, 'two');
    await turns(id, 2);
    here.pty.costAtEnd = share;
    await here.host.drain();
    const notices = (await here.log(id)).filter((event) => event.type === 'notice');
    expect(notices).toMatchObject([{ code: 'session_cost', data: share }]);
    const [row] = await database.sql`select cost_usd from boocode.agent_sessions where chat_id = ${id}`;
    expect(row).toEqual({ cost_usd: 2.25 });
  });

  test('FLIP-8: includes what a session reports in the middle of a turn, apart from the turn', async () => {
    const id = await openWarmChat(here);
    await send(id, 'hold');
    await gate.reached;
    await here.sdk.sessions.get(id)!.spec.onCost(share);
    expect((await here.chats.getChat(id)).costUsd).toBe(1.25);
    gate.open();
    await turns(id, 2);
    expect((await here.chats.getChat(id)).costUsd).toBe(2.25);
    assertDense(await here.log(id));
  });
});
