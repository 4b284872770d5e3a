// Flips that race with the start or end of the agent, and flips that race with each other.
import { afterAll, afterEach, beforeAll, beforeEach, describe, expect, test } from 'vitest';
import { assertDense, assertTurnsFinished } from '../../test/support/chats-host.ts';
import { createGate, type Gate } from '../../test/support/gate.ts';
import { createTestDatabase, type TestDatabase } from '../../test/support/postgres.ts';
import {
  isSettled,
  openTwoEngines,
  openWarmChat,
  storedBackend,
  story,
  type TwoEngines,
} from '../../test/support/two-engines.ts';
import type { BackendName, RunningChoice } from '../protocol/chat.ts';
import { BooError, toBooError } from '../protocol/error.ts';

let database: TestDatabase;
let here: TwoEngines;
let gate: Gate;
beforeAll(async () => {
  database = await createTestDatabase();
});
afterAll(() => database.drop());
beforeEach(async () => {
  gate = createGate();
  here = await openTwoEngines(database.url, gate);
});
afterEach(() => here.close());

async function send(chatId: string, ...prompts: string[]): Promise<void> {
  for (const content of prompts) await here.chats.submitPrompt(chatId, { content });
}

const flip = (id: string, backend: BackendName, running?: RunningChoice) =>
  here.chats.patchChat(id, { backend, ...(running === undefined ? {} : { running }) });
const turns = (id: string, count: number) => here.events(id, 'turn_finished', count);

describe('while the agent starts or ends', () => {
  test('FLIP-4: a prompt that waits for the agent to start runs once, on the new backend', async () => {
    const start = createGate();
    here.sdk.beforeOpen = () => start.pass();
    const { id } = await here.createChat();
    await send(id, 'one', 'two');
    await start.reached;
    const flipped = flip(id, 'claude_pty');
    expect(await isSettled(flipped)).toBe(false);
    start.open();
    await flipped;
    await turns(id, 2);
    expect(await story(here, id)).toEqual([
      '-> claude_pty',
      'claude_pty 1: one',
      'completed',
      'claude_pty 2: two',
      'completed',
    ]);
    expect([here.sdk.opened.length, here.sdk.closed, here.pty.opened.length]).toEqual([1, 1, 1]);
  });

  test('FLIP-4: a prompt whose agent fails to start does not fail but runs on the new backend', async () => {
    const start = createGate();
    here.sdk.beforeOpen = async () => {
      await start.pass();
      throw new BooError('agent_login_required', 'Sign in.');
    };
    const { id } = await here.createChat();
    await send(id, 'one');
    await start.reached;
    const flipped = flip(id, 'claude_pty');
    start.open();
    await flipped;
    await turns(id, 1);
    expect(await story(here, id)).toEqual(['-> claude_pty', 'claude_pty 1: one', 'completed']);
  });

  test('TURN-3: a prompt that was interrupted while its agent started stays interrupted', async () => {
    const start = createGate();
    here.sdk.beforeOpen = () => start.pass();
    const { id } = await here.createChat();
    await send(id, 'never');
    await start.reached;
    await here.chats.interrupt(id);
    const flipped = flip(id, 'claude_pty');
    start.open();
    await flipped;
    expect(await story(here, id)).toEqual(['interrupted', '-> claude_pty']);
  });

  test('FLIP-1 FLIP-2 FLIP-4: the flip is stored only after a slow close has finished, and no prompt is lost', async () => {
    const id = await openWarmChat(here);
    const end = createGate();
    here.sdk.beforeClose = () => end.pass();
    const flipped = flip(id, 'claude_pty');
    await end.reached;
    await send(id, 'two', 'three');
    const second = flip(id, 'claude_pty');
    expect(await storedBackend(database, id)).toBe('claude_sdk');
    expect((await here.chats.getChat(id)).backend).toBe('claude_sdk');
    expect(here.pty.opened).toHaveLength(0);
    end.open();
    await Promise.all([flipped, second]);
    await turns(id, 3);
    expect((await story(here, id)).slice(2)).toEqual([
      '-> claude_pty',
      'claude_pty 2: two',
      'completed',
      'claude_pty 3: three',
      'completed',
    ]);
  });

  test('FLIP-1: a failed close fails the flip, and the chat continues on its old backend', async () => {
    const id = await openWarmChat(here);
    here.sdk.beforeClose = (chatId) => {
      here.sdk.beforeClose = () => {};
      here.sdk.sessions.delete(chatId);
      throw new BooError('agent_failed', 'The transcript could not be stored.');
    };
    await expect(flip(id, 'claude_pty')).rejects.toMatchObject({ code: 'agent_failed' });
    expect(await storedBackend(database, id)).toBe('claude_sdk');
    await send(id, 'two');
    await turns(id, 2);
    expect((await story(here, id)).slice(2)).toEqual(['claude_sdk 2: two', 'completed']);
  });

  test('a setting changed while the agent starts applies to the very next turn', async () => {
    const start = createGate();
    here.sdk.beforeOpen = () => start.pass();
    const { id } = await here.createChat();
    await send(id, 'one');
    await start.reached;
    await here.chats.patchChat(id, { model: 'other' });
    start.open();
    await turns(id, 1);
    expect(here.sdk.sessions.get(id)).toMatchObject({ model: 'other' });
  });
});

