// Prompts whose agents may not start yet, and idle agents that end for them.
import { afterAll, afterEach, beforeAll, beforeEach, expect, test } from 'vitest';
import { type ChatsHost, type ChatsHostOptions, openChatsHost } from '../../test/support/chats-host.ts';
import { createGate } from '../../test/support/gate.ts';
import { ManualClock } from '../../test/support/manual-clock.ts';
import { createTestDatabase, type TestDatabase } from '../../test/support/postgres.ts';
import { finished, said, ScriptedBackend } from '../../test/support/scripted-backend.ts';
import { until } from '../../test/support/until.ts';

const mb = 1024 * 1024;
const startLimits = { startsAtOnce: 1, agentBytes: 250 * mb, reserveBytes: 500 * mb };
let database: TestDatabase;
let here: ChatsHost;
let clock: ManualClock;
let availableMb: number;
const readMemory = () => ({ totalBytes: 4_000 * mb, availableBytes: availableMb * mb, stalledPercent: 0 });
const open = (options: ChatsHostOptions = {}): Promise<ChatsHost> =>
  openChatsHost(database.url, { clock, startLimits, readMemory, ...options });

beforeAll(async () => {
  database = await createTestDatabase();
});
afterAll(() => database.drop());
beforeEach(async () => {
  clock = new ManualClock();
  availableMb = 4_000;
  here = await open();
});
afterEach(() => here.close());

/** A chat whose prompt waits for memory. */
async function openWaiting(): Promise<string> {
  const { id } = await here.createChat();
  availableMb = 600;
  await here.chats.submitPrompt(id, { content: 'go', id: 'p1' });
  await until(async () => (await here.chats.getChat(id)).waitsFor?.for === 'memory');
  return id;
}

/** A chat with a warm agent and nothing to do. */
async function openIdle(): Promise<string> {
  const { id } = await here.createChat();
  await here.chats.submitPrompt(id, { content: 'go' });
  await here.events(id, 'turn_finished');
  await until(() => here.host.find(id)?.idleAgent);
  return id;
}

const waitingPrompts = async (id: string): Promise<number> => (await here.chats.getChat(id)).waiting;
const startsOf = async (id: string): Promise<number> => {
  const [row] = await database.sql`select starts from boocode.prompts where chat_id = ${id}`;
  return row!['starts'] as number;
};

test('AGENT-43 AGENT-44: a prompt waits in the open until there is memory, which counts as no attempt', async () => {
  const id = await openWaiting();
  const { state, waitsFor, waiting, hold } = await here.chats.getChat(id);
  expect({ state, waiting, hold }).toEqual({ state: 'warming', waiting: 1, hold: null });
  expect(waitsFor).toMatchObject({ for: 'memory', place: 1, what: expect.stringContaining('1 of 1 in line') });
  expect([here.backend.opened.length, await startsOf(id)]).toEqual([0, 0]);
  expect(here.chats.info()).toMatchObject({ warmChats: 0, startingAgents: 0, waitingStarts: 1 });

  availableMb = 4_000;
  clock.advance(1_000);
  await here.events(id, 'turn_finished');
  expect((await here.chats.getChat(id)).waitsFor).toBeNull();
  expect(here.chats.info()).toMatchObject({ warmChats: 1, startingAgents: 0, waitingStarts: 0 });
});

test('AGENT-43: prompts of other chats wait for their turn to start, which the live lists hear of', async () => {
  const gate = createGate();
  here.backend.beforeOpen = () => gate.pass();
  const ids = await Promise.all([1, 2, 3].map(async () => (await here.createChat()).id));
  const heard: (number | undefined)[] = [];
  here.host.notifier.observe((change) => {
    if (change.chatId === ids[2]) heard.push(here.host.find(ids[2])?.view.waitsFor?.place);
  });
  for (const id of ids) {
    await here.chats.submitPrompt(id, { content: 'go' });
    await until(() => here.host.find(id)?.state === 'warming');
  }
  await until(() => here.host.find(ids[2]!)?.view.waitsFor?.place === 2);
  expect(here.host.find(ids[0]!)?.view.waitsFor).toBeNull();
  gate.open();
  for (const id of ids) await here.events(id, 'turn_finished');
  expect(heard).toContain(2);
});

test('AGENT-43: a place is free for the next start once the agent has shown that its request was made', async () => {
  const gate = createGate();
  here.backend.script = async function* ({ text }) {
    if (text === 'quiet') await gate.pass();
    yield said('Hello.');
    if (text === 'talks') await gate.pass();
    yield finished();
  };
  const [first, second, third] = await Promise.all([1, 2, 3].map(async () => (await here.createChat()).id));
  await here.chats.submitPrompt(first!, { content: 'talks' });
  await here.events(first!, 'agent_message');
  await here.chats.submitPrompt(second!, { content: 'quiet' });
  await here.events(second!, 'turn_started');
  await here.chats.submitPrompt(third!, { content: 'go' });
  await until(() => here.host.find(third!)?.view.waitsFor?.for === 'start');
  // A model that takes its time keeps nobody waiting for long.
  clock.advance(3_000);
  expect(await here.events(third!, 'turn_finished')).toMatchObject([{ outcome: 'completed' }]);
  gate.open();
});

