import { afterAll, afterEach, beforeAll, beforeEach, describe, expect, test } from 'vitest';
import { type ChatsHost, type ChatsHostOptions, openChatsHost } from '../../test/support/chats-host.ts';
import { createGate } from '../../test/support/gate.ts';
import { ManualClock } from '../../test/support/manual-clock.ts';
import { anActor } from '../../test/support/owners-chats.ts';
import { createTestDatabase, type TestDatabase } from '../../test/support/postgres.ts';
import { openPostgresProxy } from '../../test/support/postgres-proxy.ts';
import { finished, said } from '../../test/support/scripted-backend.ts';
import { until } from '../../test/support/until.ts';
import { silentLog } from '../lib/log.ts';
import { BooError } from '../protocol/error.ts';
import { stopHost } from '../store/hosts.ts';
import type { ChatNotification, Reader } from './chats.ts';
import { Host } from './host.ts';
import { Workspaces } from './workspaces/workspaces.ts';

const idleTimeoutMs = 1_000;
let database: TestDatabase;
let clock: ManualClock;
let here: ChatsHost;
let lines: { level: string; facts: Record<string, unknown>; message: string }[];
let toClose: { close(): Promise<void> }[];
beforeAll(async () => {
  database = await createTestDatabase();
});
afterAll(() => database.drop());
beforeEach(async () => {
  clock = new ManualClock();
  lines = [];
  toClose = [];
  here = await openHost({ clock });
});
afterEach(async () => {
  for (const each of toClose.toReversed()) await each.close();
});

const at = (level: string) => (facts: object, message: string) =>
  void lines.push({ level, facts: facts as Record<string, unknown>, message });
const logger = { debug: at('debug'), info: at('info'), warn: at('warn'), error: at('error') };

/** Its clock stands still, unless the test has one. */
async function openHost(options: ChatsHostOptions = {}): Promise<ChatsHost> {
  const host = await openChatsHost(database.url, { clock: new ManualClock(), idleTimeoutMs, logger, ...options });
  toClose.push(host);
  return host;
}

async function openReadyChat(host = here): Promise<string> {
  const { id } = await host.createChat();
  await host.chats.submitPrompt(id, { content: 'one' });
  await host.events(id, 'turn_finished');
  await until(() => host.host.find(id)?.state === 'ready');
  return id;
}

/** Reads all there is, and says why there is no more. */
async function endOf(reader: Reader): Promise<string | undefined> {
  const types: string[] = [];
  for await (const item of reader.items) types.push(item.kind);
  return reader.end;
}

const runOut = (id: string) =>
  database.sql`update boocode.chats set lease_until = clock_timestamp() - interval '1 second' where id = ${id}`;

async function ownerOf(id: string): Promise<unknown> {
  const [row] = await database.sql`select owner_host from boocode.chats where id = ${id}`;
  return row?.['owner_host'];
}
/** The lines about leases, as they were written. */
const leaseLines = (id: string) =>
  lines
    .filter(({ facts, message }) => facts['chatId'] === id && /lease/.test(message))
    .map(({ level, facts, message }) => [level, facts['epoch'], message]);
const claimed = 'A chat was claimed: its lease is ours.';
const released = 'A chat is cold: its lease was released.';
const dropped = 'A chat was dropped: its lease is lost.';

test('a chat is warm from its first prompt until it has been idle, and the log tells of its lease', async () => {
  const id = await openReadyChat();
  expect(here.host.warm).toMatchObject([{ id, state: 'ready' }]);
  // Another one is held, but not warm.
  const { id: cold } = await here.createChat();
  await here.chats.patchChat(cold, { title: 'Cold' });
  expect(here.host.find(cold)).toBeDefined();
  expect(here.host.warm.map((chat) => chat.id)).toEqual([id]);
  expect(here.host.counts.warmChats).toBe(1);
  await until(() => clock.nextMs === idleTimeoutMs);
  clock.advance(idleTimeoutMs);
  await until(async () => (await ownerOf(id)) === null);
  expect([here.host.warm, here.host.counts.warmChats, here.host.find(id)]).toEqual([[], 0, undefined]);
  await until(() => leaseLines(id).length === 2);
  expect(leaseLines(id)).toEqual([
    ['info', 1, claimed],
    ['info', 1, released],
  ]);
});

