import { randomUUID } from 'node:crypto';
import { afterEach, beforeEach, describe, expect, test } from 'vitest';
import {
  assertTurnsFinished,
  type ChatsHost,
  type ChatsHostOptions,
  openChatsHost,
} from '../../test/support/chats-host.ts';
import { createGate } from '../../test/support/gate.ts';
import { ManualClock } from '../../test/support/manual-clock.ts';
import { createTestDatabase, type TestDatabase } from '../../test/support/postgres.ts';
import { finished, said, ScriptedBackend, type TurnScript } from '../../test/support/scripted-backend.ts';
import { until } from '../../test/support/until.ts';
import type { Obstacle } from '../agents/agent-backend.ts';
import { BooError } from '../protocol/error.ts';
import { findOrphanedWork } from '../store/leases.ts';
import { stopHost } from '../store/hosts.ts';

let database: TestDatabase;
let here: ChatsHost;

beforeEach(async () => {
  database = await createTestDatabase();
  here = await openChatsHost(database.url);
});
afterEach(async () => {
  await here.close();
  await database.drop();
});

const inAnHour = (): string => new Date(Date.now() + 3_600_000).toISOString();

function refused(obstacle: Obstacle, message = 'The limit is reached.') {
  return finished('failed', { error: { code: 'model_error', message }, obstacle });
}

/** Holds each turn until the test opens the gate, then fails those prompts that `which` selects. */
function failing(obstacle: Obstacle, which: (text: string) => boolean = () => true): ReturnType<typeof createGate> {
  const gate = createGate();
  const script: TurnScript = async function* (turn) {
    await gate.pass();
    if (which(turn.text)) return yield refused(obstacle);
    yield said(turn.text);
    yield finished();
  };
  here.backend.script = script;
  return gate;
}

/** Sends `count` prompts, `p1` first, which fails while the others wait. */
async function sendBehind(gate: ReturnType<typeof createGate>, count: number, input = {}): Promise<string> {
  const { id } = await here.createChat(input);
  for (let at = 1; at <= count; at += 1) await here.chats.submitPrompt(id, { id: `p${at}`, content: `p${at}` });
  await gate.reached;
  gate.open();
  await here.events(id, 'queue_held');
  await until(async () => (await here.chats.getChat(id)).state === 'ready');
  return id;
}

async function taken(id: string): Promise<string[]> {
  return (await here.log(id)).flatMap((event) => (event.type === 'turn_started' ? event.promptIds : []));
}

async function outcomes(id: string): Promise<string[]> {
  return (await here.log(id)).flatMap((event) => (event.type === 'turn_finished' ? [event.outcome] : []));
}

async function restart(options: ChatsHostOptions = {}): Promise<void> {
  await here.close();
  here = await openChatsHost(database.url, options);
}

