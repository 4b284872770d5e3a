import { afterAll, afterEach, beforeAll, beforeEach, expect, test } from 'vitest';
import { type ChatsHost, openChatsHost } from '../../test/support/chats-host.ts';
import { createGate } from '../../test/support/gate.ts';
import { ManualClock } from '../../test/support/manual-clock.ts';
import { createTestDatabase, type TestDatabase } from '../../test/support/postgres.ts';
import { chunk, finished, said } from '../../test/support/scripted-backend.ts';
import { until } from '../../test/support/until.ts';
import type { AgentEvent } from '../agents/agent-backend.ts';
import type { Chat } from '../protocol/chat.ts';

// A test's total time stays below the time to the next lease renewal, which no test waits for here.
const quietMs = 100;
let database: TestDatabase;
let here: ChatsHost;
let clock: ManualClock;
/** The chats that watchers were sent, newest last. */
let told: Chat[];
beforeAll(async () => {
  database = await createTestDatabase();
});
afterAll(() => database.drop());
beforeEach(async () => {
  clock = new ManualClock();
  here = await openChatsHost(database.url, { clock, waitLimits: { quietMs, modelSilenceMs: 300 } });
  told = [];
  here.chats.watch((news) => {
    if (news.type === 'chat') told.push(news.chat);
  });
});
afterEach(() => here.close());

const waits = async (id: string): Promise<Chat['waitsFor']> => (await here.chats.getChat(id)).waitsFor;
const call = (toolCallId: string, title: string): AgentEvent => ({
  type: 'tool_call',
  toolCallId,
  title,
  kind: 'execute',
  toolName: 'Bash',
  rawInput: {},
});
const done = (toolCallId: string): AgentEvent => ({
  type: 'tool_call_update',
  toolCallId,
  status: 'completed',
  content: [],
  rawOutput: '',
});

test('TURN-9: a chat that has been quiet says what it waits for and since when, until there is a sign', async () => {
  const gates = [createGate(), createGate(), createGate()] as const;
  const { id } = await here.createChat();
  const following = await here.follow(id);
  here.backend.script = async function* () {
    await gates[0].pass();
    yield chunk('m', 'half');
    await gates[1].pass();
    yield said('half', 'm');
    yield call('c', 'make all');
    await gates[2].pass();
    yield done('c');
    yield finished();
  };
  await here.chats.submitPrompt(id, { content: 'one' });
  await here.events(id, 'turn_started');
  const startedAt = clock.now().toISOString();
  await until(() => clock.nextMs === quietMs);
  clock.advance(quietMs - 1);
  expect(await waits(id)).toBeNull();
  clock.advance(1);
  expect(await waits(id)).toEqual({ for: 'model', since: startedAt, what: null, retry: null });
  await until(() => told.at(-1)?.waitsFor?.for === 'model', { what: 'the news of it' });

  gates[0].open();
  await following.until((item) => item.kind === 'delta');
  expect(await waits(id)).toBeNull();
  await until(() => told.at(-1)?.waitsFor === null, { what: 'the news of its end' });

  gates[1].open();
  await here.events(id, 'tool_call');
  const calledAt = clock.now().toISOString();
  // Several times: a tool may take as long as it likes.
  for (let round = 0; round < 4; round += 1) clock.advance(quietMs);
  expect(await waits(id)).toEqual({ for: 'tool', since: calledAt, what: 'make all', retry: null });
  expect((await here.chats.getChat(id)).state).toBe('running');
  gates[2].open();
  await here.events(id, 'turn_finished');
  await until(async () => (await waits(id)) === null);
  await following.close();
});

