// How a host takes and leaves its chats, at the moments that are seldom met.
import { randomUUID } from 'node:crypto';
import { afterAll, afterEach, beforeAll, beforeEach, describe, expect, test } from 'vitest';
import { type ChatsHost, type ChatsHostOptions, openChatsHost } from '../../test/support/chats-host.ts';
import { createGate } from '../../test/support/gate.ts';
import { ManualClock } from '../../test/support/manual-clock.ts';
import { anActor } from '../../test/support/owners-chats.ts';
import { createTestDatabase, type TestDatabase } from '../../test/support/postgres.ts';
import { finished } from '../../test/support/scripted-backend.ts';
import { until } from '../../test/support/until.ts';
import type { ChatNotification } from './chats.ts';

let database: TestDatabase;
let clock: ManualClock;
let here: ChatsHost;
let hosts: ChatsHost[];
let errors: { facts: Record<string, unknown>; message: string }[];
let warnings: string[];
beforeAll(async () => {
  database = await createTestDatabase();
});
afterAll(() => database.drop());
beforeEach(async () => {
  [clock, hosts, errors, warnings] = [new ManualClock(), [], [], []];
  here = await openHost({ clock });
});
afterEach(async () => {
  for (const host of hosts) await host.close();
});

async function openHost(options: ChatsHostOptions = {}): Promise<ChatsHost> {
  const logger = {
    debug() {},
    info() {},
    warn: (_: object, message: string) => void warnings.push(message),
    error: (facts: object, message: string) => void errors.push({ facts: { ...facts }, message }),
  };
  const host = await openChatsHost(database.url, {
    clock: new ManualClock(),
    logger,
    idleTimeoutMs: 1_000,
    ...options,
  });
  hosts.push(host);
  return host;
}

async function openReadyChat(): Promise<string> {
  const { id } = await here.createChat();
  await here.chats.submitPrompt(id, { content: 'one' });
  await here.events(id, 'turn_finished');
  await until(() => here.host.find(id)?.state === 'ready');
  return id;
}

/** A chat in the middle of a turn, which ends when its process does. */
async function openRunningChat(): Promise<string> {
  const gate = createGate();
  here.backend.script = async function* () {
    await gate.pass();
    yield finished();
  };
  const { id } = await here.createChat();
  await here.chats.submitPrompt(id, { content: 'hold' });
  await gate.reached;
  here.backend.script = async function* () {
    yield finished();
  };
  return id;
}

/** Another host in place of one that was killed, before it has looked for the work that was left. */
async function replaceHost(id: string): Promise<void> {
  await here.kill();
  hosts = [];
  clock = new ManualClock();
  here = await openHost({ clock });
  await database.sql`update boocode.chats set lease_until = clock_timestamp() where id = ${id}`;
}

/** The states that watchers are told from now on. */
function watchStates(id: string): string[] {
  const states: string[] = [];
  here.host.notifier.watch((told: ChatNotification) => {
    if (told.type === 'chat' && told.chat.id === id) states.push(told.chat.state);
  });
  return states;
}

