// Two hosts on one database: at any time at most one of them writes to a chat.
import { randomUUID } from 'node:crypto';
import { foldSummary } from '../agents/claude/fold-summary.ts';
import type { SessionStore } from '../protocol/session-store.ts';
import { afterAll, afterEach, beforeAll, beforeEach, describe, expect, test } from 'vitest';
import { anActor } from '../../test/support/owners-chats.ts';
import {
  assertDense,
  assertTurnsFinished,
  type ChatsHost,
  type ChatsHostOptions,
  openChatsHost,
} from '../../test/support/chats-host.ts';
import { createGate } from '../../test/support/gate.ts';
import { ManualClock } from '../../test/support/manual-clock.ts';
import { createTestDatabase, type TestDatabase } from '../../test/support/postgres.ts';
import { openPostgresProxy, type PostgresProxy } from '../../test/support/postgres-proxy.ts';
import { finished, said } from '../../test/support/scripted-backend.ts';
import { until } from '../../test/support/until.ts';
import { silentLog } from '../lib/log.ts';
import { noUsage } from '../protocol/usage.ts';
import { bookUsage, openAgentSession, setAgentSession } from '../store/agent-sessions.ts';
import { chatSessionStore } from '../store/chat-session-store.ts';
import { deleteChat } from '../store/chats.ts';
import { openDatabase, type Sql } from '../store/database.ts';
import { appendEvents, type Lease, readEvents } from '../store/events.ts';
import { insertHost, stopHost } from '../store/hosts.ts';
import { claimLease, findOrphanedWork, releaseLease, renewLeases } from '../store/leases.ts';
import { insertPrompt } from '../store/prompts.ts';
import { FencedError } from '../store/storage-error.ts';
import { insertTurn } from '../store/turns.ts';

let database: TestDatabase;
let hosts: ChatsHost[];
let proxies: PostgresProxy[];
beforeAll(async () => {
  database = await createTestDatabase();
});
afterAll(() => database.drop());
beforeEach(() => {
  hosts = [];
  proxies = [];
});
afterEach(async () => {
  for (const host of hosts) await host.close();
  for (const proxy of proxies) await proxy.close();
});

async function openHost(options: ChatsHostOptions = {}): Promise<ChatsHost> {
  const host = await openChatsHost(database.url, options);
  hosts.push(host);
  return host;
}

/** Expires the lease by the database's clock, as if its host had been silent for too long. */
const runOut = (chatId: string) =>
  database.sql`update boocode.chats set lease_until = clock_timestamp() - interval '1 second' where id = ${chatId}`;
const ownerOf = async (chatId: string): Promise<string | null> => {
  const [row] = await database.sql<
    { owner: string | null }[]
  >`select owner_host as owner from boocode.chats where id = ${chatId}`;
  return row!.owner;
};