describe('a failure that the prompt did not cause', () => {
  test('PROMPT-6: fails one turn and holds the others, reported once with the reason and the reset time, also across a restart', async () => {
    const resetsAt = inAnHour();
    const id = await sendBehind(failing({ reason: 'usage_limit', resetsAt }), 5);
    const facts = {
      reason: 'usage_limit',
      message: 'The limit is reached.',
      resetsAt,
      resumesAt: null,
      promptId: 'p1',
      sendsAgain: true,
    };
    expect(await here.events(id, 'queue_held')).toMatchObject([facts]);
    expect(await here.chats.getChat(id)).toMatchObject({ waiting: 4, hold: facts });
    expect(await outcomes(id)).toEqual(['failed']);
    const late = await here.chats.submitPrompt(id, { id: 'p6', content: 'p6' });
    expect(late).toMatchObject({ created: true, receipt: { held: true } });
    expect((await here.chats.submitPrompt(id, { id: 'p6', content: 'p6' })).receipt).toEqual(late.receipt);

    // No host keeps the chat for its held queue, and none takes it up.
    await restart();
    expect(await findOrphanedWork(database.sql, randomUUID(), 10)).toEqual([]);
    expect(await here.chats.getChat(id)).toMatchObject({ waiting: 5, hold: facts, state: 'cold' });
    await here.chats.submitPrompt(id, { id: 'p7', content: 'p7' });
    expect(await outcomes(id)).toEqual(['failed']);
    expect(await here.events(id, 'queue_held')).toHaveLength(1);

    const resumed = await here.chats.via('anna').resumeQueue(id, {});
    expect(resumed.hold).toBeNull();
    await here.events(id, 'turn_finished', 8);
    expect(await taken(id)).toEqual(['p1', 'p1', 'p2', 'p3', 'p4', 'p5', 'p6', 'p7']);
    expect(await here.events(id, 'queue_resumed')).toMatchObject([
      { by: 'owner', via: 'anna', requeuedPromptIds: ['p1'] },
    ]);
    expect(await here.chats.getChat(id)).toMatchObject({ waiting: 0, hold: null });
    await here.chats.via('anna').resumeQueue(id, {});
    expect(await here.events(id, 'queue_resumed')).toHaveLength(1);
  });

  test('PROMPT-6: the failed prompt is left out if the client says so, or if its turn had started to work', async () => {
    const id = await sendBehind(
      failing({ reason: 'billing' }, (text) => text === 'p1'),
      2,
    );
    await here.chats.via('anna').resumeQueue(id, { sendAgain: false });
    await here.events(id, 'turn_finished', 2);
    expect(await taken(id)).toEqual(['p1', 'p2']);

    const gate = createGate();
    here.backend.script = async function* (turn) {
      await gate.pass();
      yield said(`I begin with ${turn.text}`);
      yield turn.text === 'p1' ? refused({ reason: 'model_unavailable' }) : finished();
    };
    const other = await sendBehind(gate, 2);
    expect(await here.chats.getChat(other)).toMatchObject({ hold: { promptId: 'p1', sendsAgain: false } });
    await here.chats.via('anna').resumeQueue(other, {});
    await here.events(other, 'turn_finished', 2);
    expect(await taken(other)).toEqual(['p1', 'p2']);
  });

  test('PROMPT-6: does not hold the queue if nothing waits: the next prompt tries again', async () => {
    failing({ reason: 'sign_in' }, (text) => text === 'one').open();
    const { id } = await here.createChat();
    await here.chats.submitPrompt(id, { content: 'one' });
    await here.events(id, 'turn_finished');
    await here.chats.submitPrompt(id, { content: 'two' });
    await here.events(id, 'turn_finished', 2);
    expect(await outcomes(id)).toEqual(['failed', 'completed']);
    expect((await here.log(id)).some((event) => event.type === 'queue_held')).toBe(false);
  });

  test('PROMPT-6: a failure that the prompt did cause does not hold the queue', async () => {
    const gate = createGate();
    here.backend.script = async function* (turn) {
      await gate.pass();
      yield turn.text === 'p1'
        ? finished('failed', { error: { code: 'model_error', message: 'Too long.' } })
        : finished();
    };
    const { id } = await here.createChat();
    for (const promptId of ['p1', 'p2']) await here.chats.submitPrompt(id, { id: promptId, content: promptId });
    gate.open();
    await here.events(id, 'turn_finished', 2);
    expect(await outcomes(id)).toEqual(['failed', 'completed']);
  });

  test('PROMPT-6: held prompts can be moved and cancelled, and cancelling the last one ends the hold', async () => {
    const id = await sendBehind(
      failing({ reason: 'billing' }, (text) => text === 'p1'),
      3,
    );
    await here.chats.movePrompt(id, 'p3', { before: 'p2' });
    await here.chats.cancelPrompt(id, 'p2');
    expect(await here.chats.getChat(id)).toMatchObject({ waiting: 1, hold: { reason: 'billing' } });
    await here.chats.cancelPrompt(id, 'p3');
    expect(await here.chats.getChat(id)).toMatchObject({ waiting: 0, hold: null });
    expect(await here.events(id, 'queue_resumed')).toMatchObject([{ by: 'host' }]);
    await here.chats.submitPrompt(id, { id: 'p4', content: 'p4' });
    await here.events(id, 'turn_finished', 2);
    expect(await taken(id)).toEqual(['p1', 'p4']);
  });

  test('PROMPT-6: choosing another model resumes a queue held for a missing model', async () => {
    const id = await sendBehind(
      failing(
        { reason: 'model_not_found' },
        (text) => text === 'p1' && here.backend.sessions.get(id0())?.model !== 'opus',
      ),
      2,
    );
    function id0(): string {
      return [...here.backend.sessions.keys()][0] ?? '';
    }
    await here.chats.patchChat(id, { title: 'Other' });
    expect((await here.chats.getChat(id)).hold).not.toBeNull();
    await here.chats.patchChat(id, { model: 'opus' });
    await here.events(id, 'turn_finished', 3);
    expect(await outcomes(id)).toEqual(['failed', 'completed', 'completed']);
  });
});

