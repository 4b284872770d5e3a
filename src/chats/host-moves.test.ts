// Chats that move to another host on purpose, or are pinned to one, on a real database.
import { randomUUID } from 'node:crypto';
import { afterAll, afterEach, beforeAll, beforeEach, describe, expect, test, vi } from 'vitest';
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
import { finished, said, ScriptedBackend } from '../../test/support/scripted-backend.ts';
import { until } from '../../test/support/until.ts';
import { claimLease, findOrphanedWork } from '../store/leases.ts';

let database: TestDatabase;
let one: ChatsHost;
let two: ChatsHost;
let three: ChatsHost;
let clocks: Map<ChatsHost, ManualClock>;
let gate: Gate;
beforeAll(async () => {
  database = await createTestDatabase();
});
afterAll(() => database.drop());
beforeEach(async () => {
  gate = createGate();
  clocks = new Map();
  one = await openHost('one');
  two = await openHost('two', { address: 'http://two' });
  three = await openHost('three');
});
afterEach(async () => {
  gate.open();
  for (const host of [one, two, three]) await host.close();
  await database.sql`truncate boocode.hosts cascade`;
});

async function openHost(name: string, options: ChatsHostOptions = {}): Promise<ChatsHost> {
  const backend = new ScriptedBackend(async function* ({ text, history }) {
    if (text === 'wait') await gate.pass();
    yield said(`${name}: ${history.length} before`);
    yield finished();
  });
  backend.openCalls = new Set(['call-1']);
  const clock = new ManualClock();
  const host = await openChatsHost(database.url, { backend, name, clock, ...options });
  clocks.set(host, clock);
  return host;
}

async function idleChat(): Promise<string> {
  const { id } = await one.createChat();
  await one.chats.submitPrompt(id, { content: 'first' });
  await one.events(id, 'turn_finished');
  await until(() => one.host.find(id)?.state === 'ready');
  return id;
}

async function runningChat(): Promise<string> {
  const { id } = await one.createChat();
  await one.chats.submitPrompt(id, { content: 'wait' });
  await gate.reached;
  return id;
}

const answers = async (id: string) =>
  (await one.log(id)).flatMap((event) => (event.type === 'agent_message' ? [event.content] : []));
const texts = async (id: string) => JSON.stringify(await answers(id));

/** The host looks for work that nobody holds, and has looked. */
async function lookForWork(host: ChatsHost): Promise<void> {
  const clock = clocks.get(host)!;
  await until(() => clock.nextMs !== null);
  clock.advance(5_000);
  await until(() => clock.nextMs !== null);
}

/** These hosts have no heartbeats of their own. */
const allBeat = () => database.sql`update boocode.hosts set seen_at = clock_timestamp()`;
const silence = (host: ChatsHost, seconds: number) =>
  database.sql`update boocode.hosts set seen_at = clock_timestamp() - ${seconds} * interval '1 second' where id = ${host.id}`;

