// What one chat does with its clients' requests while something else happens.
import { realpath } from 'node:fs/promises';
import { tmpdir } from 'node:os';
import { afterAll, afterEach, beforeAll, beforeEach, expect, test } from 'vitest';
import { type ChatsHost, openChatsHost } from '../../test/support/chats-host.ts';
import { createGate } from '../../test/support/gate.ts';
import { ManualClock } from '../../test/support/manual-clock.ts';
import { createTestDatabase, type TestDatabase } from '../../test/support/postgres.ts';
import { finished } from '../../test/support/scripted-backend.ts';
import { until } from '../../test/support/until.ts';
import { BooError } from '../protocol/error.ts';

let database: TestDatabase;
let clock: ManualClock;
let here: ChatsHost;
beforeAll(async () => {
  database = await createTestDatabase();
});
afterAll(() => database.drop());
beforeEach(async () => {
  clock = new ManualClock();
  here = await openChatsHost(database.url, { clock });
});
afterEach(() => here.close());

const taken = async (id: string): Promise<string[]> =>
  (await here.log(id)).flatMap((event) => (event.type === 'turn_started' ? event.promptIds : []));

/** A chat whose prompt `a` has met a limit that resets in two seconds, while these waited. */
async function openHeldChat(...waiting: string[]): Promise<string> {
  const { id } = await here.createChat();
  await here.chats.patchChat(id, { resumeAtReset: true });
  await here.chats.submitPrompt(id, { id: 'first', content: 'first' });
  await here.events(id, 'turn_finished');
  await until(() => here.host.find(id)?.state === 'ready');
  const gate = createGate();
  const resetsAt = new Date(clock.now().getTime() + 2_000).toISOString();
  let isFree = false;
  here.backend.script = async function* () {
    await gate.pass();
    const error = { code: 'model_error', message: 'The limit is reached.' } as const;
    yield isFree ? finished() : finished('failed', { error, obstacle: { reason: 'usage_limit', resetsAt } });
  };
  for (const each of ['a', ...waiting]) await here.chats.submitPrompt(id, { id: each, content: each });
  gate.open();
  await here.events(id, 'queue_held');
  await until(() => here.host.find(id)?.state === 'ready' && clock.nextMs === 2_000);
  isFree = true;
  return id;
}

test('PROMPT-8: a prompt to a held queue waits for the reset, even if nothing else waits', async () => {
  const id = await openHeldChat();
  expect((await here.chats.submitPrompt(id, { id: 'c', content: 'c' })).receipt).toMatchObject({ held: true });
  expect(await taken(id)).toEqual(['first', 'a']);
  clock.advance(2_000);
  await here.events(id, 'turn_finished', 4);
  expect(await taken(id)).toEqual(['first', 'a', 'a', 'c']);
});

test('PROMPT-6: the time of a reset is forgotten once somebody has resumed the queue', async () => {
  const id = await openHeldChat('b');
  await here.chats.resumeQueue(id, { sendAgain: false });
  expect(clock.nextMs).toBeGreaterThan(2_000);
  await here.events(id, 'turn_finished', 3);
  expect(await taken(id)).toEqual(['first', 'a', 'b']);
});

test('PROMPT-3: a prompt that is moved before the one whose agent starts goes first', async () => {
  const gate = createGate();
  here.backend.beforeOpen = () => gate.pass();
  const { id } = await here.createChat();
  await here.chats.submitPrompt(id, { id: 'a', content: 'a' });
  await gate.reached;
  await here.chats.submitPrompt(id, { id: 'b', content: 'b' });
  await here.chats.movePrompt(id, 'b', { before: 'a' });
  gate.open();
  await here.events(id, 'turn_finished', 2);
  expect(await taken(id)).toEqual(['b', 'a']);
});

test('PROMPT-7: an agent that does not start holds the queue, even while more prompts come', async () => {
  const { id } = await here.createChat();
  let count = 0;
  here.backend.beforeOpen = async () => {
    count += 1;
    await here.chats.submitPrompt(id, { id: `p${count}`, content: 'more' });
    throw new BooError('agent_failed', 'It does not start.');
  };
  await here.chats.submitPrompt(id, { id: 'p', content: 'go' });
  const [held] = await here.events(id, 'queue_held');
  expect(held).toMatchObject({ message: 'It does not start.' });
  expect(count).toBe(2);
});

test('a setting that needs no new process can be changed in the middle of a turn, even while a move waits for its end', async () => {
  const gate = createGate();
  here.backend.script = async function* () {
    await gate.pass();
    yield finished();
  };
  const { id } = await here.createChat();
  await here.chats.submitPrompt(id, { content: 'go' });
  await gate.reached;
  const moved = here.chats.patchChat(id, { cwd: await realpath(tmpdir()), running: 'finish' });
  // Once it waits, even a move that changes nothing has to.
  await until(() =>
    here.chats.patchChat(id, { cwd: here.cwd }).then(
      () => false,
      () => true,
    ),
  );
  expect(await here.chats.patchChat(id, { title: 'Named' })).toMatchObject({ title: 'Named', cwd: here.cwd });
  gate.open();
  expect(await moved).toMatchObject({ title: 'Named', cwd: await realpath(tmpdir()) });
});
