// One chat on two engines: flips at every moment of a chat's life.
import { afterAll, afterEach, beforeAll, beforeEach, describe, expect, test } from 'vitest';
import { createGate, type Gate } from '../../test/support/gate.ts';
import { createTestDatabase, type TestDatabase } from '../../test/support/postgres.ts';
import { finished, said } from '../../test/support/scripted-backend.ts';
import {
  isSettled,
  openTwoEngines,
  openWarmChat,
  storedBackend,
  story,
  type TwoEngines,
} from '../../test/support/two-engines.ts';
import { until } from '../../test/support/until.ts';
import type { BackendName, RunningChoice } from '../protocol/chat.ts';
import { BooError } from '../protocol/error.ts';

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

/** A chat in the middle of its second turn. */
async function openRunning(): Promise<string> {
  const id = await openWarmChat(here);
  await send(id, 'hold');
  await gate.reached;
  return id;
}

const flip = (id: string, backend: BackendName, running?: RunningChoice) =>
  here.chats.patchChat(id, { backend, ...(running === undefined ? {} : { running }) });
const turns = (id: string, count: number) => here.events(id, 'turn_finished', count);

describe('between turns', () => {
  test('FLIP-1 FLIP-2: the chat continues on the other backend, in the same session, with the full history', async () => {
    const id = await openWarmChat(here);
    expect(await flip(id, 'claude_pty')).toMatchObject({ id, backend: 'claude_pty', state: 'cold' });
    expect(here.sdk.sessions.size).toBe(0);
    expect(here.pty.opened).toHaveLength(0);
    expect(await storedBackend(database, id)).toBe('claude_pty');

    await send(id, 'two');
    await turns(id, 2);
    await until(() => here.host.find(id)?.state === 'ready');
    await flip(id, 'claude_sdk');
    await send(id, 'three');
    await turns(id, 3);
    expect(await story(here, id)).toEqual([
      'claude_sdk 1: one',
      'completed',
      '-> claude_pty',
      'claude_pty 2: two',
      'completed',
      '-> claude_sdk',
      'claude_sdk 3: three',
      'completed',
    ]);
    const opened = [...here.sdk.opened, ...here.pty.opened].map((spec) => spec.sessionId);
    expect(new Set(opened).size).toBe(1);
    expect(opened).toHaveLength(3);
    expect((await here.events(id, 'session_started', 3)).map((event) => event.backend)).toEqual([
      'claude_sdk',
      'claude_pty',
      'claude_sdk',
    ]);
    expect(await storedBackend(database, id)).toBe('claude_sdk');
  });

  test('FLIP-5: a flip to the current backend changes nothing, even in the middle of a turn', async () => {
    const id = await openRunning();
    const { head } = await here.chats.getChat(id);
    expect(await flip(id, 'claude_sdk')).toMatchObject({ backend: 'claude_sdk', head });
    expect(await flip(id, 'claude_sdk', 'interrupt')).toMatchObject({ head, state: 'running' });
    gate.open();
    await turns(id, 2);
    expect(here.sdk.opened).toHaveLength(1);
  });

  test('FLIP-1: the rest of the patch is stored in the same write, and not at all if the flip is refused', async () => {
    const id = await openRunning();
    const change = { title: 'New', model: 'other', backend: 'claude_pty' } as const;
    const before = await here.chats.getChat(id);
    await expect(here.chats.patchChat(id, change)).rejects.toMatchObject({ code: 'chat_busy' });
    expect(await here.chats.getChat(id)).toEqual(before);
    gate.open();
    await turns(id, 2);
    await until(() => here.host.find(id)?.state === 'ready');
    expect(await here.chats.patchChat(id, change)).toMatchObject(change);
    const [update] = await here.events(id, 'chat_updated');
    expect(update).toMatchObject(change);
    await send(id, 'three');
    await turns(id, 3);
    expect(here.pty.opened[0]).toMatchObject({ model: 'other' });
    // With the current backend, the rest of the patch applies as usual.
    await here.chats.patchChat(id, { title: 'Newer', backend: 'claude_pty' });
    expect((await here.events(id, 'chat_updated', 2))[1]).not.toHaveProperty('backend');
    expect((await here.chats.getChat(id)).title).toBe('Newer');
  });

  test.each([true, false])('AGENT-28: a flip stays in the directory, and leaves its trust at %s', async (trusted) => {
    here.agent.leaveDirectory = () => Promise.reject(new Error('It stays.'));
    const id = await openWarmChat(here);
    await here.chats.patchChat(id, { trusted });
    expect(await flip(id, 'claude_pty')).toMatchObject({ trusted, backend: 'claude_pty' });
    expect((await here.events(id, 'chat_updated', 2))[1]).not.toHaveProperty('trusted');
  });

  test('FLIP-1: a chat that never had an agent can be flipped, and so can a cold one', async () => {
    const { id } = await here.createChat();
    await flip(id, 'claude_pty');
    expect(await storedBackend(database, id)).toBe('claude_pty');
    await send(id, 'one');
    await turns(id, 1);
    await until(() => here.host.find(id)?.state === 'ready');
    here.pty.lose(id);
    await flip(id, 'claude_sdk');
    await send(id, 'two');
    await turns(id, 2);
    expect(await story(here, id)).toEqual([
      '-> claude_pty',
      'claude_pty 1: one',
      'completed',
      '-> claude_sdk',
      'claude_sdk 2: two',
      'completed',
    ]);
  });

  test('a chat whose agent could not start is no longer failed after a flip', async () => {
    here.sdk.beforeOpen = () => {
      throw new BooError('agent_login_required', 'Sign in.');
    };
    const { id } = await here.createChat();
    await send(id, 'one');
    await here.events(id, 'queue_held');
    await until(async () => (await here.chats.getChat(id)).state === 'failed');
    expect(await flip(id, 'claude_pty')).toMatchObject({ state: 'cold' });
    await here.chats.via('test').resumeQueue(id, {});
    await send(id, 'two');
    await turns(id, 2);
    expect(await story(here, id)).toEqual([
      '-> claude_pty',
      'claude_pty 1: one',
      'completed',
      'claude_pty 2: two',
      'completed',
    ]);
  });

  test('deleting a flipped chat removes its session', async () => {
    const id = await openWarmChat(here);
    await flip(id, 'claude_pty');
    const { sessionId } = here.sdk.opened[0]!;
    await here.chats.deleteChat(id);
    expect(here.agent.removed).toEqual([sessionId]);
  });
});

