import { afterAll, afterEach, beforeAll, beforeEach, describe, expect, test } from 'vitest';
import { assertDense, assertTurnsFinished, type ChatsHost, openChatsHost } from '../../test/support/chats-host.ts';
import { createGate, type Gate } from '../../test/support/gate.ts';
import { createTestDatabase, type TestDatabase } from '../../test/support/postgres.ts';
import { randomOf } from '../../test/support/random.ts';
import { finished, said } from '../../test/support/scripted-backend.ts';
import { until } from '../../test/support/until.ts';

let database: TestDatabase;
let here: ChatsHost;
let gate: Gate;
/** The prompts the agent received, in order. */
let asked: string[];
beforeAll(async () => {
  database = await createTestDatabase();
});
afterAll(() => database.drop());
beforeEach(async () => {
  here = await openChatsHost(database.url);
  gate = createGate();
  asked = [];
  // The first turn waits at the gate, so that what comes after it waits too.
  here.backend.script = async function* (turn) {
    asked.push(turn.text);
    if (turn.text === 'first') await gate.pass();
    yield said('Yes.');
    yield finished();
  };
});
afterEach(() => here.close());

/** A chat in the middle of its first turn, with these prompts waiting. */
async function busyChat(...waiting: string[]): Promise<string> {
  const { id } = await here.createChat();
  await here.chats.submitPrompt(id, { id: 'first', content: 'first' });
  await gate.reached;
  for (const each of waiting) await here.chats.submitPrompt(id, { id: each, content: each });
  return id;
}

async function waitingIn(chatId: string): Promise<string[]> {
  return (await here.chats.listPrompts(chatId)).items.map(({ promptId }) => promptId);
}

/** The prompts whose turns have started, according to the log. */
async function takenIn(chatId: string): Promise<string[]> {
  return (await here.log(chatId)).flatMap((event) => (event.type === 'turn_started' ? event.promptIds : []));
}

async function atRest(chatId: string): Promise<void> {
  await until(async () => {
    const { state, waiting } = await here.chats.getChat(chatId);
    return state === 'ready' && waiting === 0;
  });
  const log = await here.log(chatId);
  assertDense(log);
  assertTurnsFinished(log);
}