describe('HOST-14: a chat that is moved to another host', () => {
  test('leaves at once if it is idle, is taken by nobody else, and remembers everything there', async () => {
    const id = await idleChat();
    await allBeat();
    const reader = await one.follow(id);
    expect(await one.chats.moveToHost(id, { hostId: two.id })).toEqual({
      from: { id: one.id, name: 'one' },
      to: { id: two.id, name: 'two' },
      moved: true,
      pinnedTo: null,
    });
    expect([one.backend.closed, one.host.find(id)]).toEqual([1, undefined]);
    // Neither by the host that had it, nor by a third one.
    for (const host of [one, three]) {
      const refused = host.chats.submitPrompt(id, { content: 'x' });
      await expect(refused).rejects.toMatchObject({
        code: 'chat_elsewhere',
        message: `Chat ${id} was moved to the host two. Go to http://two, or try again shortly.`,
        details: { hostId: two.id, name: 'two', address: 'http://two' },
      });
    }
    await two.chats.submitPrompt(id, { content: 'second' });
    await two.events(id, 'turn_finished', 2);
    expect(await texts(id)).toContain('two: 1 before');
    const log = await two.log(id);
    assertDense(log);
    expect(log.filter((event) => event.type === 'chat_updated' && event.movedToHost)).toMatchObject([
      {
        movedToHost: { from: { id: one.id, name: 'one' }, to: { id: two.id, name: 'two' } },
        by: 'owner',
        via: 'test',
      },
    ]);
    clocks.get(one)!.advance(1_000);
    await reader.untilSeq(log.length);
    expect(reader.events).toEqual(log);
    await reader.close();
    // Once taken, it is as free as any other.
    await two.host.draining.start();
    await three.chats.submitPrompt(id, { content: 'third' });
    await three.events(id, 'turn_finished', 3);
  });

  test('waits for a running turn only if asked to, and its prompts run there', async () => {
    const id = await runningChat();
    await allBeat();
    await one.chats.submitPrompt(id, { content: 'second' });
    await expect(one.chats.moveToHost(id, { hostId: two.id })).rejects.toMatchObject({
      code: 'chat_busy',
      details: { because: 'turn' },
    });
    const leaving = vi.spyOn(one.host, 'letLeave');
    const moved = one.chats.moveToHost(id, { hostId: two.id, running: 'finish' });
    await until(() => leaving.mock.calls.length > 0, { what: 'the move, which waits for the turn' });
    // It still accepts prompts.
    await one.chats.submitPrompt(id, { content: 'third' });
    gate.open();
    expect(await moved).toMatchObject({ moved: true });
    await lookForWork(three);
    expect(three.host.find(id)).toBeUndefined();
    await lookForWork(two);
    await two.events(id, 'turn_finished', 3);
    const log = await two.log(id);
    assertDense(log);
    assertTurnsFinished(log);
    expect(await texts(id)).toMatch(/one: 0 before.*two: 1 before.*two: 2 before/);
  });

  test('or interrupts it', async () => {
    const id = await runningChat();
    await allBeat();
    await one.chats.submitPrompt(id, { content: 'second' });
    await one.chats.moveToHost(id, { hostId: two.id, running: 'interrupt' });
    await lookForWork(two);
    expect(await two.events(id, 'turn_finished', 2)).toMatchObject([
      { outcome: 'interrupted' },
      { outcome: 'completed' },
    ]);
    expect(await texts(id)).toContain('two: ');
  });

  test('takes its open question along', async () => {
    one.backend.script = async function* (turn) {
      yield* turn.ask({ toolName: 'Bash', toolCallId: 'call-1' });
      yield finished();
    };
    const { id } = await one.createChat();
    await one.chats.submitPrompt(id, { content: 'ask' });
    const [asked] = await one.events(id, 'decision_requested');
    await allBeat();
    await one.chats.moveToHost(id, { hostId: two.id });
    expect(await one.events(id, 'turn_finished')).toMatchObject([{ openDecisionIds: [asked!.decisionId] }]);
    await two.chats.answerDecision(asked!.decisionId, { outcome: 'allow' });
    await two.events(id, 'turn_finished', 2);
    expect(two.backend.continued).toEqual([{ outcome: 'allow' }]);
  });

  test('is not moved if whoever asked has gone before the turn was over', async () => {
    const id = await runningChat();
    await allBeat();
    const line = new AbortController();
    const moved = one.chats.moveToHost(id, { hostId: two.id, running: 'finish' }, { signal: line.signal });
    line.abort(new Error('gone'));
    await expect(moved).rejects.toThrow('gone');
    gate.open();
    await one.events(id, 'turn_finished');
    await one.chats.submitPrompt(id, { content: 'second' });
    await one.events(id, 'turn_finished', 2);
  });

  test('can be moved while nobody holds it, and moved again before it is taken', async () => {
    const { id } = await one.createChat();
    await allBeat();
    expect(await one.chats.moveToHost(id, { hostId: two.id })).toMatchObject({ from: null, moved: true });
    expect(one.host.find(id)).toBeUndefined();
    expect(await one.chats.moveToHost(id, { hostId: two.id })).toMatchObject({ moved: false });
    expect(await one.chats.moveToHost(id, { hostId: three.id })).toMatchObject({ from: null, moved: true });
    await expect(two.chats.submitPrompt(id, { content: 'x' })).rejects.toMatchObject({ details: { hostId: three.id } });
    await three.chats.submitPrompt(id, { content: 'x' });
    await three.events(id, 'turn_finished');
  });

  test('stays where it is if that host has it already', async () => {
    const id = await idleChat();
    await allBeat();
    const has = { from: { id: one.id, name: 'one' }, to: { id: one.id, name: 'one' }, moved: false };
    expect(await one.chats.moveToHost(id, { hostId: one.id })).toMatchObject(has);
    expect(await two.chats.moveToHost(id, { hostId: one.id })).toMatchObject(has);
    expect(one.backend.closed).toBe(0);
    expect((await one.log(id)).filter((event) => event.type === 'chat_updated' && event.movedToHost)).toEqual([]);
  });

  test('is refused for a host that is unknown, silent, draining, or lacks the backend', async () => {
    const id = await idleChat();
    const move = (hostId: string) => one.chats.moveToHost(id, { hostId });
    const refusal = (message: RegExp) => ({
      code: 'host_unavailable',
      message: expect.stringMatching(message) as string,
    });
    await allBeat();
    await expect(move(randomUUID())).rejects.toMatchObject(refusal(/^There is no host .*`boocode hosts`/));
    await silence(two, 21);
    await expect(move(two.id)).rejects.toMatchObject(refusal(/^The host two is silent/));
    await allBeat();
    await two.host.draining.start();
    await expect(move(two.id)).rejects.toMatchObject(refusal(/^The host two is draining/));
    await database.sql`update boocode.hosts set offers = '{"backends":["claude_pty"]}' where id = ${three.id}`;
    await expect(move(three.id)).rejects.toMatchObject(refusal(/claude_sdk is not available there/));
    await expect(one.chats.moveToHost(randomUUID(), { hostId: two.id })).rejects.toMatchObject({ code: 'not_found' });
    expect(one.host.find(id)?.state).toBe('ready');
  });

  test('is kept for that host as long as a lease would live', async () => {
    const id = await idleChat();
    await allBeat();
    await one.chats.moveToHost(id, { hostId: two.id });
    await silence(two, 14);
    await expect(three.chats.submitPrompt(id, { content: 'x' })).rejects.toMatchObject({ code: 'chat_elsewhere' });
  });

  const goes = {
    silent: () => silence(two, 16),
    stopped: () => two.close(),
    draining: () => two.host.draining.start(),
  };
  test.each(['silent', 'stopped', 'draining'] as const)(
    'is anybody’s if that host is %s before it takes it',
    async (how) => {
      const id = await idleChat();
      await allBeat();
      await one.chats.moveToHost(id, { hostId: two.id });
      await goes[how]();
      await three.chats.submitPrompt(id, { content: 'second' });
      await three.events(id, 'turn_finished', 2);
      // The host that comes back has no claim left.
      const [row] = await database.sql`select next_host from boocode.chats where id = ${id}`;
      expect(row).toEqual({ next_host: null });
      if (how === 'stopped') two = await openHost('two');
    },
  );
});