test('TURN-9: waiting for a person, a retry, a sign-in or background work is reported at once', async () => {
  const gate = createGate();
  const { id } = await here.createChat();
  here.backend.script = async function* (turn) {
    yield call('c', 'touch x');
    yield* turn.ask({ title: 'Bash: touch x', toolCallId: 'c' });
    yield done('c');
    yield {
      type: 'notice',
      level: 'warning',
      code: 'api_retry',
      message: 'again',
      data: { attempt: 4, maxAttempts: 10, delayMs: 12_000, status: 429, error: 'rate_limit', reason: 'HTTP 429' },
    };
    await gate.pass();
    yield said('there');
    yield { type: 'notice', level: 'warning', code: 'signing_in', message: 'Sign in.' };
    yield { type: 'background_tasks', tasks: [{ taskId: 't', kind: 'local_bash', description: 'serve' }] };
    yield finished();
  };
  await here.chats.submitPrompt(id, { content: 'one' });
  const [asked] = await here.events(id, 'decision_requested');
  const since = clock.now().toISOString();
  expect(await waits(id)).toEqual({ for: 'person', since, what: 'Bash: touch x', retry: null });
  await here.chats.via('me').answerDecision(asked!.decisionId, { outcome: 'allow' });
  await here.events(id, 'notice');
  const at = new Date(clock.now().getTime() + 12_000).toISOString();
  const retry = { attempt: 4, maxAttempts: 10, at, reason: 'HTTP 429' };
  expect(await waits(id)).toEqual({ for: 'rate_limit', since, what: null, retry });
  gate.open();
  await here.events(id, 'turn_finished');
  await until(async () => (await waits(id))?.for === 'background');
  expect(await waits(id)).toMatchObject({ what: 'serve' });
  expect(told.some(({ waitsFor }) => waitsFor?.for === 'sign_in')).toBe(true);
  here.backend.lose(id);
  await until(async () => (await waits(id)) === null, { what: 'the end of what ran in the lost process' });
});

test('TURN-10: a model that gives no sign for the configured time fails its turn with that cause; a tool or a person never does', async () => {
  const gate = createGate();
  const { id } = await here.createChat();
  here.backend.script = async function* (turn) {
    yield call('c', 'make all');
    yield* turn.ask({ toolCallId: 'c' });
    await gate.pass();
    yield done('c');
    yield* forever();
  };
  await here.chats.submitPrompt(id, { content: 'one' });
  const [asked] = await here.events(id, 'decision_requested');
  const pass = (): void => {
    for (let round = 0; round < 4; round += 1) clock.advance(quietMs);
  };
  pass();
  await here.chats.via('me').answerDecision(asked!.decisionId, { outcome: 'allow' });
  pass();
  expect((await here.chats.getChat(id)).state).toBe('running');
  gate.open();
  await here.events(id, 'tool_call_update');
  await until(async () => (await waits(id)) === null);
  pass();
  const [end] = await here.events(id, 'turn_finished');
  expect(end).toMatchObject({ outcome: 'failed', error: { code: 'model_error' } });
  expect(end?.error?.message).toContain('no sign for 0.3 s');
});

test('AGENT-18: a setting the agent does not accept at once is reported to apply from the next turn, even if no turn is running', async () => {
  const { id } = await here.createChat();
  await here.chats.submitPrompt(id, { content: 'one' });
  await here.events(id, 'turn_finished');
  await until(() => here.host.find(id)?.state === 'ready');
  here.backend.setPermissionMode = () => Promise.reject(new Error('Not this one.'));
  await here.chats.patchChat(id, { permissionMode: 'bypassPermissions' });
  const [notice] = await here.events(id, 'notice');
  expect(notice).toMatchObject({ code: 'setting_deferred' });
  expect(notice?.message).toContain('with the next turn');
  await here.chats.submitPrompt(id, { content: 'two' });
  await here.events(id, 'turn_finished', 2);
  expect(here.backend.opened.at(-1)?.permissionMode).toBe('bypassPermissions');
});

// oxlint-disable-next-line require-yield
async function* forever(): AsyncGenerator<AgentEvent> {
  await new Promise(() => {});
}