test('AGENT-43: a person can interrupt a prompt that waits', async () => {
  const id = await openWaiting();
  expect(await here.chats.interrupt(id)).toMatchObject({ interrupted: true });
  expect(await here.events(id, 'turn_finished')).toMatchObject([{ outcome: 'interrupted' }]);
  expect(here.backend.opened).toHaveLength(0);
  expect((await here.chats.getChat(id)).waitsFor).toBeNull();
});

test('AGENT-43: a person can cancel a prompt that waits, and then nothing waits any more', async () => {
  const id = await openWaiting();
  await here.chats.cancelPrompt(id, 'p1');
  await until(() => here.host.admission.waitingCount === 0);
  availableMb = 4_000;
  clock.advance(1_000);
  await until(() => here.host.find(id)?.state === 'cold');
  expect([here.backend.opened.length, (await here.chats.getChat(id)).waitsFor]).toEqual([0, null]);
});

test('AGENT-43: of two prompts one can be cancelled, and the other one keeps the place', async () => {
  const id = await openWaiting();
  await here.chats.submitPrompt(id, { content: 'second' });
  await here.chats.cancelPrompt(id, 'p1');
  expect(here.host.admission.waitingCount).toBe(1);
  availableMb = 4_000;
  clock.advance(1_000);
  await here.events(id, 'turn_finished');
  expect((await here.events(id, 'turn_started')).flatMap(({ promptIds }) => promptIds)).not.toContain('p1');
});

test('AGENT-43: a flip does not wait with the prompt, which keeps its place', async () => {
  await here.close();
  here = await open({ other: new ScriptedBackend(undefined, 'claude_pty') });
  const id = await openWaiting();
  const { id: other } = await here.createChat();
  await here.chats.submitPrompt(other, { content: 'go' });
  await until(() => here.host.find(other)?.view.waitsFor?.place === 2);
  expect(await here.chats.patchChat(id, { backend: 'claude_pty' })).toMatchObject({ backend: 'claude_pty' });
  await until(() => here.host.find(id)?.view.waitsFor?.place === 1);
  expect(await startsOf(id)).toBe(0);
});

test('AGENT-44: a host that stops does not wait, and the next one runs the prompt', async () => {
  const id = await openWaiting();
  await here.close();
  availableMb = 4_000;
  here = await open();
  await here.events(id, 'turn_finished');
  expect((await here.events(id, 'turn_started'))[0]?.promptIds).toEqual(['p1']);
});

test('AGENT-44: a host that is killed loses nothing that waits', async () => {
  const id = await openWaiting();
  await here.kill();
  await database.sql`update boocode.chats set lease_until = clock_timestamp() - interval '1 s' where id = ${id}`;
  availableMb = 4_000;
  here = await open();
  await here.events(id, 'turn_finished');
  expect((await here.events(id, 'turn_started'))[0]?.promptIds).toEqual(['p1']);
});

test('AGENT-45: the coldest agent ends for a prompt that needs its memory, and its chat is released', async () => {
  const old = await openIdle();
  clock.advance(2_000);
  const young = await openIdle();
  here.backend.beforeClose = () => void (availableMb += 250);
  availableMb = 600;
  const { id } = await here.createChat();
  await here.chats.submitPrompt(id, { content: 'go' });
  await here.events(id, 'turn_finished');
  await until(() => here.host.find(old) === undefined);
  expect(here.host.find(young)?.state).toBe('ready');
  expect(await waitingPrompts(id)).toBe(0);
});

test('AGENT-45: no agent ends that has a turn, a question or work of its own', async () => {
  const gate = createGate();
  here.backend.script = async function* (turn) {
    const { text } = turn;
    if (text === 'works') await gate.pass();
    if (text === 'asks') yield* turn.ask({});
    yield finished();
  };
  const [works, asks, background] = await Promise.all([1, 2, 3].map(async () => (await here.createChat()).id));
  await here.chats.submitPrompt(works!, { content: 'works' });
  await here.events(works!, 'turn_started');
  clock.advance(3_000);
  await here.chats.submitPrompt(asks!, { content: 'asks' });
  await here.events(asks!, 'decision_requested');
  await here.chats.submitPrompt(background!, { content: 'go' });
  await here.events(background!, 'turn_finished');
  here.backend.busy.add(background!);
  const id = await openWaiting();
  expect((await here.chats.getChat(id)).waitsFor?.what).toContain('no other agent is idle');
  expect([works, asks, background].map((each) => here.host.find(each!)?.state)).toEqual([
    'running',
    'waiting',
    'ready',
  ]);
  gate.open();
  here.backend.busy.clear();
  here.backend.beforeClose = () => void (availableMb += 250);
  clock.advance(1_000);
  await here.events(id, 'turn_finished');
});

test('AGENT-46: what was started ahead ends first, and starts only where there is room', async () => {
  const old = await openIdle();
  const { id: ahead } = await here.createChat();
  await here.chats.warmAhead(ahead);
  await until(() => here.host.find(ahead)?.idleAgent);
  availableMb = 600;
  const { id: another } = await here.createChat();
  expect(await here.chats.warmAhead(another)).toEqual({ state: 'cold' });
  await until(() => here.host.find(another)?.idleAgent === null);
  here.backend.beforeClose = () => void (availableMb += 250);
  const { id } = await here.createChat();
  await here.chats.submitPrompt(id, { content: 'go' });
  await here.events(id, 'turn_finished');
  await until(() => here.host.find(ahead) === undefined);
  expect(here.host.find(old)?.state).toBe('ready');
  expect(here.backend.opened.map(({ chatId }) => chatId)).not.toContain(another);
});