describe('FENCE-3: work that nobody holds', () => {
  /** Chats of a host that was killed: the prompt of each waits, or its turn has begun. */
  async function leaveWork(...kinds: ('waiting' | 'running')[]): Promise<string[]> {
    const dead = await openChatsHost(database.url, { clock: new ManualClock() });
    const ids: string[] = [];
    for (const kind of kinds) {
      const gate = createGate();
      dead.backend.beforeOpen = () => (kind === 'waiting' ? gate.pass() : undefined);
      dead.backend.script = async function* () {
        await gate.pass();
        yield finished();
      };
      const { id } = await dead.createChat();
      await dead.chats.submitPrompt(id, { content: 'go' });
      await gate.reached;
      ids.push(id);
    }
    await dead.kill();
    await stopHost(database.sql, dead.id);
    return ids;
  }

  test('is looked for every five seconds, until the host drains', async () => {
    for (let round = 0; round < 2; round += 1) {
      const [id] = (await leaveWork('waiting')) as [string];
      await until(() => clock.nextMs === 5_000);
      clock.advance(4_999);
      expect(here.host.find(id)).toBeUndefined();
      clock.advance(1);
      await here.events(id, 'turn_finished');
      // Lets it go cold, so that only the host's own timers are left.
      await until(() => clock.nextMs === idleTimeoutMs);
      clock.advance(idleTimeoutMs);
      await until(async () => (await ownerOf(id)) === null);
      clock.advance(4_000);
      await until(() => clock.nextMs === 5_000 || clock.nextMs === 1_000);
      if (clock.nextMs === 1_000) clock.advance(1_000);
    }
    await here.host.drain();
    expect(clock.nextMs).toBeNull();
  });

  test('that cannot be taken is reported, unless another host is quicker, and the rest is taken', async () => {
    const ids = await leaveWork('running', 'waiting', 'waiting');
    const [broken, taken, fine] = ids as [string, string, string];
    // The oldest comes first.
    for (const [index, id] of ids.entries()) {
      await database.sql`update boocode.chats set updated_at = 'epoch'::timestamptz + ${index} * interval '1 s' where id = ${id}`;
    }
    const { createTurnTraces } = here.agent;
    const err = new Error('odd');
    here.agent.createTurnTraces = () => {
      throw err;
    };
    // As if another host took it at the last moment.
    await database.sql.unsafe(`
      create function boocode.quicker() returns trigger language plpgsql as $$ begin return null; end $$;
      create trigger quicker before update on boocode.chats for each row
        when (new.id = '${taken}' and new.owner_host is not null) execute function boocode.quicker()`);
    try {
      await until(() => clock.nextMs === 5_000);
      clock.advance(5_000);
      await here.events(fine, 'turn_finished');
      // The chats are taken side by side.
      await until(() => lines.some(({ level }) => level === 'error'), { what: 'the report' });
    } finally {
      await database.sql.unsafe('drop trigger quicker on boocode.chats; drop function boocode.quicker()');
    }
    expect(lines.filter(({ level }) => level === 'error')).toEqual([
      { level: 'error', facts: { chatId: broken, err }, message: 'A chat could not be claimed.' },
    ]);
    // It was given back, so that it can be taken as soon as that is possible.
    await until(async () => (await ownerOf(broken)) === null);
    here.agent.createTurnTraces = createTurnTraces;
    for (const id of [broken, taken]) await here.chats.deleteChat(id);
  });

  test('that cannot be looked for is reported, and looked for again', async () => {
    const proxy = await openPostgresProxy(database.url);
    toClose.push(proxy);
    const own = new ManualClock();
    const away = await openHost({ clock: own, url: proxy.url });
    await until(() => own.nextMs === 5_000);
    await proxy.goDown();
    const [id] = (await leaveWork('waiting')) as [string];
    lines = [];
    own.advance(5_000);
    await until(() => lines.some(({ message }) => message === 'The search for unclaimed work failed.'));
    const [line] = lines.filter(({ message }) => message === 'The search for unclaimed work failed.');
    expect(line).toMatchObject({ level: 'warn', facts: { err: expect.any(Error) as Error } });
    await proxy.comeUp();
    await until(() => own.nextMs !== null && own.nextMs <= 250);
    own.advance(5_000);
    await away.events(id, 'turn_finished');
  });
});

test('a host whose start is aborted drains, and one that has started does not', async () => {
  const create = () =>
    new Host({
      hostId: here.id,
      sql: here.sql,
      leaseSql: here.sql,
      slow: here.slow,
      clock: new ManualClock(),
      logger: silentLog,
      idleTimeoutMs,
      aheadTimeoutMs: idleTimeoutMs,
      waitLimits: { quietMs: 10_000, modelSilenceMs: 0 },
      drainMs: 0,
      startLimits: { startsAtOnce: 1, agentBytes: 0, reserveBytes: null },
      readMemory: () => null,
      readerBacklogBytes: 1_000,
      dataDir: '/nonexistent',
      workspaces: new Workspaces({ dataDir: '/nonexistent', env: {} }),
      agents: { agentFor: () => here.agent } as never,
      budgets: { observe() {} } as never,
    });
  const { id } = await here.createChat();
  for (const [isEarly, answer] of [
    [true, 'stopping'],
    [false, null],
  ] as const) {
    const stop = new AbortController();
    const host = create();
    const started = host.start(stop.signal);
    if (isEarly) stop.abort();
    await started;
    stop.abort();
    expect(await host.health()).toBe(answer);
    await host.drain();
    expect(() => host.feed(id)).toThrow('This host is shutting down.');
  }
});