describe('at the reset', () => {
  test('PROMPT-8: the queue resumes by itself if the chat is set to do so, before it is held or later', async () => {
    const clock = new ManualClock();
    await restart({ clock });
    const resetsAt = new Date(clock.now().getTime() + 5_000).toISOString();
    const first = { once: true };
    here.backend.script = async function* (turn) {
      if (first.once && turn.text === 'p1') {
        first.once = false;
        return yield refused({ reason: 'usage_limit', resetsAt });
      }
      yield finished();
    };
    // Nothing waits behind it, but the failed prompt itself does.
    const { id } = await here.createChat({ resumeAtReset: true });
    await here.chats.submitPrompt(id, { id: 'p1', content: 'p1' });
    await here.events(id, 'queue_held');
    await until(async () => (await here.chats.getChat(id)).state === 'ready');
    expect(await here.chats.getChat(id)).toMatchObject({ resumeAtReset: true, hold: { resumesAt: resetsAt } });
    await here.chats.patchChat(id, { resumeAtReset: false });
    expect(await here.chats.getChat(id)).toMatchObject({ hold: { resumesAt: null, resetsAt } });
    await here.chats.patchChat(id, { resumeAtReset: true });
    clock.advance(4_000);
    expect(await outcomes(id)).toEqual(['failed']);
    clock.advance(2_000);
    await here.events(id, 'turn_finished', 2);
    expect(await taken(id)).toEqual(['p1', 'p1']);
    expect(await here.events(id, 'queue_resumed')).toMatchObject([{ by: 'host' }]);
  });

  test('PROMPT-8: any host resumes the queue, even one that takes the chat up for it', async () => {
    const resetsAt = new Date(Date.now() + 1_500).toISOString();
    const id = await sendBehind(failing({ reason: 'usage_limit', resetsAt }), 2, { resumeAtReset: true });
    await here.close();
    // The database's clock says when it is due.
    await until(async () => (await findOrphanedWork(database.sql, randomUUID(), 10)).includes(id));
    here = await openChatsHost(database.url);
    await here.events(id, 'turn_finished', 3);
    expect(await taken(id)).toEqual(['p1', 'p1', 'p2']);
  });

  test('PROMPT-8: a reset that is already past is postponed by a minute', async () => {
    const clock = new ManualClock();
    await restart({ clock });
    const gate = failing({ reason: 'usage_limit', resetsAt: new Date(clock.now().getTime() - 1).toISOString() });
    const id = await sendBehind(gate, 2, { resumeAtReset: true });
    const { hold } = await here.chats.getChat(id);
    expect(Date.parse(hold?.resumesAt ?? '') - clock.now().getTime()).toBe(60_000);
  });
});