describe('a chat', () => {
  test('that another host holds is said to be there', async () => {
    const { id } = await here.createChat();
    const there = await openHost();
    await there.chats.patchChat(id, { title: 'There' });
    await expect(here.host.use(id, () => Promise.resolve())).rejects.toMatchObject({
      code: 'chat_elsewhere',
      message: `Another host holds chat ${id}. Try again shortly.`,
    });
    await expect(here.host.use(randomUUID(), () => Promise.resolve())).rejects.toMatchObject({ code: 'not_found' });
  });

  test('FENCE-1: that another host takes while this one recovers it is left to that one', async () => {
    const id = await openRunningChat();
    await replaceHost(id);
    const { createTurnTraces } = here.agent;
    const taken = async () => {
      await database.sql`update boocode.chats set epoch = epoch + 1 where id = ${id}`;
      return createTurnTraces();
    };
    here.agent.createTurnTraces = taken as unknown as typeof createTurnTraces;
    await expect(here.host.use(id, () => Promise.resolve())).rejects.toMatchObject({ code: 'chat_elsewhere' });
    expect([here.host.find(id), warnings, errors]).toEqual([undefined, [], []]);
  });

  test('LOG-5: cuts off a reader for whom more waits than the host allows', async () => {
    const there = await openHost({ readerBacklogBytes: 1_000 });
    const { id } = await there.createChat();
    const name = (title: string) => there.chats.patchChat(id, { title });
    await name('history');
    const { items } = await there.chats.follow(id, { after: 0 });
    const iterator = items[Symbol.asyncIterator]();
    for (let count = 0; count < 2; count += 1) await iterator.next();
    const live = iterator.next();
    await name('live');
    await live;
    expect(there.host.feed(id).readerCount).toBe(1);
    for (let count = 0; count < 10; count += 1) await name(`One of many titles: ${count}`);
    expect(there.host.feed(id).readerCount).toBe(0);
  });

  test('that is being deleted accepts nothing', async () => {
    const id = await openReadyChat();
    const gate = createGate();
    here.backend.beforeClose = () => gate.pass();
    const deleted = here.host.delete(id, anActor);
    await gate.reached;
    await expect(here.chats.patchChat(id, { title: 'Late' })).rejects.toMatchObject({ code: 'shutting_down' });
    gate.open();
    await deleted;
  });

  test('that is claimed again just as it is released stays claimed', async () => {
    const { id } = await here.createChat();
    await here.chats.patchChat(id, { title: 'Named' });
    await until(() => clock.nextMs === 1_000);
    const submitted = here.chats.submitPrompt(id, { content: 'now' });
    clock.advance(1_000);
    await submitted;
    const chat = here.host.find(id);
    await here.chats.patchChat(id, { title: 'Again' });
    expect(chat).toBeDefined();
    expect(here.host.find(id)).toBe(chat);
    await here.events(id, 'turn_finished');
  });

  test('FENCE-2: that was lost and is claimed again is shown as it is, whatever becomes of its old process', async () => {
    const id = await openReadyChat();
    const gate = createGate();
    here.backend.beforeClose = () => gate.pass();
    await database.sql`update boocode.chats set epoch = epoch + 1 where id = ${id}`;
    const states = watchStates(id);
    await expect(here.chats.patchChat(id, { title: 'Stale' })).rejects.toMatchObject({ code: 'chat_elsewhere' });
    await database.sql`update boocode.chats set lease_until = clock_timestamp() where id = ${id}`;
    await here.chats.submitPrompt(id, { content: 'again' });
    await until(() => states.at(-1) === 'warming');
    gate.open();
    await here.events(id, 'turn_finished', 2);
    await until(() => states.at(-1) === 'ready');
    expect(states[0]).toBe('cold');
    expect(states.slice(states.indexOf('warming'))).not.toContain('cold');
  });
});

