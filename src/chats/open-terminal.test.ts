import { randomUUID } from 'node:crypto';
import { afterAll, afterEach, beforeAll, beforeEach, expect, test } from 'vitest';
import { createGate, type Gate } from '../../test/support/gate.ts';
import { ManualClock } from '../../test/support/manual-clock.ts';
import { createTestDatabase, type TestDatabase } from '../../test/support/postgres.ts';
import { isSettled, openTwoEngines, openWarmChat, story, type TwoEngines } from '../../test/support/two-engines.ts';
import { until } from '../../test/support/until.ts';
import { BooError } from '../protocol/error.ts';

const idleTimeoutMs = 1_000;
let database: TestDatabase;
let here: TwoEngines;
let clock: ManualClock;
let gate: Gate;
beforeAll(async () => {
  database = await createTestDatabase();
});
afterAll(() => database.drop());
beforeEach(async () => {
  gate = createGate();
  clock = new ManualClock();
  here = await openTwoEngines(database.url, gate, { clock, idleTimeoutMs });
});
afterEach(() => here.close());

const stateOf = (id: string) => here.host.find(id)?.state;

test('AGENT-9: opens the session of a cold chat without a turn, and uses the session of a ready chat at once', async () => {
  const { id } = await here.createChat({ backend: 'claude_pty' });
  const terminal = await here.chats.openTerminal(id);
  expect(terminal).toBe(here.pty.sessions.get(id)?.terminal);
  expect(stateOf(id)).toBe('ready');
  expect(await here.chats.openTerminal(id)).toBe(terminal);
  expect(here.pty.opened).toHaveLength(1);
  expect(await here.log(id)).toEqual([]);
  await here.chats.submitPrompt(id, { content: 'one' });
  await here.events(id, 'turn_finished');
  expect(await story(here, id)).toEqual(['claude_pty 1: one', 'completed']);
  expect(here.pty.opened).toHaveLength(1);
});

test('AGENT-9: opens at once in the middle of a turn, even when the session is due to be reopened', async () => {
  const { id } = await here.createChat({ backend: 'claude_pty' });
  await here.chats.submitPrompt(id, { content: 'hold' });
  await gate.reached;
  await here.chats.patchChat(id, { trusted: true });
  expect(await here.chats.openTerminal(id)).toBe(here.pty.sessions.get(id)?.terminal);
  gate.open();
  await here.events(id, 'turn_finished');
  await until(() => stateOf(id) === 'ready');
  // Between turns it is the terminal of a session with the new setting.
  await here.chats.openTerminal(id);
  expect(here.pty.opened.map((spec) => spec.trusted)).toEqual([false, true]);
});

test('AGENT-9: the agent starts once for a prompt and several terminals', async () => {
  const start = createGate();
  here.pty.beforeOpen = () => start.pass();
  const { id } = await here.createChat({ backend: 'claude_pty' });
  await here.chats.submitPrompt(id, { content: 'one' });
  await start.reached;
  const terminals = Array.from({ length: 5 }, () => here.chats.openTerminal(id));
  start.open();
  const [first, ...others] = await Promise.all(terminals);
  expect(first).toBe(here.pty.sessions.get(id)?.terminal);
  for (const other of others) expect(other).toBe(first);
  await here.events(id, 'turn_finished');
  expect(here.pty.opened).toHaveLength(1);
});

test('for a backend without a terminal, the error says how to flip, and nothing is started', async () => {
  const { id } = await here.createChat({ backend: 'claude_sdk' });
  const refused = here.chats.openTerminal(id);
  await expect(refused).rejects.toMatchObject({ code: 'terminal_unavailable' });
  await expect(refused).rejects.toThrow(/boocode flip <chat> --to claude_pty/);
  expect(here.sdk.opened).toHaveLength(0);
  await expect(here.chats.openTerminal(randomUUID())).rejects.toMatchObject({ code: 'not_found' });
});

test('an agent that fails to start reports why, and can be started later', async () => {
  here.pty.beforeOpen = () => {
    throw new BooError('agent_failed', 'No.');
  };
  const { id } = await here.createChat({ backend: 'claude_pty' });
  await expect(here.chats.openTerminal(id)).rejects.toMatchObject({ code: 'agent_failed' });
  expect(stateOf(id)).toBe('failed');
  here.pty.beforeOpen = () => {};
  await here.chats.openTerminal(id);
  expect(stateOf(id)).toBe('ready');
});

test('FLIP-5: in the middle of a flip, nobody gets a terminal of the old backend', async () => {
  const id = await openWarmChat(here);
  const end = createGate();
  here.sdk.beforeClose = () => end.pass();
  const flipped = here.chats.patchChat(id, { backend: 'claude_pty' });
  await end.reached;
  await expect(here.chats.openTerminal(id)).rejects.toMatchObject({ code: 'terminal_unavailable' });
  end.open();
  await flipped;
  await here.chats.openTerminal(id);
  const back = createGate();
  here.pty.beforeClose = () => back.pass();
  const flippedBack = here.chats.patchChat(id, { backend: 'claude_sdk' });
  await back.reached;
  const late = here.chats.openTerminal(id);
  const failure = late.catch((error: unknown) => error);
  expect(await isSettled(late)).toBe(false);
  back.open();
  await flippedBack;
  expect(await failure).toMatchObject({ code: 'terminal_unavailable' });
  expect(here.sdk.opened).toHaveLength(1);
});

test('AGENT-3: a chat does not go cold while someone watches its terminal, but does afterwards', async () => {
  const { id } = await here.createChat({ backend: 'claude_pty' });
  await here.chats.openTerminal(id);
  here.pty.busy.add(id);
  await until(() => clock.nextMs === idleTimeoutMs);
  for (let round = 0; round < 3; round += 1) clock.advance(idleTimeoutMs);
  expect(stateOf(id)).toBe('ready');
  here.pty.busy.delete(id);
  clock.advance(idleTimeoutMs);
  await until(() => here.host.find(id) === undefined);
  expect(here.pty.sessions.size).toBe(0);
});

test('a host that drains while the agent starts opens no terminal and leaves no session', async () => {
  const start = createGate();
  here.pty.beforeOpen = () => start.pass();
  const { id } = await here.createChat({ backend: 'claude_pty' });
  const asked = [here.chats.openTerminal(id), here.chats.openTerminal(id)].map((terminal) =>
    terminal.catch((error: unknown) => error),
  );
  await start.reached;
  const draining = here.host.drain();
  // A look for work may have to end first.
  await until(() => here.host.find(id)?.isStopped !== false, { what: 'the chat to stop' });
  start.open();
  await draining;
  // Either may have been the first.
  expect(await Promise.all(asked)).toContainEqual(expect.objectContaining({ code: 'shutting_down' }));
  expect(here.pty.sessions.size).toBe(0);
});
