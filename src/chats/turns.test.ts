import { randomUUID } from 'node:crypto';
import { afterAll, afterEach, beforeAll, beforeEach, describe, expect, test } from 'vitest';
import { assertDense, assertTurnsFinished, type ChatsHost, openChatsHost } from '../../test/support/chats-host.ts';
import { createGate, type Gate } from '../../test/support/gate.ts';
import { createTestDatabase, type TestDatabase } from '../../test/support/postgres.ts';
import { finished, said } from '../../test/support/scripted-backend.ts';
import { until } from '../../test/support/until.ts';
import { BooError } from '../protocol/error.ts';

let database: TestDatabase;
let here: ChatsHost;
beforeAll(async () => {
  database = await createTestDatabase();
});
afterAll(() => database.drop());
beforeEach(async () => {
  here = await openChatsHost(database.url);
});
afterEach(async () => {
  // Whatever a test did, no turn is left open and no log has a gap.
  const { items } = await here.chats.listChats({ limit: 100 });
  for (const { id } of items) {
    const log = await here.log(id);
    assertDense(log);
    assertTurnsFinished(log);
  }
  await here.close();
});

/** Turns of `hold` wait at the gate; all others are answered at once. */
function holdTurns(): Gate {
  const gate = createGate();
  here.backend.script = async function* (turn) {
    yield said(`About ${turn.text}`);
    if (turn.text === 'hold') await gate.pass();
    yield finished();
  };
  return gate;
}

const outcomes = async (id: string): Promise<string[]> =>
  (await here.log(id)).flatMap((event) => (event.type === 'turn_finished' ? [event.outcome] : []));
const stateOf = async (id: string): Promise<string> => (await here.chats.getChat(id)).state;

describe('an interrupt', () => {
  test('TURN-3: ends the running turn as interrupted, and waiting prompts still run', async () => {
    const gate = holdTurns();
    const { id } = await here.createChat();
    for (const content of ['hold', 'two', 'three']) await here.chats.submitPrompt(id, { content });
    await gate.reached;
    expect(await stateOf(id)).toBe('running');
    const answer = await here.chats.interrupt(id);
    const [begun] = await here.events(id, 'turn_started');
    expect(answer).toEqual({ interrupted: true, turnId: begun!.turnId });
    await here.events(id, 'turn_finished', 3);
    expect(await outcomes(id)).toEqual(['interrupted', 'completed', 'completed']);
    await until(async () => (await stateOf(id)) === 'ready');
    expect(await here.chats.interrupt(id)).toEqual({ interrupted: false, turnId: null });
    expect(here.backend.opened).toHaveLength(1);
  });

  test('TURN-3: while the agent starts, keeps the prompt from reaching it', async () => {
    const gate = createGate();
    here.backend.beforeOpen = () => gate.pass();
    const { id } = await here.createChat();
    await here.chats.submitPrompt(id, { content: 'never' });
    await gate.reached;
    expect(await stateOf(id)).toBe('warming');
    expect(await here.chats.interrupt(id)).toMatchObject({ interrupted: true });
    gate.open();
    await here.events(id, 'turn_finished');
    expect(await outcomes(id)).toEqual(['interrupted']);
    expect((await here.log(id)).some((event) => event.type === 'agent_message')).toBe(false);
    await here.chats.submitPrompt(id, { content: 'now' });
    await here.events(id, 'turn_finished', 2);
    expect(await outcomes(id)).toEqual(['interrupted', 'completed']);
  });

  test('TURN-3: while the start of the turn is being stored, keeps the prompt from reaching the agent', async () => {
    const { id } = await here.createChat();
    await here.chats.submitPrompt(id, { content: 'one' });
    await here.events(id, 'turn_finished');
    await until(async () => (await stateOf(id)) === 'ready');
    const gate = createGate();
    const blocker = database.sql.begin(async (tx) => {
      await tx`lock table boocode.turns in share mode`;
      await gate.pass();
    });
    await gate.reached;
    const submitted = here.chats.submitPrompt(id, { content: 'two' });
    await until(() => here.host.find(id)?.state === 'running');
    expect(await here.chats.interrupt(id)).toMatchObject({ interrupted: true });
    gate.open();
    await blocker;
    expect(await submitted).toMatchObject({ created: true });
    await here.events(id, 'turn_finished', 2);
    expect(await outcomes(id)).toEqual(['completed', 'interrupted']);
    expect((await here.log(id)).filter((event) => event.type === 'agent_message')).toHaveLength(1);
  });

  test('does nothing for a chat at rest, and fails for a missing one', async () => {
    const { id } = await here.createChat();
    expect(await here.chats.interrupt(id)).toEqual({ interrupted: false, turnId: null });
    await expect(here.chats.interrupt(randomUUID())).rejects.toMatchObject({ code: 'not_found' });
  });
});