describe('a feed', () => {
  test('is kept while somebody reads it or the chat is held, and forgotten after that', async () => {
    const [read, held, idle] = [await here.createChat(), await here.createChat(), await here.createChat()];
    const reader = await here.follow(read.id);
    await here.chats.patchChat(held.id, { title: 'Held' });
    const before = [read, held, idle].map(({ id }) => here.host.feed(id));
    // A new one makes the host look.
    here.host.feed((await here.createChat()).id);
    const after = [read, held, idle].map(({ id }) => here.host.feed(id));
    expect(after.map((feed, index) => feed === before[index])).toEqual([true, true, false]);
    await reader.close();
  });

  test('ends with the host, and says so', async () => {
    const { id } = await here.createChat();
    const reader = await here.chats.follow(id, { after: 0 });
    await here.host.drain();
    expect(await endOf(reader)).toBe('closing');
    await expect(here.host.use(id, () => Promise.resolve())).rejects.toMatchObject({ code: 'shutting_down' });
    expect(await ownerOf(id)).toBeNull();
  });

  test('LOG-4: knows the end of the log, and whether a cursor is in it', async () => {
    const { id } = await here.createChat();
    await here.chats.patchChat(id, { title: 'One' });
    const first = async (after: number): Promise<unknown> => {
      const reader = await here.chats.follow(id, { after });
      for await (const item of reader.items) return item;
      return undefined;
    };
    expect(await first(1)).toMatchObject({ kind: 'resume', verdict: 'ok' });
    expect(await first(2)).toMatchObject({ kind: 'resume', verdict: 'gap' });
  });
});

describe('a chat that is deleted', () => {
  test('ends its readers, and watchers are told', async () => {
    const id = await openReadyChat();
    const reader = await here.chats.follow(id, { after: 0 });
    const told: ChatNotification[] = [];
    here.host.notifier.watch((notification) => told.push(notification));
    await here.chats.deleteChat(id);
    expect(await endOf(reader)).toBe('deleted');
    expect(told).toContainEqual({ type: 'chat_deleted', chatId: id });
    expect(here.host.find(id)).toBeUndefined();
    await expect(here.host.use(id, () => Promise.resolve())).rejects.toMatchObject({
      code: 'not_found',
      message: 'This chat does not exist.',
    });
  });

  test('is still complete if its agent’s files cannot be removed, and can be used and deleted again', async () => {
    const id = await openReadyChat();
    here.agent.removeSession = () => Promise.reject(new BooError('storage_unavailable', 'Not now.'));
    await expect(here.chats.deleteChat(id)).rejects.toMatchObject({ code: 'storage_unavailable' });
    expect(lines.map(({ message }) => message)).not.toContain('A chat was deleted.');
    // As an agent that keeps no files.
    delete here.agent.removeSession;
    await here.chats.submitPrompt(id, { content: 'two' });
    await here.events(id, 'turn_finished', 2);
    await here.chats.deleteChat(id);
  });

  test('FENCE-1: is not deleted by a host that has lost it', async () => {
    const id = await openReadyChat();
    const gate = createGate();
    here.backend.beforeClose = () => gate.pass();
    const deleted = here.host.delete(id, anActor);
    const failure = deleted.catch((error: unknown) => error);
    await gate.reached;
    await runOut(id);
    const there = await openHost();
    await there.chats.patchChat(id, { title: 'Taken' });
    gate.open();
    expect(await failure).toMatchObject({ code: 'chat_elsewhere' });
    expect(await there.chats.getChat(id)).toMatchObject({ title: 'Taken' });
  });
});