describe('TURN-2: a chat whose log cannot be written', () => {
  /** Makes a write of its agent's cost fail with this code, and waits until the chat is dropped. */
  async function dropFor(id: string, errcode: string): Promise<void> {
    await database.sql.unsafe(`
      create function boocode.refuse() returns trigger language plpgsql as
        $$ begin raise exception 'refused' using errcode = '${errcode}'; end $$;
      create trigger refuse before insert on boocode.events for each row execute function boocode.refuse()`);
    try {
      const told = here.backend.opened.at(-1)!.onCost({ costUsd: 1, models: {} });
      // It is tried again for a while.
      await until(() => {
        clock.advance(40);
        return here.host.find(id) === undefined;
      });
      await told;
      await until(async () => (await ownerOf(id)) === null);
    } finally {
      await database.sql.unsafe('drop trigger refuse on boocode.events; drop function boocode.refuse()');
    }
  }
  const ownerOf = async (id: string): Promise<unknown> =>
    (await database.sql`select owner_host from boocode.chats where id = ${id}`)[0]?.['owner_host'];

  test('is given up, and its turn ends with the cause, even if it cannot be claimed again at once', async () => {
    const id = await openRunningChat();
    await dropFor(id, 'disk_full');
    const message = 'A chat is given up after an error.';
    expect(errors[0]).toEqual({ facts: { chatId: id, err: expect.any(Error) as unknown }, message });
    const { createTurnTraces } = here.agent;
    here.agent.createTurnTraces = () => {
      throw new Error('odd');
    };
    await expect(here.chats.submitPrompt(id, { content: 'two' })).rejects.toThrow('odd');
    await until(async () => (await ownerOf(id)) === null);
    here.agent.createTurnTraces = createTurnTraces;
    await here.chats.submitPrompt(id, { content: 'two' });
    const [end] = await here.events(id, 'turn_finished', 2);
    expect(end).toMatchObject({ outcome: 'interrupted', error: { code: 'storage_unavailable' } });
  });

  test('has no cause that a client could understand if the error is an odd one', async () => {
    const id = await openRunningChat();
    await dropFor(id, 'raise_exception');
    await here.chats.submitPrompt(id, { content: 'two' });
    const [end] = await here.events(id, 'turn_finished', 2);
    expect(end).toMatchObject({ outcome: 'interrupted', error: { code: 'host_restarted' } });
  });

  test('is dropped without an error if another host has it', async () => {
    const id = await openRunningChat();
    await database.sql`update boocode.chats set epoch = epoch + 1 where id = ${id}`;
    await here.backend.opened[0]!.onCost({ costUsd: 1, models: {} });
    await until(() => here.host.find(id) === undefined);
    expect(errors).toEqual([]);
  });
});

describe('a host that drains', () => {
  test('keeps a chat until its agent has ended', async () => {
    const id = await openReadyChat();
    const gate = createGate();
    here.backend.beforeClose = () => gate.pass();
    const drained = here.host.drain();
    await gate.reached;
    const chat = here.host.find(id);
    gate.open();
    await drained;
    expect([chat === undefined, here.host.find(id)]).toEqual([false, undefined]);
  });

  test('has nothing to close of a chat that it is about to claim in vain', async () => {
    const used = here.host.use(randomUUID(), () => Promise.resolve());
    const failure = used.catch((error: unknown) => error);
    await here.host.drain();
    expect(await failure).toMatchObject({ code: 'not_found' });
    expect(errors).toEqual([]);
  });

  test('looks for no more work after the search that is under way', async () => {
    const held = createGate();
    // A chat whose recovery takes a while.
    const id = await openRunningChat();
    await replaceHost(id);
    const { createTurnTraces } = here.agent;
    const slowly = () => held.pass().then(() => createTurnTraces());
    here.agent.createTurnTraces = slowly as unknown as typeof createTurnTraces;
    clock.advance(5_000);
    await held.reached;
    const drained = here.host.drain();
    held.open();
    await drained;
    expect(clock.nextMs).toBeNull();
  });

  test('releases a chat in order whose agent was lost in this very moment', async () => {
    const id = await openRunningChat();
    here.backend.lose(id);
    await here.host.drain();
    expect(errors).toEqual([]);
    expect(await here.events(id, 'turn_finished')).toMatchObject([{ outcome: 'failed' }]);
  });

  test('DECIDE-14: shows a chat that waits for a person as waiting, also without a process', async () => {
    here.backend.openCalls = new Set(['call']);
    here.backend.script = async function* (turn) {
      yield* turn.ask({ toolName: 'Bash', toolCallId: 'call' });
      yield finished();
    };
    const { id } = await here.createChat();
    await here.chats.submitPrompt(id, { content: 'go' });
    await here.events(id, 'decision_requested');
    const states = watchStates(id);
    await here.host.drain();
    await until(() => states.length > 0);
    expect([here.backend.sessions.size, states.at(-1)]).toEqual([0, 'waiting']);
  });
});