describe('waiting prompts', () => {
  test('are listed with their content', async () => {
    const id = await busyChat('a');
    await here.chats.submitPrompt(id, { id: 'b', content: [{ type: 'text', text: 'a\u0000b' }] });
    const { items } = await here.chats.listPrompts(id);
    expect(items).toMatchObject([{ promptId: 'a' }, { promptId: 'b', content: [{ type: 'text', text: 'a\u0000b' }] }]);
    expect((await here.chats.getChat(id)).waiting).toBe(2);
    gate.open();
    await atRest(id);
  });

  test('PROMPT-5: a cancelled prompt never runs, is reported once, and its id stays taken', async () => {
    const id = await busyChat('a', 'b', 'c');
    await Promise.all(Array.from({ length: 50 }, () => here.chats.cancelPrompt(id, 'b')));
    expect(await waitingIn(id)).toEqual(['a', 'c']);
    const again = await here.chats.submitPrompt(id, { id: 'b', content: 'b' });
    expect(again).toMatchObject({ created: false, receipt: { promptId: 'b' } });
    expect((await here.chats.getChat(id)).waiting).toBe(2);
    gate.open();
    await atRest(id);
    expect(asked).toEqual(['first', 'a', 'c']);
    const told = (await here.log(id)).filter(({ type }) => type === 'prompt_cancelled');
    expect(told).toMatchObject([{ promptId: 'b' }]);
    // A chat with nothing waiting runs the next prompt at once.
    await here.chats.submitPrompt(id, { id: 'd', content: 'd' });
    await atRest(id);
    expect(asked.at(-1)).toBe('d');
  });

  test('PROMPT-5: a prompt whose turn has started or ended cannot be cancelled or moved, nor can a missing one', async () => {
    const id = await busyChat('a');
    const taken = { code: 'prompt_taken' };
    await expect(here.chats.cancelPrompt(id, 'first')).rejects.toMatchObject(taken);
    await expect(here.chats.movePrompt(id, 'first', { before: null })).rejects.toMatchObject(taken);
    await expect(here.chats.cancelPrompt(id, 'x')).rejects.toMatchObject({ code: 'not_found' });
    await expect(here.chats.movePrompt(id, 'a', { before: 'first' })).rejects.toMatchObject({
      code: 'invalid_request',
      details: { field: 'before' },
    });
    gate.open();
    await atRest(id);
    await expect(here.chats.cancelPrompt(id, 'a')).rejects.toMatchObject(taken);
    expect((await here.log(id)).map(({ type }) => type)).not.toContain('prompts_reordered');
  });

  test('PROMPT-3: prompts run in the order they were moved to, and a later prompt goes last', async () => {
    const id = await busyChat('a', 'b', 'c', 'd');
    const moved = await here.chats.movePrompt(id, 'c', { before: 'a' });
    expect(moved.items.map(({ promptId }) => promptId)).toEqual(['c', 'a', 'b', 'd']);
    await here.chats.movePrompt(id, 'a', { before: null });
    await here.chats.movePrompt(id, 'a', { before: null });
    await here.chats.submitPrompt(id, { id: 'e', content: 'e' });
    expect(await waitingIn(id)).toEqual(['c', 'b', 'd', 'a', 'e']);
    gate.open();
    await atRest(id);
    expect(asked).toEqual(['first', 'c', 'b', 'd', 'a', 'e']);
    const told = (await here.log(id)).flatMap((event) => (event.type === 'prompts_reordered' ? [event.promptIds] : []));
    expect(told).toEqual([
      ['c', 'a', 'b', 'd'],
      ['c', 'b', 'd', 'a'],
    ]);
  });

  test('PROMPT-5: while the agent starts, its prompt can be cancelled and the others can be moved', async () => {
    const start = createGate();
    here.backend.beforeOpen = () => start.pass();
    const { id } = await here.createChat();
    for (const each of ['a', 'b', 'c']) await here.chats.submitPrompt(id, { id: each, content: each });
    await start.reached;
    await here.chats.cancelPrompt(id, 'a');
    await here.chats.movePrompt(id, 'c', { before: 'b' });
    start.open();
    await atRest(id);
    expect(asked).toEqual(['c', 'b']);
    expect(await takenIn(id)).toEqual(['c', 'b']);
  });

  test('PROMPT-5: the next host does not run a cancelled prompt, and keeps the order', async () => {
    const id = await busyChat('a', 'b', 'c');
    await here.chats.cancelPrompt(id, 'a');
    await here.chats.movePrompt(id, 'c', { before: 'b' });
    await here.kill();
    await database.sql`update boocode.chats set owner_host = null, lease_until = null where id = ${id}`;
    here = await openChatsHost(database.url);
    await until(async () => (await takenIn(id)).length === 3);
    await atRest(id);
    expect(await takenIn(id)).toEqual(['first', 'c', 'b']);
  });

  test.each(Array.from({ length: 8 }, (_, seed) => seed))(
    'PROMPT-5: fifty prompts that are cancelled while they start to run are each either cancelled or run (seed %i)',
    async (seed) => {
      const random = randomOf(seed);
      const names = Array.from({ length: 50 }, (_, at) => `p${at}`);
      const id = await busyChat(...names);
      gate.open();
      const cancelled: string[] = [];
      const refusals: unknown[] = [];
      await Promise.all(
        names.map(async (name) => {
          for (let pause = random() * 300; pause > 1; pause -= 1) await new Promise(setImmediate);
          try {
            await here.chats.cancelPrompt(id, name);
            cancelled.push(name);
          } catch (error) {
            refusals.push(error);
          }
        }),
      );
      for (const refusal of refusals) expect(refusal).toMatchObject({ code: 'prompt_taken' });
      await atRest(id);
      const taken = (await takenIn(id)).slice(1);
      expect([...taken, ...cancelled].toSorted()).toEqual(names.toSorted());
      expect(asked.slice(1)).toEqual(taken);
      const told = (await here.log(id)).flatMap((event) => (event.type === 'prompt_cancelled' ? [event.promptId] : []));
      expect(told.toSorted()).toEqual(cancelled.toSorted());
      expect(await waitingIn(id)).toEqual([]);
    },
  );
});