describe('while a turn runs', () => {
  test('FLIP-3: a flip without a choice is refused, names both choices and changes nothing', async () => {
    const id = await openRunning();
    const { head } = await here.chats.getChat(id);
    for (const running of [undefined, 'refuse'] as const) {
      const refused = flip(id, 'claude_pty', running);
      await expect(refused).rejects.toMatchObject({
        code: 'chat_busy',
        message:
          'A turn is running. Send "running": "finish" to flip when it has finished, or "interrupt" to end it and flip at once.',
        details: { field: 'running', because: 'turn' },
      });
    }
    expect(await here.chats.getChat(id)).toMatchObject({ head, backend: 'claude_sdk', state: 'running' });
    gate.open();
    await turns(id, 2);
    expect(await story(here, id)).not.toContain('-> claude_pty');
  });

  test('FLIP-3 FLIP-4: with "finish", the turn ends normally and the prompts behind it run on the new backend', async () => {
    const id = await openRunning();
    await send(id, 'three', 'four');
    const flipped = flip(id, 'claude_pty', 'finish');
    await send(id, 'five');
    expect(await isSettled(flipped)).toBe(false);
    expect(await storedBackend(database, id)).toBe('claude_sdk');
    gate.open();
    expect(await flipped).toMatchObject({ backend: 'claude_pty' });
    await turns(id, 5);
    expect(await story(here, id)).toEqual([
      'claude_sdk 1: one',
      'completed',
      'claude_sdk 2: hold',
      'completed',
      '-> claude_pty',
      'claude_pty 3: three',
      'completed',
      'claude_pty 4: four',
      'completed',
      'claude_pty 5: five',
      'completed',
    ]);
  });

  test('FLIP-3 FLIP-4: with "interrupt", only the running turn is interrupted and the prompts behind it run on the new backend', async () => {
    const id = await openRunning();
    await send(id, 'three', 'four');
    await flip(id, 'claude_pty', 'interrupt');
    await turns(id, 4);
    expect(await story(here, id)).toEqual([
      'claude_sdk 1: one',
      'completed',
      'interrupted',
      '-> claude_pty',
      'claude_pty 3: three',
      'completed',
      'claude_pty 4: four',
      'completed',
    ]);
    gate.open();
  });

  test('FLIP-3 DECIDE-4: a pending decision counts as a running turn: it is answered first, or cancelled with its turn', async () => {
    here.sdk.script = async function* (turn) {
      const answer = yield* turn.ask({});
      yield said(answer.outcome);
      yield finished();
    };
    const ask = async (): Promise<{ id: string; decisionId: string }> => {
      const { id } = await here.createChat();
      await send(id, 'ask');
      const [asked] = await here.events(id, 'decision_requested');
      return { id, decisionId: asked!.decisionId };
    };
    const [patient, hasty] = [await ask(), await ask()];
    const flipped = flip(patient.id, 'claude_pty', 'finish');
    await expect(flip(patient.id, 'claude_pty')).rejects.toMatchObject({ code: 'chat_busy' });
    await here.chats.via('me').answerDecision(patient.decisionId, { outcome: 'allow' });
    await flipped;
    expect(await story(here, patient.id)).toEqual(['allow', 'completed', '-> claude_pty']);

    await flip(hasty.id, 'claude_pty', 'interrupt');
    expect(await story(here, hasty.id)).toEqual(['interrupted', '-> claude_pty']);
    const late = here.chats.via('me').answerDecision(hasty.decisionId, { outcome: 'allow' });
    await expect(late).rejects.toMatchObject({ code: 'decision_settled' });
  });

  test('FLIP-3: a client that disconnects withdraws the flip: the turn ends, and the chat stays where it is', async () => {
    const id = await openRunning();
    const line = new AbortController();
    const flipped = here.chats.patchChat(id, { backend: 'claude_pty', running: 'finish' }, { signal: line.signal });
    await send(id, 'three');
    line.abort(new BooError('shutting_down', 'Nobody waits.'));
    // It rejects at once, not at the end of the turn.
    await expect(flipped).rejects.toMatchObject({ code: 'shutting_down' });
    gate.open();
    await turns(id, 3);
    expect((await story(here, id)).slice(2)).toEqual([
      'claude_sdk 2: hold',
      'completed',
      'claude_sdk 3: three',
      'completed',
    ]);
    expect(here.sdk.opened).toHaveLength(1);
  });

  test('FLIP-3: a turn the agent starts by itself counts too; one that starts as the session closes is recorded before the flip', async () => {
    const id = await openWarmChat(here);
    const own = createGate();
    here.sdk.beginUnprompted(id, async function* () {
      await own.pass();
      yield said('A task has ended.');
      yield finished();
    });
    await own.reached;
    await expect(flip(id, 'claude_pty')).rejects.toMatchObject({ code: 'chat_busy' });
    const flipped = flip(id, 'claude_pty', 'finish');
    here.sdk.beforeClose = () => {
      here.sdk.beforeClose = () => {};
      here.sdk.beginUnprompted(id, async function* () {
        yield said('Another one.');
        yield finished();
      });
    };
    own.open();
    await flipped;
    expect((await story(here, id)).slice(2)).toEqual([
      'A task has ended.',
      'completed',
      'Another one.',
      'completed',
      '-> claude_pty',
    ]);
  });
});