describe('a turn that fails', () => {
  const failures: [string, () => void, object][] = [
    [
      'the agent says so',
      () => {
        here.backend.script = async function* () {
          yield finished('failed', { error: { code: 'model_error', message: 'Overloaded.' } });
        };
      },
      { code: 'model_error', message: 'Overloaded.' },
    ],
    [
      'the backend throws',
      () => {
        here.backend.script = async function* () {
          yield said('So far, so good.');
          throw new BooError('agent_failed', 'It broke.');
        };
      },
      { code: 'agent_failed', message: 'It broke.' },
    ],
    [
      'the stream stops short',
      () => {
        here.backend.script = async function* () {
          yield said('And then');
        };
      },
      { code: 'agent_failed' },
    ],
  ];
  test.each(failures)(
    'TURN-1 TURN-5: ends with a code and a message, and the chat continues, when %s',
    async (_, fail, error) => {
      const { script, beforeOpen } = here.backend;
      const { id } = await here.createChat();
      fail();
      await here.chats.submitPrompt(id, { content: 'one' });
      const [end] = await here.events(id, 'turn_finished');
      expect(end).toMatchObject({ outcome: 'failed', error });
      Object.assign(here.backend, { script, beforeOpen });
      await here.chats.submitPrompt(id, { content: 'two' });
      await here.events(id, 'turn_finished', 2);
      expect(await outcomes(id)).toEqual(['failed', 'completed']);
    },
  );

  test('TURN-1 AGENT-2: a process lost in the middle of a turn fails the turn, and the next prompt opens another', async () => {
    const gate = holdTurns();
    const { id } = await here.createChat();
    for (const content of ['hold', 'two']) await here.chats.submitPrompt(id, { content });
    await gate.reached;
    here.backend.lose(id);
    await here.events(id, 'turn_finished', 2);
    expect(await outcomes(id)).toEqual(['failed', 'completed']);
    expect(here.backend.opened.map((spec) => spec.sessionId)).toEqual(
      Array.from({ length: 2 }, () => here.backend.opened[0]?.sessionId),
    );
  });

  test('AGENT-2: a process lost between turns leaves the chat cold, and the next prompt wakes it', async () => {
    const { id } = await here.createChat();
    await here.chats.submitPrompt(id, { content: 'one' });
    await here.events(id, 'turn_finished');
    await until(async () => (await stateOf(id)) === 'ready');
    here.backend.lose(id);
    expect(await stateOf(id)).toBe('cold');
    expect(here.chats.info().warmChats).toBe(0);
    await here.chats.submitPrompt(id, { content: 'two' });
    await here.events(id, 'turn_finished', 2);
    expect(await outcomes(id)).toEqual(['completed', 'completed']);
    expect(here.backend.opened).toHaveLength(2);
  });
});

test('PROMPT-6: a chat whose backend is unavailable holds its queue, and can be interrupted, drained and deleted', async () => {
  const [one, two] = [await here.createChat(), await here.createChat()];
  // As if the chats were created on a host that has this backend.
  await here.sql`update boocode.chats set backend = 'claude_pty'`;
  for (const { id } of [one, two]) {
    await here.chats.submitPrompt(id, { content: 'go' });
    const [held] = await here.events(id, 'queue_held');
    expect(held).toMatchObject({ reason: 'agent', message: 'claude_pty is not here. Or use claude_sdk.' });
    expect(await here.chats.interrupt(id)).toEqual({ interrupted: false, turnId: null });
  }
  await here.chats.patchChat(one.id, { permissionMode: 'plan' });
  await here.chats.deleteChat(one.id);
  await here.host.drain();
  const [row] = await database.sql`select owner_host from boocode.chats where id = ${two.id}`;
  expect(row).toEqual({ owner_host: null });
});