describe('concurrent flips', () => {
  test('FLIP-5: two to the same backend are one flip; two to different backends happen one after the other', async () => {
    const id = await openWarmChat(here);
    const answers = await Promise.all([flip(id, 'claude_pty'), flip(id, 'claude_pty')]);
    expect(answers.map((chat) => chat.backend)).toEqual(['claude_pty', 'claude_pty']);
    expect((await story(here, id)).slice(2)).toEqual(['-> claude_pty']);
    await Promise.all([flip(id, 'claude_sdk'), flip(id, 'claude_pty')]);
    expect((await story(here, id)).slice(2)).toEqual(['-> claude_pty', '-> claude_sdk', '-> claude_pty']);
    expect(await storedBackend(database, id)).toBe('claude_pty');
  });

  test('FLIP-4 FLIP-5 LOG-1: with fifty flips among twenty prompts, every prompt runs once, in order, on one of the backends', async () => {
    const id = await openWarmChat(here);
    const names = Array.from({ length: 50 }, (_, index) => (index % 3 === 0 ? 'claude_sdk' : 'claude_pty'));
    const sent: string[] = [];
    const refusals: string[] = [];
    const flips = names.map(async (name, index) => {
      const running = index % 2 === 0 ? 'finish' : undefined;
      const content = `p${index}`;
      if (index % 5 < 2) {
        sent.push(content);
        await here.chats.submitPrompt(id, { content });
      }
      // A flip that meets a turn and does not say what to do with it is refused, which is fine here.
      await flip(id, name, running).catch((error: unknown) => refusals.push(toBooError(error).code));
    });
    await Promise.all(flips);
    expect(new Set(refusals)).toEqual(new Set(refusals.length > 0 ? ['chat_busy'] : []));
    await turns(id, 1 + sent.length);
    const log = await here.log(id);
    assertDense(log);
    assertTurnsFinished(log);
    const accepted = log.flatMap((event) => (event.type === 'prompt_accepted' ? [event.promptId] : []));
    const taken = log.flatMap((event) => (event.type === 'turn_started' ? event.promptIds : []));
    expect(taken).toEqual(accepted);
    // Flips alternate, and every turn was answered by the backend of the flip before it, with the full history.
    let current = 'claude_sdk';
    let said = 0;
    const told = await story(here, id);
    const expected = told.map((line) => {
      if (line === 'completed') return line;
      if (!line.startsWith('-> ')) return `${current} ${(said += 1)}: ${line.split(': ')[1]}`;
      current = current === 'claude_sdk' ? 'claude_pty' : 'claude_sdk';
      return `-> ${current}`;
    });
    expect(told).toEqual(expected);
    expect(said).toBe(1 + sent.length);
    expect(await storedBackend(database, id)).toBe(current);
    expect([here.sdk.sessions.has(id), here.pty.sessions.has(id)].filter(Boolean).length).toBeLessThan(2);
  });
});