describe('stale writers', () => {
  let other: Sql;
  beforeAll(() => {
    other = openDatabase(database.url, { max: 4 });
  });
  afterAll(() => other.end());

  const enrol = async (): Promise<string> => {
    const id = randomUUID();
    await insertHost(database.sql, { id, machine: 'test', pid: 1, pidStarted: '', version: '0' });
    return id;
  };
  const createChat = async (): Promise<string> => {
    const id = randomUUID();
    await database.sql`insert into boocode.chats (id, cwd, backend) values (${id}, '/', 'claude_sdk')`;
    return id;
  };
  const note = (message: string) => ({ body: { type: 'notice', level: 'info', code: 'test', message } as const });
  const share = { costUsd: 1, models: { m: { ...noUsage, outputTokens: 1, costUsd: 1 } } };

  /** Makes the kinds of writes a turn makes until one is refused as stale, and counts those that succeed. */
  async function writeUntilStale(
    sql: Sql,
    lease: Lease,
    store: SessionStore,
    wrote: { appends: number; entries: number },
  ): Promise<void> {
    for (;;) {
      try {
        await appendEvents(sql, lease, {
          events: [note('stale?')],
          side: (db) => bookUsage(db, lease, 'claude', share),
          chat: { title: 'stale?' },
        });
        wrote.appends += 1;
        await store.append({ projectKey: 'x', sessionId: 's' }, [{ type: 'user', uuid: randomUUID(), text: 'stale?' }]);
        wrote.entries += 1;
      } catch (error) {
        if (error instanceof FencedError) return;
        throw error;
      }
    }
  }

  test('FENCE-1: a stale writer writes nothing after a takeover, in 240 races', async () => {
    const { sql } = database;
    const [before, after] = [await enrol(), await enrol()];
    const total = { appends: 0, entries: 0 };
    for (let race = 0; race < 240; race += 1) {
      const chatId = await createChat();
      const stale = (await claimLease(sql, chatId, before, 60_000))!;
      await openAgentSession(sql, stale, { agent: 'claude', backend: 'claude_sdk', sessionId: randomUUID() });
      await runOut(chatId);
      const store = chatSessionStore(sql, stale, foldSummary);

      // A third of the races run freely; in the others both wait for the chat's row, one half with the writer first.
      const gate = createGate();
      const order = race % 3;
      const blocker =
        order === 0
          ? Promise.resolve()
          : sql.begin(async (tx) => {
              await tx`select from boocode.chats where id = ${chatId} for update`;
              await gate.pass();
            });
      if (order > 0) await gate.reached;
      const take = () => claimLease(other, chatId, after, 60_000);
      const wrote = { appends: 0, entries: 0 };
      const write = () => writeUntilStale(sql, stale, store, wrote);
      const writerFirst = order !== 2;
      const first = writerFirst ? write() : take();
      if (order > 0) await untilWaiting(1);
      else while (wrote.entries < race % 4) await new Promise((done) => setImmediate(done));
      const second = writerFirst ? take() : write();
      if (order > 0) await untilWaiting(2);
      gate.open();
      await blocker;

      const [one, two] = [await first, await second];
      const lease = (writerFirst ? two : one) as Lease;
      total.appends += wrote.appends;
      total.entries += wrote.entries;
      await appendEvents(other, lease, { events: [note('new')], chat: { title: 'new' } });
      await chatSessionStore(other, lease, foldSummary).append({ projectKey: 'x', sessionId: 's' }, [
        { type: 'mode', text: 'new' },
      ]);

      const log = await readEvents(sql, chatId, { after: 0, limit: 10_000 });
      assertDense(log);
      const messages = log.map((event) => (event.type === 'notice' ? event.message : ''));
      expect(messages).toEqual([...messages.slice(0, -1).fill('stale?'), 'new']);
      const [row] = await sql`
        select title, (select cost_usd from boocode.agent_sessions where chat_id = ${chatId}) as cost,
          (select coalesce(sum(cost_usd), 0) from boocode.usage_ledger where chat_id = ${chatId}) as entered
        from boocode.chats where id = ${chatId}`;
      expect(messages.length - 1).toBe(wrote.appends);
      expect(row).toEqual({ title: 'new', cost: wrote.appends, entered: wrote.appends });
      const entries = (await store.load({ projectKey: 'x', sessionId: 's' }))!.map((entry) => entry['text']);
      expect(entries).toEqual([...entries.slice(0, -1).fill('stale?'), 'new']);
      expect(entries.length - 1).toBe(wrote.entries);
    }
    // The stale writer got some of its writes in, so these were real races.
    expect(total.appends).toBeGreaterThan(80);
    expect(total.entries).toBeGreaterThan(10);
  }, 120_000);

  const untilWaiting = (count: number) =>
    until(
      async () => {
        const [row] = await other<{ count: number }[]>`
          select count(*) from pg_stat_activity where datname = current_database() and wait_event_type = 'Lock'`;
        return row!.count >= count;
      },
      { what: `${count} statements at the lock` },
    );

  test('FENCE-1: no kind of write by a stale holder changes anything', async () => {
    const { sql } = database;
    const chatId = await createChat();
    const stale = (await claimLease(sql, chatId, await enrol(), 60_000))!;
    const session = { agent: 'claude', backend: 'claude_sdk', sessionId: randomUUID() } as const;
    await openAgentSession(sql, stale, session);
    await runOut(chatId);
    const lease = (await claimLease(sql, chatId, await enrol(), 60_000))!;
    expect(lease.epoch).toBe(stale.epoch + 1);
    const snapshot = async () => ({
      chat: await sql`select * from boocode.chats where id = ${chatId}`,
      sessions: await sql`select * from boocode.agent_sessions where chat_id = ${chatId}`,
      ledger: await sql`select * from boocode.usage_ledger where chat_id = ${chatId}`,
      events: await sql`select * from boocode.events where chat_id = ${chatId}`,
      prompts: await sql`select * from boocode.prompts where chat_id = ${chatId}`,
      turns: await sql`select * from boocode.turns where chat_id = ${chatId}`,
      entries: await sql`select * from boocode.claude_session_entries where project_key = ${chatId}`,
    });
    const before = await snapshot();
    const store = chatSessionStore(sql, stale, foldSummary);
    const turnId = randomUUID();
    const writes = [
      () => appendEvents(sql, stale, { events: [note('x')], chat: { title: 'x' } }),
      () =>
        appendEvents(sql, stale, {
          events: [{ body: { type: 'prompt_accepted', promptId: 'p', content: [] } }],
          side: (db) => [insertPrompt(db, stale, { id: 'p', content: [], actor: anActor })],
        }),
      () =>
        appendEvents(sql, stale, {
          events: [{ turnId, body: { type: 'turn_started', turnId, promptIds: [] } }],
          side: (db) => [insertTurn(db, stale, turnId)],
        }),
      () =>
        appendEvents(sql, stale, {
          events: [note('usage')],
          side: (db) => [
            ...bookUsage(db, stale, 'claude', share),
            setAgentSession(db, stale, 'claude', { sessionId: randomUUID(), model: 'x' }),
          ],
        }),
      () => store.append({ projectKey: 'x', sessionId: 's' }, [{ type: 'user', uuid: randomUUID() }]),
      () => store.append({ projectKey: 'x', sessionId: 's', subpath: 'sub' }, [{ type: 'user', uuid: randomUUID() }]),
      () => store.delete?.({ projectKey: 'x', sessionId: 's' }) ?? Promise.resolve(),
    ];
    for (const write of writes) await expect(write()).rejects.toBeInstanceOf(FencedError);
    expect(await openAgentSession(sql, stale, { ...session, backend: 'claude_pty' })).toBeNull();
    expect(await deleteChat(sql, stale)).toBe(false);
    await releaseLease(sql, stale);
    expect(await snapshot()).toEqual(before);
    for (const part of bookUsage(sql, stale, 'claude', share, { isLate: true })) await part;
    await setAgentSession(sql, stale, 'claude', { sessionId: randomUUID(), model: 'x' });
    expect(await snapshot()).toEqual(before);
  });

  test('FENCE-4: a lease can be claimed when it is free, expired by the database’s clock, or its host is known to be dead', async () => {
    const { sql } = database;
    const [one, two] = [await enrol(), await enrol()];
    const chatId = await createChat();
    const first = await claimLease(sql, chatId, one, 60_000);
    expect(first).toMatchObject({ epoch: 1, nextSeq: 1 });
    expect(await claimLease(sql, chatId, two, 60_000)).toBeNull();
    // Nor shortly before it expires.
    await claimLease(sql, chatId, one, 8_000);
    expect(await claimLease(sql, chatId, two, 60_000)).toBeNull();
    await runOut(chatId);
    expect(await claimLease(sql, chatId, two, 60_000)).toMatchObject({ epoch: 3 });
    expect(await claimLease(sql, chatId, one, 60_000)).toBeNull();
    await stopHost(sql, two);
    const third = (await claimLease(sql, chatId, one, 60_000))!;
    expect(third.epoch).toBe(4);
    await releaseLease(sql, first!);
    expect(await ownerOf(chatId)).toBe(one);
    await releaseLease(sql, third);
    expect(await ownerOf(chatId)).toBeNull();
    expect(await claimLease(sql, randomUUID(), one, 60_000)).toBeNull();
    // Of twenty concurrent claims, one succeeds.
    const claims = await Promise.all(
      Array.from({ length: 20 }, async () => claimLease(sql, chatId, await enrol(), 60_000)),
    );
    expect(claims.filter(Boolean)).toHaveLength(1);
  });

  test('FENCE-3: only leases the host still holds are renewed, and work without a host is found', async () => {
    const { sql } = database;
    const [mine, others] = [await enrol(), await enrol()];
    const [kept, letGo, taken, resting] = [
      await createChat(),
      await createChat(),
      await createChat(),
      await createChat(),
    ];
    const leases = new Map<string, Lease>();
    for (const id of [kept, letGo, taken]) leases.set(id, (await claimLease(sql, id, mine, 60_000))!);
    for (const id of [kept, letGo]) {
      await appendEvents(sql, leases.get(id)!, {
        events: [{ body: { type: 'prompt_accepted', promptId: 'p', content: [] } }],
        side: (db) => [insertPrompt(db, leases.get(id)!, { id: 'p', content: [], actor: anActor })],
      });
    }
    for (const id of [kept, letGo, taken]) await runOut(id);
    const epoch = (await claimLease(sql, taken, others, 60_000))!.epoch;
    expect(epoch).toBe(2);
    const held = await renewLeases(sql, mine, [kept, taken, resting], 8_000);
    expect([...held]).toEqual([[kept, 1]]);
    const orphaned = await findOrphanedWork(sql, others, 1000);
    expect([kept, letGo, taken, resting].filter((id) => orphaned.includes(id))).toEqual([letGo]);
  });
});