describe('cost', () => {
  test('TURN-4: each turn’s share is added once, per model, also across a restart', async () => {
    const usage = { inputTokens: 3, outputTokens: 5, cacheReadInputTokens: 7, cacheCreationInputTokens: 11 };
    const models = { 'model-a': { ...usage, costUsd: 0.25 }, 'model\u0000b': { ...usage, costUsd: 0.5 } };
    const script = async function* () {
      yield finished('completed', { usage, costUsd: 0.75, models });
    };
    here.backend.script = script;
    const { id } = await here.createChat();
    for (const content of ['one', 'two']) await here.chats.submitPrompt(id, { content });
    await here.events(id, 'turn_finished', 2);
    await here.close();
    here = await openChatsHost(database.url);
    here.backend.script = script;
    await here.chats.submitPrompt(id, { content: 'three' });
    const ends = await here.events(id, 'turn_finished', 3);
    for (const end of ends) expect(end).toMatchObject({ usage, costUsd: 0.75 });
    expect((await here.chats.getChat(id)).costUsd).toBe(2.25);
    const [row] = await database.sql<{ model_usage: string }[]>`
      select model_usage from boocode.agent_sessions where chat_id = ${id}`;
    const tripled = Object.fromEntries(Object.entries(usage).map(([name, count]) => [name, count * 3]));
    expect(JSON.parse(row!.model_usage)).toEqual({
      'model-a': { ...tripled, costUsd: 0.75 },
      'model\u2400b': { ...tripled, costUsd: 1.5 },
    });
  });
});

describe('turns that the agent starts by itself', () => {
  test('TURN-1: are recorded like others, without a prompt, one at a time', async () => {
    const gate = holdTurns();
    const { id } = await here.createChat();
    await here.chats.submitPrompt(id, { content: 'hold' });
    await gate.reached;
    gate.open();
    await here.events(id, 'turn_finished');
    here.backend.beginUnprompted(id, async function* () {
      yield said('A task has ended.');
      yield finished('completed', { costUsd: 1 });
    });
    await here.chats.submitPrompt(id, { content: 'two' });
    await here.events(id, 'turn_finished', 3);
    const log = await here.log(id);
    expect(log.flatMap((event) => (event.type === 'turn_started' ? [event.promptIds.length] : []))).toEqual([1, 0, 1]);
    expect((await here.chats.getChat(id)).costUsd).toBe(1);
  });

  test('TURN-3: can be interrupted', async () => {
    holdTurns();
    const { id } = await here.createChat();
    await here.chats.submitPrompt(id, { content: 'one' });
    await here.events(id, 'turn_finished');
    const gate = createGate();
    here.backend.beginUnprompted(id, async function* () {
      await gate.pass();
      yield finished();
    });
    await here.events(id, 'turn_started', 2);
    await gate.reached;
    expect(await here.chats.interrupt(id)).toMatchObject({ interrupted: true });
    await here.events(id, 'turn_finished', 2);
    expect(await outcomes(id)).toEqual(['completed', 'interrupted']);
  });

  test('LOG-1: what the agent says between turns is recorded without a turn', async () => {
    holdTurns();
    const { id } = await here.createChat();
    await here.chats.submitPrompt(id, { content: 'one' });
    await here.events(id, 'turn_finished');
    here.backend.tell(id, { type: 'notice', level: 'info', code: 'task_ended', message: 'Done.' });
    const sessionId = randomUUID();
    here.backend.tell(id, { type: 'session_started', sessionId, backend: 'claude_sdk', model: 'another' });
    const [notice] = await here.events(id, 'notice');
    expect(notice).not.toHaveProperty('turnId');
    await here.events(id, 'session_started', 2);
    const [row] = await database.sql`select session_id, model from boocode.agent_sessions where chat_id = ${id}`;
    expect(row).toEqual({ session_id: sessionId, model: 'another' });
  });
});

test('AGENT-2: a new session that the agent started itself is the one that is resumed', async () => {
  const begun = randomUUID();
  here.backend.script = async function* (turn) {
    if (turn.text === '/clear') {
      yield { type: 'session_started', sessionId: begun, backend: 'claude_sdk', model: null };
    }
    yield finished();
  };
  const { id } = await here.createChat();
  await here.chats.submitPrompt(id, { content: '/clear' });
  await here.events(id, 'turn_finished');
  await until(async () => (await stateOf(id)) === 'ready');
  here.backend.lose(id);
  await here.chats.submitPrompt(id, { content: 'two' });
  await here.events(id, 'turn_finished', 2);
  expect(here.backend.opened[0]?.sessionId).not.toBe(begun);
  expect(here.backend.opened[1]?.sessionId).toBe(begun);
});

