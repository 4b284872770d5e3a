// Agents that start before the prompt that they are for.
import { afterAll, afterEach, beforeAll, beforeEach, expect, test } from 'vitest';
import { type ChatsHost, openChatsHost } from '../../test/support/chats-host.ts';
import { createGate } from '../../test/support/gate.ts';
import { ManualClock } from '../../test/support/manual-clock.ts';
import { createTestDatabase, type TestDatabase } from '../../test/support/postgres.ts';
import { finished } from '../../test/support/scripted-backend.ts';
import { until } from '../../test/support/until.ts';
import { BooError } from '../protocol/error.ts';

// Shorter than the time to the next lease renewal, so that they can pass in one step.
const [aheadTimeoutMs, idleTimeoutMs] = [1_000, 3_000];
let database: TestDatabase;
let here: ChatsHost;
let clock: ManualClock;
let id: string;
beforeAll(async () => {
  database = await createTestDatabase();
});
afterAll(() => database.drop());
beforeEach(async () => {
  clock = new ManualClock();
  here = await openChatsHost(database.url, {
    clock,
    idleTimeoutMs,
    aheadTimeoutMs,
    startLimits: { startsAtOnce: 1, agentBytes: 0, reserveBytes: null },
  });
  ({ id } = await here.createChat());
});
afterEach(() => here.close());

const sessions = (): number => here.backend.sessions.size;
const untilReady = (chatId = id) => until(() => here.host.find(chatId)?.state === 'ready');
/** A step shows that nothing was waiting to happen. */
const settled = async (): Promise<void> => {
  for (let times = 0; times < 20; times += 1) await new Promise(setImmediate);
};

test('AGENT-40: a cold chat is warmed once, without any effect on its log, and its prompt needs no other agent', async () => {
  const before = await here.chats.getChat(id);
  expect(await here.chats.warmAhead(id)).toEqual({ state: 'cold' });
  await here.chats.warmAhead(id);
  await untilReady();
  expect(await here.chats.warmAhead(id)).toEqual({ state: 'ready' });
  const { head, updatedAt, state } = await here.chats.getChat(id);
  expect([head, updatedAt, state]).toEqual([before.head, before.updatedAt, 'ready']);

  await here.chats.submitPrompt(id, { content: 'go' });
  await here.events(id, 'turn_finished');
  expect(here.backend.opened).toHaveLength(1);
});

test('AGENT-40: an agent that nobody uses ends at its own limit, and the chat is released', async () => {
  await here.chats.warmAhead(id);
  await untilReady();
  await until(() => clock.nextMs === aheadTimeoutMs);
  clock.advance(aheadTimeoutMs - 1);
  await settled();
  expect(sessions()).toBe(1);
  clock.advance(1);
  await until(() => here.host.find(id) === undefined);
  expect(sessions()).toBe(0);
});

test('AGENT-40: once it was used, it has the usual limit', async () => {
  await here.chats.warmAhead(id);
  await untilReady();
  await here.chats.submitPrompt(id, { content: 'go' });
  await here.events(id, 'turn_finished');
  await until(() => clock.nextMs === idleTimeoutMs);
  // Nor does it lose that by being asked for again.
  await here.chats.warmAhead(id);
  await settled();
  expect(clock.nextMs).toBe(idleTimeoutMs);
});

test('AGENT-40: a prompt that comes while the agent starts waits for it', async () => {
  const gate = createGate();
  here.backend.beforeOpen = () => gate.pass();
  await here.chats.warmAhead(id);
  await gate.reached;
  expect((await here.chats.getChat(id)).state).toBe('warming');
  await here.chats.submitPrompt(id, { content: 'go' });
  gate.open();
  await here.events(id, 'turn_finished');
  expect(here.backend.opened).toHaveLength(1);
});

test('AGENT-40: no agent starts ahead while all places are taken by others', async () => {
  const gate = createGate();
  here.backend.beforeOpen = () => gate.pass();
  const { id: other } = await here.createChat();
  await here.chats.submitPrompt(other, { content: 'go' });
  await gate.reached;
  await here.chats.warmAhead(id);
  await settled();
  gate.open();
  await here.events(other, 'turn_finished');
  await settled();
  expect(here.backend.opened).toHaveLength(1);
});

test('AGENT-40: none starts for a queue that is held', async () => {
  const gate = createGate();
  here.backend.script = async function* () {
    await gate.pass();
    yield finished('failed', {
      error: { code: 'model_error', message: 'Later.' },
      obstacle: { reason: 'usage_limit' },
    });
  };
  for (const content of ['one', 'two']) await here.chats.submitPrompt(id, { content });
  await gate.reached;
  gate.open();
  await here.events(id, 'queue_held');
  await untilReady();
  await until(() => clock.nextMs === idleTimeoutMs);
  clock.advance(idleTimeoutMs);
  await until(() => here.host.find(id) === undefined);
  expect(await here.chats.warmAhead(id)).toEqual({ state: 'cold' });
  await settled();
  expect(here.backend.opened).toHaveLength(1);
});

test('AGENT-40: a failure says nothing yet, and the prompt that comes tries again', async () => {
  let attempts = 0;
  here.backend.beforeOpen = () => {
    attempts += 1;
    throw new BooError('agent_failed', 'It does not start.');
  };
  await here.chats.warmAhead(id);
  await until(() => attempts === 1);
  await settled();
  expect((await here.chats.getChat(id)).state).toBe('cold');
  expect((await here.chats.getChat(id)).head).toBe(0);
  here.backend.beforeOpen = () => {};
  await here.chats.submitPrompt(id, { content: 'go' });
  expect(await here.events(id, 'turn_finished')).toMatchObject([{ outcome: 'completed' }]);
});