describe('HOST-15: a pinned chat', () => {
  test('is taken by a host of that name only', async () => {
    const { id } = await one.createChat({ host: 'two' });
    await allBeat();
    expect(await one.chats.getChat(id)).toMatchObject({ host: 'two' });
    await expect(one.chats.submitPrompt(id, { content: 'x' })).rejects.toMatchObject({
      code: 'chat_elsewhere',
      message: `Chat ${id} is pinned to the host two, at http://two. To let any host take it: \`boocode unpin ${id}\`, or PATCH it with {"host": null}.`,
      details: { hostId: two.id, name: 'two', address: 'http://two', pinnedTo: 'two' },
    });
    expect(await claimLease(database.sql, id, one.id, 1_000)).toBeNull();
    await two.chats.submitPrompt(id, { content: 'wait' });
    await gate.reached;
    // Its work is not taken by others either.
    await database.sql`update boocode.chats set owner_host = null, lease_until = null where id = ${id}`;
    expect(await findOrphanedWork(database.sql, one.id, 10)).toEqual([]);
    expect(await findOrphanedWork(database.sql, two.id, 10)).toEqual([id]);
  });

  test('can be unpinned anywhere, also when its host is gone', async () => {
    const { id } = await one.createChat({ host: 'two' });
    await two.close();
    await expect(one.chats.submitPrompt(id, { content: 'x' })).rejects.toThrow(
      `is pinned to the host two, which is not up. To let any host take it`,
    );
    await expect(one.chats.patchChat(id, { title: 'x' })).rejects.toMatchObject({ code: 'chat_elsewhere' });
    expect(await three.chats.patchChat(id, { host: null, title: 'Free' })).toMatchObject({ host: null, title: 'Free' });
    expect((await one.log(id)).filter(({ type }) => type === 'chat_updated')).toMatchObject([
      { host: null, by: 'owner' },
      { title: 'Free', by: 'owner' },
    ]);
    await three.chats.submitPrompt(id, { content: 'x' });
    await three.events(id, 'turn_finished');
    two = await openHost('two');
  });

  test('leaves a host that may not run it any more, once nothing runs', async () => {
    const id = await runningChat();
    await allBeat();
    await one.chats.submitPrompt(id, { content: 'second' });
    expect(await one.chats.patchChat(id, { host: 'two' })).toMatchObject({ host: 'two', state: 'running' });
    await one.chats.submitPrompt(id, { content: 'third' });
    gate.open();
    await until(() => one.host.find(id) === undefined);
    await lookForWork(three);
    expect(three.host.find(id)).toBeUndefined();
    await until(async () => (await findOrphanedWork(database.sql, two.id, 10)).length > 0);
    await lookForWork(two);
    await two.events(id, 'turn_finished', 3);
    expect(await texts(id)).toMatch(/one: 0 before.*two: 1 before.*two: 2 before/);
  });

  test('stays if it is pinned to the host that has it', async () => {
    const id = await idleChat();
    for (const turns of [2, 3]) {
      await one.chats.patchChat(id, { host: 'one' });
      await one.chats.submitPrompt(id, { content: 'more' });
      await one.events(id, 'turn_finished', turns);
      await until(() => one.host.find(id)?.state === 'ready');
    }
    expect([one.backend.opened.length, one.backend.closed]).toEqual([1, 0]);
  });

  test('stays if it is unpinned in time', async () => {
    const id = await runningChat();
    await one.chats.patchChat(id, { host: 'two' });
    await one.chats.patchChat(id, { host: null });
    await one.chats.submitPrompt(id, { content: 'second' });
    gate.open();
    await one.events(id, 'turn_finished', 2);
    expect([one.backend.opened.length, one.backend.closed]).toEqual([1, 0]);
  });

  test('that is moved stays pinned, to its new host', async () => {
    const id = await idleChat();
    await allBeat();
    await one.chats.patchChat(id, { host: 'one' });
    expect(await one.chats.moveToHost(id, { hostId: two.id })).toMatchObject({ moved: true, pinnedTo: 'two' });
    expect(await one.chats.getChat(id)).toMatchObject({ host: 'two' });
    const { id: cold } = await one.createChat({ host: 'one' });
    expect(await three.chats.moveToHost(cold, { hostId: two.id })).toMatchObject({ moved: true, pinnedTo: 'two' });
    for (const each of [id, cold]) {
      await two.chats.submitPrompt(each, { content: 'x' });
      expect(await two.events(each, 'chat_updated')).toContainEqual(
        expect.objectContaining({ host: 'two', movedToHost: expect.anything() as object }),
      );
    }
  });

  test('goes where it is pinned, even if it was moved elsewhere before', async () => {
    const { id } = await one.createChat();
    await allBeat();
    await one.chats.moveToHost(id, { hostId: two.id });
    await one.chats.patchChat(id, { host: 'three' });
    await expect(two.chats.submitPrompt(id, { content: 'x' })).rejects.toMatchObject({
      details: { pinnedTo: 'three' },
    });
    await three.chats.submitPrompt(id, { content: 'x' });
    await three.events(id, 'turn_finished');
  });

  test('cannot be pinned to a host that nobody has heard of', async () => {
    const refusal = { code: 'invalid_request', details: { field: 'host' } };
    await expect(one.createChat({ host: 'four' })).rejects.toMatchObject(refusal);
    const { id } = await one.createChat();
    await expect(one.chats.patchChat(id, { host: 'four' })).rejects.toMatchObject(refusal);
    await expect(one.chats.patchChat(id, { host: 'four' })).rejects.toThrow('There is: one, two, three.');
    await expect(one.chats.patchChat(randomUUID(), { host: null })).rejects.toMatchObject({ code: 'not_found' });
  });
});