describe('a prompt that cannot start', () => {
  test('PROMPT-7: waits after a second try with a fresh process, and runs once the queue is resumed', async () => {
    let tries = 0;
    here.backend.beforeOpen = () => {
      tries += 1;
      throw new BooError('agent_failed', 'No such program.');
    };
    const { id } = await here.createChat();
    for (const promptId of ['p1', 'p2']) await here.chats.submitPrompt(id, { id: promptId, content: promptId });
    expect(await here.events(id, 'queue_held')).toMatchObject([{ reason: 'agent', message: 'No such program.' }]);
    expect(tries).toBe(2);
    expect(await here.chats.getChat(id)).toMatchObject({ waiting: 2 });
    here.backend.beforeOpen = () => {};
    await here.chats.via('anna').resumeQueue(id, {});
    await here.events(id, 'turn_finished', 2);
    expect(await taken(id)).toEqual(['p1', 'p2']);
    expect(await outcomes(id)).toEqual(['completed', 'completed']);
  });

  test('PROMPT-7: holds the queue with the reason "storage" if the disk is full', async () => {
    here.backend.beforeOpen = () => {
      throw Object.assign(new Error('ENOSPC: no space left on device, write'), { code: 'ENOSPC' });
    };
    const { id } = await here.createChat();
    await here.chats.submitPrompt(id, { content: 'one' });
    expect(await here.events(id, 'queue_held')).toMatchObject([{ reason: 'storage' }]);
  });

  test('PROMPT-7: goes to a fresh agent if its agent has just died', async () => {
    const { id } = await here.createChat();
    await here.chats.submitPrompt(id, { id: 'p1', content: 'p1' });
    await here.events(id, 'turn_finished');
    await until(async () => (await here.chats.getChat(id)).state === 'ready');
    // Its end is noticed only when the prompt arrives.
    here.backend.sessions.delete(id);
    await here.chats.submitPrompt(id, { id: 'p2', content: 'p2' });
    await here.chats.submitPrompt(id, { id: 'p3', content: 'p3' });
    const ends = await here.events(id, 'turn_finished', 4);
    expect(ends.map(({ outcome, requeuedPromptIds }) => [outcome, requeuedPromptIds])).toEqual([
      ['completed', undefined],
      ['interrupted', ['p2']],
      ['completed', undefined],
      ['completed', undefined],
    ]);
    expect(await taken(id)).toEqual(['p1', 'p2', 'p2', 'p3']);
    expect((await here.chats.getChat(id)).waiting).toBe(0);
  });

  test('PROMPT-7: holds the queue, and stays in it, if each agent dies of it', async () => {
    here.backend.script = async function* () {
      yield* [];
      throw new BooError('agent_failed', 'It died.');
    };
    here.backend.wasAsked = () => Promise.resolve(false);
    const deaf = here.backend.prompt.bind(here.backend);
    here.backend.prompt = async function* (session, prompt) {
      for await (const event of deaf(session, prompt)) if (event.type !== 'session_started') yield event;
    };
    const { id } = await here.createChat();
    await here.chats.submitPrompt(id, { id: 'p1', content: 'p1' });
    const [held] = await here.events(id, 'queue_held');
    expect(held).toMatchObject({ reason: 'agent', message: expect.stringContaining('It died.') as string });
    expect(await taken(id)).toEqual(['p1', 'p1']);
    expect(await here.chats.getChat(id)).toMatchObject({ waiting: 1 });
  });

  test('PROMPT-9: is not lost when hosts die while it starts, and is held after three of them', async () => {
    const { id } = await here.createChat();
    for (let life = 1; life <= 3; life += 1) {
      const gate = createGate();
      const backend = life === 1 ? here.backend : new ScriptedBackend();
      backend.beforeOpen = () => gate.pass();
      if (life === 1) await here.chats.submitPrompt(id, { id: 'p1', content: 'p1' });
      else here = await openChatsHost(database.url, { backend });
      await gate.reached;
      await die();
    }
    here = await openChatsHost(database.url);
    const [held] = await here.events(id, 'queue_held');
    expect(held).toMatchObject({ reason: 'crashes', message: expect.stringContaining('3 times') as string });
    expect(await taken(id)).toEqual([]);
    expect(here.backend.opened).toEqual([]);
    await here.chats.via('anna').resumeQueue(id, {});
    await here.events(id, 'turn_finished');
    expect(await outcomes(id)).toEqual(['completed']);
  });

  test('PROMPT-9: does not count hosts that stop cleanly while it starts', async () => {
    const { id } = await here.createChat();
    for (let life = 1; life <= 4; life += 1) {
      const gate = createGate();
      const backend = life === 1 ? here.backend : new ScriptedBackend();
      backend.beforeOpen = () => gate.pass();
      if (life === 1) await here.chats.submitPrompt(id, { id: 'p1', content: 'p1' });
      else here = await openChatsHost(database.url, { backend });
      await gate.reached;
      const closing = here.close();
      gate.open();
      await closing;
    }
    here = await openChatsHost(database.url);
    await here.events(id, 'turn_finished');
    expect(await outcomes(id)).toEqual(['completed']);
  });

  test('PROMPT-10 TURN-7: gets another turn from the next host if its turn started but it never reached the agent', async () => {
    const { id } = await here.createChat();
    await here.chats.submitPrompt(id, { id: 'p1', content: 'p1' });
    await here.events(id, 'turn_finished');
    await until(async () => (await here.chats.getChat(id)).state === 'ready');
    const gate = createGate();
    here.backend.prompt = async function* () {
      await gate.pass();
      yield finished();
    };
    await here.chats.submitPrompt(id, { id: 'p2', content: 'p2' });
    await here.chats.submitPrompt(id, { id: 'p3', content: 'p3' });
    await gate.reached;
    await die();
    here = await openChatsHost(database.url);
    const ends = await here.events(id, 'turn_finished', 4);
    expect(ends.map(({ outcome, requeuedPromptIds }) => [outcome, requeuedPromptIds])).toEqual([
      ['completed', undefined],
      ['interrupted', ['p2']],
      ['completed', undefined],
      ['completed', undefined],
    ]);
    expect(ends[1]?.error?.code).toBe('host_restarted');
    expect(await taken(id)).toEqual(['p1', 'p2', 'p2', 'p3']);
    assertTurnsFinished(await here.log(id));
    gate.open();
  });

  test('TURN-7: is not sent twice if it reached the agent, even if nothing of its turn is in the log', async () => {
    const { id } = await here.createChat();
    await here.chats.submitPrompt(id, { id: 'p1', content: 'p1' });
    await here.events(id, 'turn_finished');
    await until(async () => (await here.chats.getChat(id)).state === 'ready');
    const gate = createGate();
    here.backend.script = async function* () {
      await gate.pass();
      yield finished();
    };
    await here.chats.submitPrompt(id, { id: 'p2', content: 'p2' });
    await gate.reached;
    await die();
    here = await openChatsHost(database.url);
    const ends = await here.events(id, 'turn_finished', 2);
    expect(ends[1]).toMatchObject({ outcome: 'interrupted', error: { code: 'host_restarted' } });
    expect(ends[1]?.requeuedPromptIds).toBeUndefined();
    expect(await taken(id)).toEqual(['p1', 'p2']);
    gate.open();
  });
});

/** Ends the host as SIGKILL does, and marks it as dead. */
async function die(): Promise<void> {
  await here.kill();
  await stopHost(database.sql, here.id);
}