describe('while the session has work that closing would kill', () => {
  test('FLIP-3: a flip without a choice is refused; with "finish", the flip and all prompts wait until the work is done', async () => {
    const id = await openWarmChat(here);
    here.sdk.busy.add(id);
    const refused = flip(id, 'claude_pty');
    await expect(refused).rejects.toMatchObject({
      code: 'chat_busy',
      message:
        'The session has work that a flip would end: a background task, or a terminal that is attached. ' +
        'Send "running": "finish" to flip when it is done, or "interrupt" to flip at once.',
      details: { field: 'running', because: 'work' },
    });
    const flipped = flip(id, 'claude_pty', 'finish');
    await send(id, 'two');
    expect(await isSettled(flipped)).toBe(false);
    expect(here.sdk.sessions.has(id)).toBe(true);
    // The agent speaks when its task ends, which is recorded before the flip.
    here.sdk.beginUnprompted(id, async function* () {
      yield said('The task has ended.');
      yield finished();
    });
    await turns(id, 2);
    here.sdk.busy.delete(id);
    await flipped;
    await turns(id, 3);
    expect((await story(here, id)).slice(2)).toEqual([
      'The task has ended.',
      'completed',
      '-> claude_pty',
      'claude_pty 2: two',
      'completed',
    ]);
  });

  test('FLIP-3: a flip is also refused if the work starts while the flip is queued', async () => {
    const id = await openWarmChat(here);
    const isBusy = here.sdk.isBusy.bind(here.sdk);
    here.sdk.isBusy = (session) => {
      const was = isBusy(session);
      here.sdk.busy.add(id);
      return was;
    };
    await expect(flip(id, 'claude_pty')).rejects.toMatchObject({ code: 'chat_busy', details: { because: 'work' } });
    expect(here.sdk.sessions.has(id)).toBe(true);
    here.sdk.isBusy = isBusy;
    here.sdk.busy.delete(id);
  });

  test('FLIP-3: "interrupt" flips at once and completes a waiting flip', async () => {
    const id = await openWarmChat(here);
    here.sdk.busy.add(id);
    const patient = flip(id, 'claude_pty', 'finish');
    expect(await isSettled(patient)).toBe(false);
    expect(await flip(id, 'claude_pty', 'interrupt')).toMatchObject({ backend: 'claude_pty' });
    await patient;
    expect((await story(here, id)).slice(2)).toEqual(['-> claude_pty']);
  });

  test('FLIP-3: a client that disconnects withdraws the flip, and the prompts waiting for it run', async () => {
    const id = await openWarmChat(here);
    here.sdk.busy.add(id);
    const line = new AbortController();
    const flipped = here.chats.patchChat(id, { backend: 'claude_pty', running: 'finish' }, { signal: line.signal });
    await send(id, 'two');
    expect(await isSettled(flipped)).toBe(false);
    line.abort(new BooError('shutting_down', 'Nobody waits.'));
    await expect(flipped).rejects.toMatchObject({ code: 'shutting_down' });
    await turns(id, 2);
    expect(await story(here, id)).toContain('claude_sdk 2: two');
  });

  test('a draining host does not wait for the work: the flip does not happen', async () => {
    const id = await openWarmChat(here);
    here.sdk.busy.add(id);
    const flipped = flip(id, 'claude_pty', 'finish');
    const failure = flipped.catch((error: unknown) => error);
    expect(await isSettled(flipped)).toBe(false);
    await here.host.drain();
    expect(await failure).toMatchObject({ code: 'shutting_down' });
    expect(await storedBackend(database, id)).toBe('claude_sdk');
  });
});