describe('two hosts', () => {
  const holdScript = (host: ChatsHost) => {
    const gate = createGate();
    host.backend.script = async function* ({ text }) {
      // A host that starts also takes up what earlier tests left behind, which is not part of this test.
      if (text === '') return yield finished();
      yield said('I have begun.');
      await gate.pass();
      yield said('I go on.');
      yield finished('completed', { costUsd: 1 });
    };
    return gate;
  };

  /** A chat of this host with a running turn, which continues when the gate opens. */
  async function heldTurn(host: ChatsHost) {
    const gate = holdScript(host);
    const { id } = await host.createChat();
    await host.chats.submitPrompt(id, { id: 'p1', content: 'go' });
    await gate.reached;
    return { id, gate };
  }

  test('FENCE-2 FENCE-4: requests for another host’s chat are refused; after a takeover the old host drops the chat and closes its agent', async () => {
    const [old, next] = [await openHost({ clock: new ManualClock() }), await openHost()];
    const { id, gate } = await heldTurn(old);
    for (const question of [
      () => next.chats.submitPrompt(id, { content: 'x' }),
      () => next.chats.patchChat(id, { title: 'x' }),
      () => next.chats.deleteChat(id),
    ]) {
      await expect(question()).rejects.toMatchObject({ code: 'chat_elsewhere' });
    }
    await runOut(id);
    await next.chats.submitPrompt(id, { id: 'p2', content: 'mine now' });
    await next.events(id, 'turn_finished', 2);
    const log = await next.log(id);

    gate.open();
    await until(() => old.host.find(id) === undefined, { what: 'the old host to let go' });
    await until(() => !old.backend.sessions.has(id), { what: 'the end of its agent' });
    // The old host wrote nothing more and took nothing from the new holder.
    expect(await next.log(id)).toEqual(log);
    expect(await ownerOf(id)).toBe(next.id);
    assertDense(log);
    assertTurnsFinished(log);
    expect(log.flatMap((event) => (event.type === 'turn_finished' ? [event.outcome] : []))).toEqual([
      'interrupted',
      'completed',
    ]);
    expect((await next.chats.getChat(id)).costUsd).toBe(0);
    await expect(old.chats.submitPrompt(id, { content: 'x' })).rejects.toMatchObject({ code: 'chat_elsewhere' });
  });

  test('WEB-65: another host’s chat shows as running, waiting or ready, and cannot be interrupted from here', async () => {
    const [old, next] = [await openHost({ clock: new ManualClock() }), await openHost()];
    const { id, gate } = await heldTurn(old);
    const seen = async () => {
      const { items } = await next.chats.listChats({ limit: 10 });
      return [(await next.chats.getChat(id)).state, items.find((chat) => chat.id === id)?.state];
    };
    expect(await seen()).toEqual(['running', 'running']);
    await expect(next.chats.interrupt(id)).rejects.toMatchObject({ code: 'chat_elsewhere' });
    gate.open();
    await old.events(id, 'turn_finished', 1);
    expect(await seen()).toEqual(['ready', 'ready']);
    old.backend.script = async function* (turn) {
      yield* turn.ask({});
      yield finished();
    };
    await old.chats.submitPrompt(id, { content: 'ask' });
    const [asked] = await old.events(id, 'decision_requested');
    expect(await seen()).toEqual(['waiting', 'waiting']);
    await old.chats.answerDecision(asked!.decisionId, { outcome: 'allow' });
    await old.events(id, 'turn_finished', 2);
    expect(await seen()).toEqual(['ready', 'ready']);
    await runOut(id);
    expect(await seen()).toEqual(['cold', 'cold']);
    expect(await next.chats.interrupt(id)).toEqual({ interrupted: false, turnId: null });
  });

  test('FENCE-2: a stale host that is asked to write refuses and drops the chat at once', async () => {
    // Its clock stands still, so no renewal tells it that the lease is gone.
    const [old, next] = [await openHost({ clock: new ManualClock() }), await openHost()];
    const { id } = await old.createChat();
    await old.chats.submitPrompt(id, { id: 'p1', content: 'go' });
    await old.events(id, 'turn_finished');
    await runOut(id);
    await next.chats.patchChat(id, { title: 'Taken' });
    const log = await next.log(id);
    await expect(old.chats.submitPrompt(id, { content: 'stale' })).rejects.toMatchObject({ code: 'chat_elsewhere' });
    await until(() => !old.backend.sessions.has(id) && old.host.find(id) === undefined);
    expect(await next.log(id)).toEqual(log);
  });

  test('FENCE-4: a host that drops a chat and takes it up again opens its agent once the old one is gone', async () => {
    const [old, next] = [await openHost({ clock: new ManualClock() }), await openHost({ idleTimeoutMs: 1 })];
    const { id } = await old.createChat();
    await old.chats.submitPrompt(id, { content: 'go' });
    await old.events(id, 'turn_finished');
    // It writes nothing more, so it does not notice before the next prompt.
    await until(() => old.host.find(id)?.idleAgent, { what: 'the agent to be idle' });
    const end = createGate();
    old.backend.beforeClose = () => end.pass();
    await runOut(id);
    await next.chats.patchChat(id, { title: 'Taken' });
    await until(async () => (await ownerOf(id)) === null, { what: 'the other host to give it back' });
    await expect(old.chats.submitPrompt(id, { content: 'stale' })).rejects.toMatchObject({ code: 'chat_elsewhere' });
    await end.reached;
    await old.chats.submitPrompt(id, { content: 'go on' });
    await until(() => old.host.find(id)?.state === 'warming');
    // Leaves time for everything that does not wait for the old agent.
    for (let round = 0; round < 20; round += 1) await old.chats.getChat(id);
    end.open();
    await old.events(id, 'turn_finished', 2);
    expect(old.backend.opened).toHaveLength(2);
    expect(old.backend.collisions).toEqual([]);
    expect((await old.log(id)).filter((event) => event.type === 'turn_finished')).toMatchObject([
      { outcome: 'completed' },
      { outcome: 'completed' },
    ]);
  });

  test('FENCE-4: any host can take a chat at rest at once', async () => {
    const clock = new ManualClock();
    const [old, next] = [await openHost({ clock, idleTimeoutMs: 1_000 }), await openHost()];
    const { id } = await old.createChat();
    await old.chats.submitPrompt(id, { content: 'go' });
    await old.events(id, 'turn_finished');
    await until(() => old.host.find(id)?.state === 'ready');
    await until(async () => {
      clock.advance(1_000);
      return (await ownerOf(id)) === null;
    });
    expect(old.backend.sessions.has(id)).toBe(false);
    await next.chats.submitPrompt(id, { content: 'go' });
    await next.events(id, 'turn_finished', 2);
  });

  describe('one without access to the database', () => {
    let proxy: PostgresProxy;
    beforeEach(async () => {
      proxy = await openPostgresProxy(database.url);
      proxies.push(proxy);
    });

    test.each([
      ['is refused', () => proxy.goDown(), () => proxy.comeUp()],
      [
        'hears nothing, as over a half-open connection',
        () => {
          proxy.isFrozen = true;
          return Promise.resolve();
        },
        () => {
          proxy.isFrozen = false;
          proxy.cutAll();
          return Promise.resolve();
        },
      ],
    ])(
      'FENCE-3: a host that %s drops its chats after nine seconds, well before another host may take them',
      async (_, cut, mend) => {
        const clock = new ManualClock();
        const cutOff = await openHost({ clock, url: proxy.url });
        const next = await openHost();
        const { id, gate } = await heldTurn(cutOff);
        await until(async () => (await next.log(id)).some((event) => event.type === 'agent_message'));
        await cut();
        clock.advance(8_999);
        expect(cutOff.host.find(id)).toBeDefined();
        expect(cutOff.backend.sessions.has(id)).toBe(true);
        // The lease still holds by the database's clock.
        await expect(next.chats.submitPrompt(id, { content: 'x' })).rejects.toMatchObject({ code: 'chat_elsewhere' });
        clock.advance(1);
        expect(cutOff.host.find(id)).toBeUndefined();
        await until(() => !cutOff.backend.sessions.has(id));

        await runOut(id);
        await next.chats.submitPrompt(id, { id: 'p2', content: 'go' });
        await next.events(id, 'turn_finished', 2);
        const log = await next.log(id);
        await mend();
        gate.open();
        await until(async () => (await cutOff.chats.health()) !== 'database_unreachable');
        expect(await next.log(id)).toEqual(log);
        assertTurnsFinished(log);
        await expect(cutOff.chats.submitPrompt(id, { content: 'x' })).rejects.toMatchObject({ code: 'chat_elsewhere' });
        // A write that still waits for a retry is given up.
        clock.advance(1_000);
      },
    );

    test('FENCE-5: a host that fails one renewal ends no turn', async () => {
      const clock = new ManualClock();
      const said: string[] = [];
      const note = (_facts: object, message: string): void => void said.push(message);
      const host = await openHost({ clock, url: proxy.url, logger: { ...silentLog, warn: note, info: note } });
      const { id, gate } = await heldTurn(host);
      await proxy.goDown();
      clock.advance(5_000);
      await until(() => said.some((message) => message.startsWith('The leases could not be renewed')));
      await proxy.comeUp();
      await until(() => {
        // Makes the next planned retry happen.
        if (clock.nextMs !== null && clock.nextMs <= 250) clock.advance(clock.nextMs);
        return said.includes('The leases are renewed again.');
      });
      clock.advance(4_500);
      expect(host.host.find(id)?.state).toBe('running');
      gate.open();
      await host.events(id, 'turn_finished');
    });

    test('FENCE-6: a host that slept has four seconds to renew its leases before it drops every chat', async () => {
      const clock = new ManualClock();
      const host = await openHost({ clock, url: proxy.url });
      const { id, gate } = await heldTurn(host);
      await proxy.goDown();
      clock.sleep(60_000);
      clock.advance(3_999);
      expect(host.host.find(id)).toBeDefined();
      clock.advance(1);
      expect(host.host.find(id)).toBeUndefined();
      await proxy.comeUp();
      gate.open();
      await until(async () => (await host.chats.health()) !== 'database_unreachable');
      // Whatever still waits for a retry is given up.
      clock.advance(1_000);
    });

    test('TURN-2 PROMPT-4 DATA-7: a host that comes back before another takes its chats takes them up again', async () => {
      const clock = new ManualClock();
      const host = await openHost({ clock, url: proxy.url });
      const gate = holdScript(host);
      const { id } = await host.createChat();
      for (const promptId of ['p1', 'p2']) await host.chats.submitPrompt(id, { id: promptId, content: promptId });
      await gate.reached;
      await proxy.goDown();
      clock.advance(9_000);
      await until(() => !host.backend.sessions.has(id));
      gate.open();
      await proxy.comeUp();
      await runOut(id);
      await until(
        () => {
          if (host.host.find(id) === undefined) clock.advance(1_000);
          return host.host.find(id);
        },
        { what: 'the chat to be taken up' },
      );
      await host.events(id, 'turn_finished', 2);
      const log = await host.log(id);
      assertDense(log);
      assertTurnsFinished(log);
      const ends = log.flatMap((event) => (event.type === 'turn_finished' ? [event] : []));
      expect(ends.map((event) => event.outcome)).toEqual(['interrupted', 'completed']);
      // The host itself has not ended, so the error names the real cause.
      expect(ends[0]?.error).toEqual({
        code: 'storage_unavailable',
        message:
          'This turn could not be stored to its end: The database did not answer in time. Send the prompt again to continue.',
      });
    });
  });

  describe('FENCE-6: a host that slept for longer than its leases may be trusted', () => {
    test('keeps the chats that nobody has taken', async () => {
      const clock = new ManualClock();
      let renewals = 0;
      const host = await openHost({ clock, onRenewed: () => void (renewals += 1) });
      const { id, gate } = await heldTurn(host);
      await runOut(id);
      const before = renewals;
      clock.sleep(60_000);
      await until(() => renewals > before);
      clock.advance(4_500);
      expect(host.host.find(id)?.state).toBe('running');
      gate.open();
      await host.events(id, 'turn_finished');
      const log = await host.log(id);
      expect(log.at(-1)).toMatchObject({ type: 'turn_finished', outcome: 'completed' });
    });

    test('drops the chats that another host has taken', async () => {
      const clock = new ManualClock();
      const [slept, next] = [await openHost({ clock }), await openHost()];
      const { id, gate } = await heldTurn(slept);
      await runOut(id);
      await next.chats.submitPrompt(id, { id: 'p2', content: 'go' });
      clock.sleep(60_000);
      await until(() => slept.host.find(id) === undefined);
      await until(() => !slept.backend.sessions.has(id));
      gate.open();
      await next.events(id, 'turn_finished', 2);
      const log = await next.log(id);
      assertTurnsFinished(log);
      expect(await slept.chats.health()).toBeNull();
    });
  });

  test('FENCE-7: leases are renewed even when every other connection is busy', async () => {
    const clock = new ManualClock();
    const host = await openHost({ clock });
    const { id, gate } = await heldTurn(host);
    const holder = await database.sql.reserve();
    try {
      await holder`select pg_advisory_lock(7)`;
      const busy = Array.from({ length: 20 }, () => host.sql`select pg_advisory_xact_lock_shared(7)`.execute());
      await runOut(id);
      clock.advance(5_000);
      await until(async () => {
        const [row] = await holder`select lease_until > clock_timestamp() as held from boocode.chats where id = ${id}`;
        return row!['held'] === true;
      });
      await holder`select pg_advisory_unlock(7)`;
      await Promise.all(busy);
    } finally {
      holder.release();
    }
    expect(host.host.find(id)?.state).toBe('running');
    gate.open();
    await host.events(id, 'turn_finished');
  });

  test('FENCE-3: leases are renewed as long as the database answers, so a long turn keeps its chat', async () => {
    const clock = new ManualClock();
    const host = await openHost({ clock });
    const { id, gate } = await heldTurn(host);
    for (let renewal = 0; renewal < 4; renewal += 1) {
      await runOut(id);
      clock.advance(5_000);
      await until(
        async () => {
          const [row] =
            await database.sql`select lease_until > clock_timestamp() as held from boocode.chats where id = ${id}`;
          return row!['held'] === true;
        },
        { what: 'the renewal' },
      );
      // The host has seen the renewal too, and has planned the next one.
      await until(() => (clock.nextMs ?? 0) > 0);
    }
    expect(host.host.find(id)?.state).toBe('running');
    gate.open();
    await host.events(id, 'turn_finished');
  });
});