describe('a chat that is lost', () => {
  test('FENCE-2: is dropped, is shown as cold, and its agent is closed before another one opens here', async () => {
    const id = await openReadyChat();
    const end = createGate();
    here.backend.beforeClose = () => end.pass();
    await runOut(id);
    const there = await openHost();
    await there.chats.patchChat(id, { title: 'Taken' });
    const told: ChatNotification[] = [];
    const watch = here.chats.watch((notification) => told.push(notification));
    await expect(here.chats.patchChat(id, { title: 'Stale' })).rejects.toMatchObject({ code: 'chat_elsewhere' });
    expect(here.host.find(id)).toBeUndefined();
    await until(() => told.length > 0);
    watch.close();
    // As the other host has stored it.
    const title = 'Taken';
    expect(told).toMatchObject([
      { type: 'chat', chat: { id, title, state: 'cold', waitsFor: null, mcpServers: null } },
    ]);
    expect(leaseLines(id)).toEqual([
      ['info', 1, claimed],
      ['info', 2, claimed],
      ['warn', 1, dropped],
    ]);
    await there.host.drain();
    await here.chats.submitPrompt(id, { content: 'again' });
    await until(() => here.host.find(id)?.state === 'warming');
    for (let round = 0; round < 5; round += 1) await here.chats.getChat(id);
    expect(here.backend.opened).toHaveLength(1);
    await end.reached;
    end.open();
    await here.events(id, 'turn_finished', 2);
    expect(here.backend.collisions).toEqual([]);
  });

  test('TURN-2: its turn ends with the database’s absence as the cause, if that was it', async () => {
    const proxy = await openPostgresProxy(database.url);
    toClose.push(proxy);
    const own = new ManualClock();
    const away = await openHost({ clock: own, url: proxy.url });
    const gate = createGate();
    away.backend.script = async function* () {
      await gate.pass();
      yield finished();
    };
    const { id } = await away.createChat();
    await away.chats.submitPrompt(id, { content: 'hold' });
    await gate.reached;
    await proxy.goDown();
    own.advance(9_000);
    await until(() => away.host.find(id) === undefined);
    expect(leaseLines(id).at(-1)).toEqual(['warn', 1, dropped]);
    gate.open();
    await proxy.comeUp();
    away.backend.script = async function* () {
      yield finished();
    };
    own.advance(1_000);
    await until(async () => {
      own.advance(250);
      return (await here.log(id)).some((event) => event.type === 'turn_finished');
    });
    const [end] = await here.events(id, 'turn_finished');
    expect(end).toMatchObject({
      outcome: 'interrupted',
      error: {
        code: 'storage_unavailable',
        message: expect.stringContaining('The database did not answer in time.') as string,
      },
    });
  });
});

test('a session that cannot be closed is reported, and does not keep the host from draining', async () => {
  await openReadyChat();
  const err = new Error('odd');
  here.backend.beforeClose = () => {
    here.backend.sessions.clear();
    throw err;
  };
  await here.host.drain();
  expect(lines).toContainEqual({ level: 'error', facts: { err }, message: 'A chat could not be closed cleanly.' });
});

test('TURN-28: a host that stops ends the turns that agents begin by themselves meanwhile', async () => {
  const { backend } = here;
  const endless = async function* () {
    yield said('On and on.');
    await new Promise(() => undefined);
  };
  backend.script = endless;
  const { id } = await here.createChat();
  await here.chats.submitPrompt(id, { content: 'one' });
  await here.events(id, 'agent_message');
  const interrupt = backend.interrupt.bind(backend);
  backend.interrupt = async (session) => {
    backend.interrupt = interrupt;
    await interrupt(session);
    backend.beginUnprompted(id, endless);
  };
  await here.host.drain();
  const ends = await here.events(id, 'turn_finished');
  expect(ends.map(({ outcome }) => outcome)).toEqual(['interrupted', 'interrupted']);
});

test('LOG-8: a lost write is tried again soon, then less and less often, until the host is told to stop', async () => {
  const proxy = await openPostgresProxy(database.url);
  toClose.push(proxy);
  const own = new ManualClock();
  const away = await openHost({ clock: own, url: proxy.url, idleTimeoutMs: 600_000 });
  const { id } = await away.createChat();
  await away.chats.patchChat(id, { title: 'One' });
  await proxy.goDown();
  const patched = away.chats.patchChat(id, { title: 'Two' });
  for (const delayMs of [50, 100, 200, 400, 800, 1_000, 1_000]) {
    await until(() => own.nextMs === delayMs, { what: `a wait of ${delayMs} ms` });
    own.advance(delayMs);
  }
  await until(() => own.nextMs === 1_000);
  await proxy.comeUp();
  own.advance(1_000);
  expect(await patched).toMatchObject({ title: 'Two' });

  await proxy.goDown();
  const refused = away.chats.patchChat(id, { title: 'Three' });
  const failure = refused.catch((error: unknown) => error);
  await until(() => own.nextMs === 50);
  away.host.stopRetrying();
  own.advance(50);
  expect(await failure).toMatchObject({ code: 'storage_unavailable' });
  await proxy.comeUp();
});
