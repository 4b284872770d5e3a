// A host that hands its chats over on purpose, beside another one on the same database.
import { afterAll, afterEach, beforeAll, beforeEach, describe, expect, test } from 'vitest';
import { assertDense, assertTurnsFinished, type ChatsHost, openChatsHost } from '../../test/support/chats-host.ts';
import { createGate, type Gate } from '../../test/support/gate.ts';
import { ManualClock } from '../../test/support/manual-clock.ts';
import { createTestDatabase, type TestDatabase } from '../../test/support/postgres.ts';
import { finished, said, ScriptedBackend } from '../../test/support/scripted-backend.ts';
import { until } from '../../test/support/until.ts';
import { silentLog } from '../lib/log.ts';
import { OrphanedWork } from './orphaned-work.ts';

let database: TestDatabase;
let here: ChatsHost;
let there: ChatsHost;
let clockThere: ManualClock;
let gate: Gate;
beforeAll(async () => {
  database = await createTestDatabase();
});
afterAll(() => database.drop());
beforeEach(async () => {
  gate = createGate();
  const backend = new ScriptedBackend(async function* ({ text }) {
    yield said('I have begun.');
    if (text === 'wait') await gate.pass();
    yield finished();
  });
  backend.openCalls = new Set(['call-1']);
  here = await openChatsHost(database.url, { backend, name: 'here', drainMs: 60_000 });
  clockThere = new ManualClock();
  const other = new ScriptedBackend();
  other.openCalls = new Set(['call-1']);
  there = await openChatsHost(database.url, {
    backend: other,
    clock: clockThere,
    name: 'there',
    address: 'http://there',
  });
});
afterEach(async () => {
  gate.open();
  await here.close();
  await there.close();
  await database.sql`delete from boocode.chats`;
});

async function idleChat(): Promise<string> {
  const { id } = await here.createChat();
  await here.chats.submitPrompt(id, { content: 'one' });
  await here.events(id, 'turn_finished');
  await until(() => here.host.find(id)?.state === 'ready');
  return id;
}

async function runningChat(): Promise<string> {
  const { id } = await here.createChat();
  await here.chats.submitPrompt(id, { content: 'wait' });
  await gate.reached;
  return id;
}

async function ownerOf(id: string): Promise<unknown> {
  const [row] = await database.sql`select owner_host from boocode.chats where id = ${id}`;
  return row?.['owner_host'];
}

/** As a host that was killed leaves it, for this one only. */
const leaveTo = (name: string, id: string) =>
  database.sql`update boocode.chats set owner_host = null, lease_until = null, pinned_host = ${name} where id = ${id}`;

const lookForWork = async () => {
  await until(() => clockThere.nextMs !== null);
  clockThere.advance(5_000);
};
const stateOf = async (host: ChatsHost) => (await there.chats.listHosts()).find(({ id }) => id === host.id)?.state;