test.each([
  [{ model: 'other' }, { model: null }],
  [{ effort: 'low' }, { effort: null }],
  [{ permissionMode: 'plan' }, { permissionMode: 'default' }],
  [{ acceptsAgentMessages: true }, { acceptsAgentMessages: false }],
] as const)('AGENT-11: %j set while the agent starts applies to the turn it starts for', async (patch, before) => {
  const start = createGate();
  here.backend.beforeOpen = () => start.pass();
  const { id } = await here.createChat();
  await here.chats.submitPrompt(id, { content: 'one' });
  await start.reached;
  here.backend.beforeOpen = () => {};
  await here.chats.patchChat(id, patch);
  start.open();
  await here.events(id, 'turn_finished');
  expect(here.backend.opened).toMatchObject([before, patch]);
});

describe('in the middle of a turn', () => {
  test('the permission mode and the model change at once, trust with the next process', async () => {
    const gate = holdTurns();
    const { id } = await here.createChat();
    await here.chats.submitPrompt(id, { content: 'hold' });
    await gate.reached;
    await here.chats.patchChat(id, { permissionMode: 'plan', model: 'other', title: 'New', trusted: true });
    expect(here.backend.sessions.get(id)).toMatchObject({ permissionMode: 'plan', model: 'other' });
    expect(here.backend.opened).toHaveLength(1);
    gate.open();
    await here.events(id, 'turn_finished');
    await here.chats.submitPrompt(id, { content: 'two' });
    await here.events(id, 'turn_finished', 2);
    expect(here.backend.opened).toMatchObject([
      { trusted: false, permissionMode: 'default', model: null },
      { trusted: true, permissionMode: 'plan', model: 'other' },
    ]);
    expect(await here.chats.getChat(id)).toMatchObject({
      title: 'New',
      trusted: true,
      permissionMode: 'plan',
      model: 'other',
    });
    const updates = await here.events(id, 'chat_updated', 2);
    expect(updates.at(-1)).toMatchObject({ permissionMode: 'plan', model: 'other', title: 'New', trusted: true });
    expect(await outcomes(id)).toEqual(['completed', 'completed']);
  });

  test('AGENT-11: accepting messages from other agents changes at once, in the same process', async () => {
    const gate = holdTurns();
    const { id } = await here.createChat();
    await here.chats.submitPrompt(id, { content: 'hold' });
    await gate.reached;
    for (const acceptsAgentMessages of [true, false]) {
      await here.chats.patchChat(id, { acceptsAgentMessages });
      expect(here.backend.sessions.get(id)).toMatchObject({ acceptsAgentMessages });
      expect(await here.chats.getChat(id)).toMatchObject({ acceptsAgentMessages });
    }
    gate.open();
    await here.events(id, 'turn_finished');
    expect(here.backend.opened).toMatchObject([{ acceptsAgentMessages: false }]);
  });

  test('a setting that the agent refuses is reported, stored, and applied from the next process on', async () => {
    const gate = holdTurns();
    const { id } = await here.createChat();
    await here.chats.submitPrompt(id, { content: 'hold' });
    await gate.reached;
    here.backend.setPermissionMode = () => Promise.reject(new BooError('agent_failed', 'Not now.'));
    await here.chats.patchChat(id, { permissionMode: 'bypassPermissions' });
    expect(await here.events(id, 'notice')).toMatchObject([{ code: 'setting_deferred' }]);
    gate.open();
    await here.events(id, 'turn_finished');
    await here.chats.submitPrompt(id, { content: 'two' });
    await here.events(id, 'turn_finished', 2);
    expect(here.backend.opened.at(-1)).toMatchObject({ permissionMode: 'bypassPermissions' });
  });

  test('AGENT-16: the chat takes on the permission mode that the agent reports, even if it asked for another', async () => {
    const gate = holdTurns();
    const { id } = await here.createChat();
    await here.chats.submitPrompt(id, { content: 'hold' });
    await gate.reached;
    here.backend.setPermissionMode = () => Promise.resolve('plan');
    await here.chats.patchChat(id, { permissionMode: 'auto' });
    expect(await here.chats.getChat(id)).toMatchObject({ permissionMode: 'plan' });
    expect(await here.events(id, 'current_mode_update')).toMatchObject([{ permissionMode: 'plan' }]);
    gate.open();
    await here.events(id, 'turn_finished');
  });

  test('deleting the chat ends the turn, the session and the readers, and leaves nothing behind', async () => {
    const gate = holdTurns();
    const { id } = await here.createChat();
    const reader = await here.follow(id);
    for (const content of ['hold', 'two']) await here.chats.submitPrompt(id, { content });
    await gate.reached;
    const during = here.chats.deleteChat(id);
    await during;
    await reader.ended;
    expect(reader.events.at(-1)).toMatchObject({ type: 'turn_finished', outcome: 'interrupted' });
    expect(here.backend.sessions.size).toBe(0);
    for (const question of [
      () => here.chats.getChat(id),
      () => here.chats.submitPrompt(id, { content: 'x' }),
      () => here.chats.follow(id, { after: 0 }),
      () => here.chats.deleteChat(id),
    ]) {
      await expect(question()).rejects.toMatchObject({ code: 'not_found' });
    }
    for (const table of ['events', 'prompts', 'turns', 'decisions', 'agent_sessions']) {
      expect(await database.sql`select from ${database.sql(table)} where chat_id = ${id}`).toHaveLength(0);
    }
    expect(await database.sql`select from boocode.claude_session_entries where project_key = ${id}`).toHaveLength(0);
    expect(await database.sql`select from boocode.claude_session_summaries where project_key = ${id}`).toHaveLength(0);
  });

  test('deleting the chat removes every session its agent ever had', async () => {
    const begun = randomUUID();
    here.backend.script = async function* () {
      yield { type: 'session_started', sessionId: begun, backend: 'claude_sdk', model: null };
      yield finished();
    };
    const { id } = await here.createChat();
    await here.chats.submitPrompt(id, { content: '/clear' });
    await here.events(id, 'turn_finished');
    const [first] = here.backend.opened;
    await here.chats.deleteChat(id);
    expect(here.agent.removed.toSorted()).toEqual([first!.sessionId, begun].toSorted());
  });

  test('a prompt that arrives while its chat is being deleted is refused', async () => {
    holdTurns();
    const { id } = await here.createChat();
    await here.chats.submitPrompt(id, { content: 'one' });
    await here.events(id, 'turn_finished');
    const gate = createGate();
    here.backend.beforeClose = () => gate.pass();
    const deleting = here.chats.deleteChat(id);
    await gate.reached;
    await expect(here.chats.submitPrompt(id, { content: 'late' })).rejects.toBeInstanceOf(BooError);
    gate.open();
    await deleting;
    await expect(here.chats.getChat(id)).rejects.toMatchObject({ code: 'not_found' });
  });

  test('TURN-1 PROMPT-4: draining the host ends the turn as interrupted, and leaves waiting prompts to the next host', async () => {
    const gate = holdTurns();
    const { id } = await here.createChat();
    const reader = await here.follow(id);
    for (const content of ['hold', 'two']) await here.chats.submitPrompt(id, { content });
    await gate.reached;
    await Promise.all([here.host.drain(), here.host.drain()]);
    await reader.ended;
    expect(reader.events.at(-1)).toMatchObject({ type: 'turn_finished', outcome: 'interrupted' });
    expect(here.backend.sessions.size).toBe(0);
    await expect(here.chats.submitPrompt(id, { content: 'late' })).rejects.toMatchObject({ code: 'shutting_down' });
    await expect(here.chats.follow(id, { after: 0 })).rejects.toMatchObject({ code: 'shutting_down' });
    const [row] = await database.sql`select owner_host, lease_until from boocode.chats where id = ${id}`;
    expect(row).toEqual({ owner_host: null, lease_until: null });
    await here.close();
    here = await openChatsHost(database.url);
    await here.events(id, 'turn_finished', 2);
    expect(await outcomes(id)).toEqual(['interrupted', 'completed']);
  });

  test('AGENT-4: draining the host while an agent starts leaves no agent, and the prompt waits for the next host', async () => {
    const gate = createGate();
    here.backend.beforeOpen = () => gate.pass();
    const { id } = await here.createChat();
    await here.chats.submitPrompt(id, { content: 'one' });
    await gate.reached;
    const draining = here.host.drain();
    gate.open();
    await draining;
    expect(here.backend.sessions.size).toBe(0);
    expect(await outcomes(id)).toEqual([]);
    await here.close();
    here = await openChatsHost(database.url);
    await here.events(id, 'turn_finished');
    expect(await outcomes(id)).toEqual(['completed']);
  });
});
