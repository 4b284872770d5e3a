import { afterAll, afterEach, beforeAll, beforeEach, expect, test } from 'vitest';
import { assertDense, assertTurnsFinished, type ChatsHost, openChatsHost } from '../../test/support/chats-host.ts';
import { createGate } from '../../test/support/gate.ts';
import { ManualClock } from '../../test/support/manual-clock.ts';
import { createTestDatabase, type TestDatabase } from '../../test/support/postgres.ts';
import { finished } from '../../test/support/scripted-backend.ts';
import { until } from '../../test/support/until.ts';
import { BooError } from '../protocol/error.ts';

// Shorter than the time to the next lease renewal, so that it can pass in one step.
const idleTimeoutMs = 1_000;
let database: TestDatabase;
let here: ChatsHost;
let clock: ManualClock;
beforeAll(async () => {
  database = await createTestDatabase();
});
afterAll(() => database.drop());
beforeEach(async () => {
  clock = new ManualClock();
  here = await openChatsHost(database.url, { clock, idleTimeoutMs });
});
afterEach(() => here.close());

const warm = (): number => here.backend.sessions.size;

/** A chat whose first turn has ended and whose idle time starts now. */
async function openIdleChat(): Promise<string> {
  const { id } = await here.createChat();
  const ofHostMs = clock.nextMs;
  await here.chats.submitPrompt(id, { content: 'one' });
  await here.events(id, 'turn_finished');
  await until(() => here.host.find(id)?.state === 'ready');
  await until(() => clock.nextMs === idleTimeoutMs, { what: `the idle limit (the host waits ${ofHostMs})` });
  return id;
}

test('AGENT-3: an unused agent is closed at the limit, not before, and the chat is released', async () => {
  const id = await openIdleChat();
  clock.advance(idleTimeoutMs - 1);
  expect(warm()).toBe(1);
  expect(here.host.find(id)?.state).toBe('ready');
  clock.advance(1);
  await until(() => warm() === 0);
  await until(() => here.host.find(id) === undefined);
  await until(async () => {
    const [row] = await database.sql`select owner_host from boocode.chats where id = ${id}`;
    return row!['owner_host'] === null;
  });
  expect((await here.chats.getChat(id)).state).toBe('cold');
  expect(here.chats.info().warmChats).toBe(0);
});

test('AGENT-2 AGENT-3: a prompt wakes a cold chat', async () => {
  const id = await openIdleChat();
  clock.advance(idleTimeoutMs);
  await until(() => here.host.find(id) === undefined);
  await here.chats.submitPrompt(id, { content: 'two' });
  await here.events(id, 'turn_finished', 2);
  expect(here.backend.opened).toHaveLength(2);
  expect(here.backend.opened[1]?.sessionId).toBe(here.backend.opened[0]?.sessionId);
});

test('AGENT-3: a prompt restarts the idle time', async () => {
  const id = await openIdleChat();
  clock.advance(idleTimeoutMs - 1);
  await here.chats.submitPrompt(id, { content: 'two' });
  await here.events(id, 'turn_finished', 2);
  await until(() => clock.nextMs === idleTimeoutMs);
  clock.advance(idleTimeoutMs - 1);
  expect(warm()).toBe(1);
});

test('AGENT-3: an agent is not closed while a turn runs or a decision waits', async () => {
  const gate = createGate();
  here.backend.script = async function* (turn) {
    await gate.pass();
    yield* turn.ask({});
    yield finished();
  };
  const { id } = await here.createChat();
  await here.chats.submitPrompt(id, { content: 'one' });
  await gate.reached;
  clock.advance(idleTimeoutMs * 4);
  expect(warm()).toBe(1);
  gate.open();
  const [asked] = await here.events(id, 'decision_requested');
  expect(here.host.find(id)?.state).toBe('waiting');
  expect(warm()).toBe(1);
  await here.chats.via('me').answerDecision(asked!.decisionId, { outcome: 'allow' });
  const [end] = await here.events(id, 'turn_finished');
  expect(end?.outcome).toBe('completed');
});

test('AGENT-3: an agent is not closed while a background task runs, but soon after the task ends', async () => {
  const id = await openIdleChat();
  here.backend.busy.add(id);
  for (let round = 0; round < 3; round += 1) {
    clock.advance(idleTimeoutMs);
    expect(warm()).toBe(1);
    expect(here.host.find(id)?.state).toBe('ready');
  }
  here.backend.busy.delete(id);
  clock.advance(idleTimeoutMs);
  await until(() => warm() === 0);
});