describe('HOST-13: a host that drains', () => {
  test('releases idle chats at once, lets a turn finish, and leaves its waiting prompts to the next host', async () => {
    const [idle, busy] = [await idleChat(), await runningChat()];
    await here.chats.submitPrompt(busy, { content: 'two' });
    const reader = await here.follow(busy);
    let isOver = false;
    const drained = here.host.draining.start().then(() => (isOver = true));
    await until(async () => (await ownerOf(idle)) === null);
    expect(here.host.find(idle)).toBeUndefined();
    expect(await stateOf(here)).toBe('draining');
    expect(here.chats.draining.status).toMatchObject({
      state: 'draining',
      left: 1,
      running: [{ id: busy, title: 'wait', state: 'running' }],
    });
    expect(isOver).toBe(false);
    // Neither this chat nor another one is given more to do here.
    const refused = { code: 'shutting_down' };
    await expect(here.chats.submitPrompt(busy, { content: 'three' })).rejects.toMatchObject(refused);
    await expect(here.chats.submitPrompt(idle, { content: 'two' })).rejects.toMatchObject(refused);

    gate.open();
    await drained;
    expect(here.chats.draining.status).toMatchObject({ state: 'drained', left: 0, running: [] });
    expect(here.host.find(busy)).toBeUndefined();
    expect(here.backend.sessions.size).toBe(0);
    await lookForWork();
    await there.events(busy, 'turn_finished', 2);
    const log = await there.log(busy);
    assertDense(log);
    assertTurnsFinished(log);
    expect(log.filter(({ type }) => type === 'turn_finished')).toMatchObject([
      { outcome: 'completed' },
      { outcome: 'completed' },
    ]);
    // Whoever follows the chat here gets all of it.
    await reader.untilSeq(log.length);
    expect(reader.events).toEqual(log);
    await reader.close();
    await expect(here.chats.submitPrompt(busy, { content: 'x' })).rejects.toMatchObject({
      code: 'chat_elsewhere',
      details: { address: 'http://there' },
    });
  });

  test('stops what still runs after the limit, and a shorter limit can be set later', async () => {
    const busy = await runningChat();
    const drained = here.host.draining.start();
    await until(() => here.chats.draining.status.running.length === 1);
    const until_ = Date.parse(here.chats.draining.status.until!) - Date.now();
    expect(until_).toBeGreaterThan(50_000);
    expect(until_).toBeLessThanOrEqual(60_000);
    void here.host.draining.start(0);
    await drained;
    expect(await here.events(busy, 'turn_finished')).toMatchObject([{ outcome: 'interrupted' }]);
    expect(await ownerOf(busy)).toBeNull();
  });

  test('does not wait for a person: the question is asked by the next host', async () => {
    here.backend.script = async function* (turn) {
      const { outcome } = yield* turn.ask({ toolName: 'Bash', toolCallId: 'call-1' });
      yield said(`It was ${outcome}.`);
      yield finished();
    };
    const { id } = await here.createChat();
    await here.chats.submitPrompt(id, { content: 'ask' });
    const [asked] = await here.events(id, 'decision_requested');
    await here.host.draining.start();
    expect(await here.events(id, 'turn_finished')).toMatchObject([{ openDecisionIds: [asked!.decisionId] }]);
    await there.chats.answerDecision(asked!.decisionId, { outcome: 'allow' });
    await there.events(id, 'turn_finished', 2);
    expect(there.backend.continued).toEqual([{ outcome: 'allow' }]);
  });

  test('takes answers for turns that may finish, and waits for background tasks', async () => {
    here.backend.script = async function* (turn) {
      // Another call runs beside the one that asks.
      yield { type: 'tool_call', toolCallId: 'other', toolName: 'Read', title: 'Read', kind: 'read', rawInput: {} };
      yield* turn.ask({ toolName: 'Bash', toolCallId: 'call-1' });
      yield { type: 'background_tasks', tasks: [{ taskId: 't', kind: 'local_bash', description: 'serve' }] };
      yield finished();
    };
    const { id } = await here.createChat();
    await here.chats.submitPrompt(id, { content: 'ask' });
    const [asked] = await here.events(id, 'decision_requested');
    const drained = here.host.draining.start();
    await until(() => here.chats.draining.status.running.length === 1);
    // Longer than a turn that only waits for a person is given.
    const askedAtMs = performance.now();
    await until(() => performance.now() - askedAtMs > 1_500);
    await here.chats.answerDecision(asked!.decisionId, { outcome: 'allow' });
    expect(await here.events(id, 'turn_finished')).toMatchObject([{ outcome: 'completed' }]);
    expect(here.chats.draining.status.state).toBe('draining');
    here.backend.tell(id, { type: 'background_tasks', tasks: [] });
    await drained;
    expect(await ownerOf(id)).toBeNull();
  });

  test('never claims: neither for a request, nor for work that nobody holds, and hands over what it was claiming', async () => {
    const clock = new ManualClock();
    const third = await openChatsHost(database.url, { clock, name: 'third' });
    const { id } = await third.createChat();
    const { id: late } = await third.createChat();
    const claiming = third.chats.patchChat(late, { title: 'Late' });
    const drained = third.host.draining.start();
    await claiming.catch(() => undefined);
    await drained;
    expect(await ownerOf(late)).toBeNull();
    await expect(third.chats.patchChat(id, { title: 'x' })).rejects.toMatchObject({ code: 'shutting_down' });
    await here.chats.submitPrompt(id, { content: 'wait' });
    await gate.reached;
    await leaveTo('third', id);
    for (let round = 0; round < 3; round += 1) {
      await until(() => clock.nextMs !== null);
      clock.advance(5_000);
    }
    await until(() => clock.nextMs !== null);
    expect(third.host.find(id)).toBeUndefined();
    expect(await ownerOf(id)).toBeNull();
    await third.host.draining.cancel();
    await until(() => {
      if (clock.nextMs !== null) clock.advance(clock.nextMs);
      return third.host.find(id) !== undefined;
    });
    await third.close();
  });

  test('takes chats again once that is cancelled, and the ones it has left go on', async () => {
    const busy = await runningChat();
    await here.chats.submitPrompt(busy, { content: 'two' });
    const drained = here.host.draining.start();
    await until(() => here.chats.draining.status.running.length === 1);
    await here.host.draining.cancel();
    await drained;
    expect(here.chats.draining.status).toEqual({ state: 'off', until: null, left: 0, running: [] });
    expect(await stateOf(here)).toBe('up');
    expect(await here.chats.health()).toBeNull();
    await here.chats.submitPrompt(busy, { content: 'three' });
    gate.open();
    expect(await here.events(busy, 'turn_finished', 3)).toMatchObject(
      Array.from({ length: 3 }, () => ({ outcome: 'completed' })),
    );
    expect(here.backend.opened).toHaveLength(1);
    await idleChat();
  });
});

test('HOST-13: a host that takes no chats does not look for work either', async () => {
  const id = await runningChat();
  await leaveTo('there', id);
  const clock = new ManualClock();
  const taken: string[] = [];
  let isTaking = false;
  const work = new OrphanedWork({
    sql: there.sql,
    hostId: there.id,
    clock,
    logger: silentLog,
    isTaking: () => isTaking,
    dropped: () => [],
    take: (chatId) => Promise.resolve(taken.push(chatId)),
  });
  await work.start();
  expect(taken).toEqual([]);
  isTaking = true;
  clock.advance(5_000);
  await until(() => taken.length > 0);
  expect(taken).toEqual([id]);
  await work.stop();
});