test('AGENT-50: an agent is kept for what it has scheduled within the idle limit, and not for what comes later', async () => {
  const id = await openIdleChat();
  here.backend.wakesInMs = idleTimeoutMs;
  expect(here.host.find(id)?.idleAgent).toBeNull();
  for (let round = 0; round < 3; round += 1) {
    clock.advance(idleTimeoutMs);
    expect(warm()).toBe(1);
  }
  // Later, but only its program can tell it.
  here.backend.wakesInMs = idleTimeoutMs + 1;
  here.backend.hasOwnSchedule = true;
  clock.advance(idleTimeoutMs);
  expect([warm(), here.host.find(id)?.idleAgent]).toEqual([1, null]);
  here.backend.hasOwnSchedule = false;
  expect(here.host.find(id)?.idleAgent).not.toBeNull();
  clock.advance(idleTimeoutMs);
  await until(() => warm() === 0);
});

test('AGENT-3 PROMPT-1: a prompt that arrives while the chat goes cold runs in a new process', async () => {
  const id = await openIdleChat();
  const gate = createGate();
  here.backend.beforeClose = () => gate.pass();
  clock.advance(idleTimeoutMs);
  await gate.reached;
  const { receipt } = await here.chats.submitPrompt(id, { id: 'late', content: 'two' });
  expect(receipt.promptId).toBe('late');
  gate.open();
  const ends = await here.events(id, 'turn_finished', 2);
  expect(ends.map((end) => end.outcome)).toEqual(['completed', 'completed']);
  expect(here.backend.opened).toHaveLength(2);
  expect(here.backend.closed).toBe(1);
});

test('AGENT-3 PROMPT-1: prompts that arrive at any moment while the chat comes to rest are accepted and run once', async () => {
  const id = await openIdleChat();
  let turns = 1;
  for (let hops = 0; hops < 30; hops += 1) {
    clock.advance(idleTimeoutMs);
    for (let count = 0; count < hops; count += 1) await new Promise((done) => setImmediate(done));
    await here.chats.submitPrompt(id, { id: `p${hops}`, content: 'again' });
    turns += 1;
    await here.events(id, 'turn_finished', turns);
    await until(() => here.host.find(id)?.state === 'ready');
    await until(() => clock.nextMs !== null && clock.nextMs <= idleTimeoutMs);
  }
  const log = await here.log(id);
  assertDense(log);
  assertTurnsFinished(log);
  expect(log.filter((event) => event.type === 'turn_finished')).toHaveLength(31);
});

test('AGENT-3 PROMPT-1: a prompt that arrives just as the chat is released still runs', async () => {
  const { id } = await here.createChat();
  await here.chats.patchChat(id, { title: 'Named' });
  await until(() => clock.nextMs === idleTimeoutMs);
  const submitted = here.chats.submitPrompt(id, { content: 'now' });
  clock.advance(idleTimeoutMs);
  expect(here.host.find(id)).toBeUndefined();
  await submitted;
  await here.events(id, 'turn_finished');
});

test('AGENT-3: a chat that never had an agent is released too', async () => {
  const { id } = await here.createChat();
  await here.chats.patchChat(id, { title: 'Named' });
  await until(() => clock.nextMs === idleTimeoutMs);
  expect(here.host.find(id)).toBeDefined();
  clock.advance(idleTimeoutMs);
  await until(() => here.host.find(id) === undefined);
  expect(here.backend.opened).toHaveLength(0);
});

test('TURN-23: background tasks end with their agent, even when the agent does not report it', async () => {
  const id = await openIdleChat();
  const spec = here.backend.opened[0]!;
  const tasks = [{ taskId: 't', kind: 'local_bash', description: 'a long build' }];
  const told = async () =>
    (await here.log(id)).flatMap((event) => (event.type === 'background_tasks' ? [event.tasks] : []));
  spec.onEvent({ type: 'background_tasks', tasks });
  await until(async () => (await told()).length === 1);
  spec.onLost(new BooError('agent_failed', 'killed'));
  await until(async () => (await told()).length === 2);
  expect(await told()).toEqual([tasks, []]);
  await here.close();
  here = await openChatsHost(database.url, { clock, idleTimeoutMs });

  await here.chats.submitPrompt(id, { content: 'two' });
  await here.events(id, 'turn_finished', 2);
  here.backend.opened[0]!.onEvent({ type: 'background_tasks', tasks });
  await until(async () => (await told()).length === 3);
  await here.close();
  here = await openChatsHost(database.url, { clock, idleTimeoutMs });
  expect((await told()).slice(2)).toEqual([tasks, []]);
});
