// Decisions that outlive the process that asked, with a scripted agent. The real program is in test/e2e.
import { mkdir } from 'node:fs/promises';
import { join } from 'node:path';
import { afterAll, afterEach, beforeAll, beforeEach, describe, expect, test } from 'vitest';
import { type ChatsHost, type ChatsHostOptions, openChatsHost } from '../../test/support/chats-host.ts';
import { ManualClock } from '../../test/support/manual-clock.ts';
import { createTestDatabase, type TestDatabase } from '../../test/support/postgres.ts';
import { finished, said, ScriptedBackend, type TurnScript } from '../../test/support/scripted-backend.ts';
import { until } from '../../test/support/until.ts';
import type { AgentEvent } from '../agents/agent-backend.ts';
import { stopHost } from '../store/hosts.ts';

let database: TestDatabase;
let here: ChatsHost;
beforeAll(async () => {
  database = await createTestDatabase();
});
afterAll(() => database.drop());
beforeEach(async () => {
  here = await open();
});
afterEach(() => here.close());

const toolCallId = 'call-1';

function open(options: ChatsHostOptions = {}): Promise<ChatsHost> {
  const backend = new ScriptedBackend();
  backend.openCalls = new Set([toolCallId]);
  return openChatsHost(database.url, { backend, ...options });
}

/** A chat that asks, and whose host was stopped or killed then. `here` is the next host. */
async function left(how: 'close' | 'kill', kind: 'permission' | 'form' = 'permission') {
  here.backend.script = async function* (turn) {
    const { outcome } = yield* turn.ask({ toolName: 'Bash', toolCallId, kind });
    yield said(`It was ${outcome}.`);
    yield finished();
  };
  const { id } = await here.createChat();
  await here.chats.submitPrompt(id, { content: 'go' });
  const [asked] = await here.events(id, 'decision_requested');
  await here[how]();
  if (how === 'kill') await stopHost(database.sql, here.id);
  here = await open({ other: new ScriptedBackend(undefined, 'claude_pty') });
  const [ended] = await here.events(id, 'turn_finished');
  const isOpen = async () =>
    (await database.sql`select is_open from boocode.decisions where id = ${asked!.decisionId}`)[0]![
      'is_open'
    ] as boolean;
  const allow = () => here.chats.answerDecision(asked!.decisionId, { outcome: 'allow' });
  return { id, asked: asked!, decisionId: asked!.decisionId, ended: ended!, isOpen, allow };
}

describe.each(['close', 'kill'] as const)('a host that ends (%s)', (how) => {
  test('DECIDE-14: leaves the decision pending, keeps prompts waiting, and its chat at rest', async () => {
    const { id, decisionId, ended, allow, isOpen } = await left(how);
    expect(ended).toMatchObject({ outcome: 'interrupted', openDecisionIds: [decisionId] });
    expect(await here.chats.getChat(id)).toMatchObject({ state: 'waiting' });
    const { items } = await here.chats.listChats({ limit: 100 });
    expect(items.find((chat) => chat.id === id)?.state).toBe('waiting');
    await here.chats.submitPrompt(id, { content: 'stay' });
    expect(await here.chats.getChat(id)).toMatchObject({
      state: 'waiting',
      waiting: 1,
      waitsFor: { for: 'person', what: 'Bash: echo hello' },
    });
    expect(here.backend.opened).toEqual([]);

    expect(await allow()).toMatchObject({ status: 'resolved', outcome: 'allow', principal: { role: 'owner' } });
    const turns = await here.events(id, 'turn_started', 3);
    expect(turns.map(({ continuesTurnId }) => continuesTurnId)).toEqual([undefined, ended.turnId, undefined]);
    await here.events(id, 'turn_finished', 3);
    expect(here.backend.continued).toEqual([{ outcome: 'allow' }]);
    expect(await isOpen()).toBe(false);
    await expect(allow()).rejects.toMatchObject({ code: 'decision_settled' });
  });

  test('DECIDE-14: but not if the call cannot be continued', async () => {
    here.backend.openCalls!.clear();
    const { id, decisionId, ended, allow, isOpen } = await left(how, 'form');
    expect(ended.openDecisionIds).toBeUndefined();
    expect(await here.events(id, 'decision_resolved')).toMatchObject([{ decisionId, outcome: 'cancelled' }]);
    expect((await here.chats.getChat(id)).state).not.toBe('waiting');
    expect(await isOpen()).toBe(false);
    await expect(allow()).rejects.toMatchObject({ code: 'decision_settled' });
  });
});

test('WEB-70: a turn whose agent was killed says that it waits for the answer', async () => {
  const decisionId = crypto.randomUUID();
  here.backend.script = async function* (turn) {
    const asked = await turn.ask({ toolName: 'Bash', toolCallId, decisionId }).next();
    yield asked.value as AgentEvent;
    yield finished('failed', { keptDecisionIds: [decisionId], error: { code: 'agent_failed', message: 'Killed' } });
  };
  const { id } = await here.createChat();
  await here.chats.submitPrompt(id, { content: 'go' });
  const [ended] = await here.events(id, 'turn_finished');
  expect(ended).toMatchObject({
    openDecisionIds: [decisionId],
    error: { message: 'Killed. The turn continues when the decision is answered.' },
  });
});

test('DECIDE-15: a stored answer that no agent got is given by the next host, before the prompts that wait', async () => {
  const { id, decisionId, isOpen } = await left('close');
  await here.chats.submitPrompt(id, { content: 'later' });
  await here.close();
  // As a host leaves it that dies between the two.
  await database.sql`update boocode.decisions set outcome = 'deny', answer = '{"outcome":"deny","message":"no"}', resolved_at = now()
    where id = ${decisionId}`;
  here = await open();
  await here.events(id, 'turn_finished', 3);
  expect(here.backend.continued).toEqual([{ outcome: 'deny', message: 'no' }]);
  expect((await here.events(id, 'turn_started', 3)).map(({ promptIds }) => promptIds.length)).toEqual([1, 0, 1]);
  expect(await isOpen()).toBe(false);
});

test('CLI-20: the end of a turn that did not take its answer names it again', async () => {
  const { id, decisionId, allow } = await left('close');
  const begin = here.backend.beginUnprompted.bind(here.backend);
  let tries = 0;
  here.backend.beginUnprompted = (chatId, script) => {
    tries += 1;
    // oxlint-disable-next-line typescript/require-await
    const fails: TurnScript = async function* () {
      yield finished('failed', { error: { code: 'agent_failed', message: 'It did not ask.' } });
    };
    begin(chatId, tries === 1 ? fails : script);
  };
  await allow();
  const ends = await here.events(id, 'turn_finished', 3);
  expect(ends.map(({ outcome, openDecisionIds }) => [outcome, openDecisionIds])).toEqual([
    ['interrupted', [decisionId]],
    ['failed', [decisionId]],
    ['completed', undefined],
  ]);
  expect(here.backend.continued).toEqual([{ outcome: 'allow' }]);
});

test('DECIDE-15: an answer whose call cannot be continued any more is reported, once, and the prompts run', async () => {
  const { id, decisionId, allow, isOpen } = await left('close');
  await here.chats.submitPrompt(id, { content: 'later' });
  let tries = 0;
  here.backend.beforeOpen = ({ continues }) => {
    if (!continues) return;
    tries += 1;
    throw new Error('The program is missing.');
  };
  await allow();
  await here.events(id, 'turn_finished', 2);
  const notices = (await here.events(id, 'notice')).filter(({ code }) => code === 'decision_without_effect');
  expect(notices).toMatchObject([{ data: { decisionId, toolCallId } }]);
  expect(notices[0]!.message).toContain('The program is missing.');
  expect([tries, await isOpen(), here.backend.continued]).toEqual([3, false, []]);
});

describe('an answer that comes while the agent’s process ends', () => {
  async function asking() {
    here.backend.script = async function* (turn) {
      yield* turn.ask({ toolName: 'Bash', toolCallId });
      yield finished();
    };
    const { id } = await here.createChat();
    await here.chats.submitPrompt(id, { content: 'go' });
    const [asked] = await here.events(id, 'decision_requested');
    const { decisionId } = asked!;
    const allow = () => here.chats.answerDecision(decisionId, { outcome: 'allow' });
    return { id, decisionId, allow, session: here.backend.sessions.get(id)! };
  }

  test('DECIDE-15: and that the process did not get any more is given to the next one, also by another host', async () => {
    const { id, decisionId, allow, session } = await asking();
    here.backend.check = () => {
      session.decisions.clear();
      return 'fine';
    };
    expect(await allow()).toMatchObject({ outcome: 'allow' });
    const [row] = await database.sql`select is_open from boocode.decisions where id = ${decisionId}`;
    expect(row).toEqual({ is_open: true });
    here.backend.lose(id);
    await here.events(id, 'turn_finished', 2);
    expect(here.backend.continued).toEqual([{ outcome: 'allow' }]);
  });

  test('DECIDE-14: settles the decision that outlives it', async () => {
    const { id, decisionId, allow, session } = await asking();
    here.backend.check = () => {
      here.backend.check = () => 'fine';
      session.turn!.out.push(finished('interrupted', { keptDecisionIds: [decisionId] }));
      session.turn!.out.close();
      return 'settled';
    };
    expect(await allow()).toMatchObject({ status: 'resolved', outcome: 'allow' });
    await here.events(id, 'turn_finished', 2);
    expect(here.backend.continued).toEqual([{ outcome: 'allow' }]);
  });
});

describe('two calls of one message that wait', () => {
  const toolCallIds = [toolCallId, 'call-2'];

  function openWithTwo(): Promise<ChatsHost> {
    const backend = new ScriptedBackend();
    backend.openCalls = new Set(toolCallIds);
    return open({ backend });
  }

  async function leftWithTwo() {
    await here.close();
    here = await openWithTwo();
    here.backend.script = async function* (turn) {
      const asking = toolCallIds.map((id) => turn.ask({ toolName: 'Bash', toolCallId: id }));
      for (const each of asking) yield (await each.next()).value as AgentEvent;
      await Promise.all(asking.map((each) => each.next()));
      yield finished();
    };
    const { id } = await here.createChat();
    await here.chats.submitPrompt(id, { content: 'go' });
    const asked = await here.events(id, 'decision_requested', 2);
    await here.close();
    here = await openWithTwo();
    const answer = (index: number) => here.chats.answerDecision(asked[index]!.decisionId, { outcome: 'allow' });
    const isOpen = async (index: number) =>
      (await database.sql`select is_open from boocode.decisions where id = ${asked[index]!.decisionId}`)[0]!['is_open'];
    return { id, answer, isOpen };
  }

  test('DECIDE-15: the answer to one is kept while the other one is continued, and a host that dies then loses neither', async () => {
    const { id, answer, isOpen } = await leftWithTwo();
    // The first one's process works on, and does not wait for this answer.
    const begin = here.backend.beginUnprompted.bind(here.backend);
    here.backend.beginUnprompted = (chatId, script) =>
      begin(chatId, async function* (turn) {
        for await (const event of script(turn)) {
          yield event;
          await new Promise(() => {});
        }
      });
    await answer(0);
    await until(async () => (await isOpen(0)) === false);
    expect(here.backend.opened[0]!.continues).toMatchObject({ toolCallId: 'call-1', waitingCallIds: ['call-2'] });
    await answer(1);
    expect(await isOpen(1)).toBe(true);
    await here.kill();
    await stopHost(database.sql, here.id);
    here = await openWithTwo();
    await until(() => here.backend.opened.length === 1, { what: 'the process that continues the second call' });
    expect(here.backend.opened[0]!.continues).toMatchObject({ toolCallId: 'call-2', waitingCallIds: [] });
    await here.events(id, 'turn_finished', 3);
    expect(await isOpen(1)).toBe(false);
  });

  test('DECIDE-19: the process that continues one knows which results the log has', async () => {
    await here.close();
    here = await openWithTwo();
    here.backend.script = async function* (turn) {
      yield { type: 'tool_call_update', toolCallId: 'call-2', status: 'failed', content: [], rawOutput: null };
      yield* turn.ask({ toolName: 'Bash', toolCallId });
      yield finished();
    };
    const { id } = await here.createChat();
    await here.chats.submitPrompt(id, { content: 'go' });
    const [asked] = await here.events(id, 'decision_requested');
    await here.close();
    here = await openWithTwo();
    await here.chats.answerDecision(asked!.decisionId, { outcome: 'allow' });
    await here.events(id, 'turn_finished', 2);
    expect(here.backend.opened[0]!.continues?.finishedCallIds).toEqual(['call-2']);
  });

  test('DECIDE-19: are continued in the order in which they were asked, each with the ids of the others', async () => {
    const { id } = await leftWithTwo();
    await here.close();
    await database.sql`update boocode.decisions set outcome = 'allow', answer = '{"outcome":"allow"}', resolved_at = now()
      where chat_id = ${id}`;
    here = await openWithTwo();
    await here.events(id, 'turn_finished', 3);
    expect(here.backend.opened.map(({ continues }) => [continues?.toolCallId, continues?.waitingCallIds])).toEqual([
      ['call-1', ['call-2']],
      ['call-2', []],
    ]);
  });
});

test('DECIDE-14: an answer that the agent would refuse leaves the decision pending', async () => {
  const { id, allow, isOpen } = await left('close');
  here.backend.check = () => ({ field: 'input.command', message: 'must be text' });
  await expect(allow()).rejects.toMatchObject({ code: 'invalid_request' });
  expect(await here.chats.getChat(id)).toMatchObject({ state: 'waiting' });
  expect(await isOpen()).toBe(true);
  here.backend.check = () => 'fine';
  await allow();
  await here.events(id, 'turn_finished', 2);
});

test('DECIDE-16: an interrupt cancels it, for whoever asks first', async () => {
  const { id, decisionId, allow } = await left('close');
  await here.chats.submitPrompt(id, { content: 'later' });
  expect(await here.chats.interrupt(id)).toMatchObject({ interrupted: true });
  await here.events(id, 'turn_finished', 2);
  expect(await here.events(id, 'decision_resolved')).toMatchObject([{ decisionId, outcome: 'cancelled' }]);
  await expect(allow()).rejects.toMatchObject({ code: 'decision_settled' });
  // The turn's end is stored a moment before the turn is over.
  await until(() => here.host.find(id)?.state !== 'running');
  expect(await here.chats.interrupt(id)).toMatchObject({ interrupted: false });
});

test('DECIDE-17: somebody at the terminal keeps the process of a turn that waits', async () => {
  await here.close();
  const terminal = new ScriptedBackend(undefined, 'claude_pty');
  terminal.openCalls = new Set([toolCallId]);
  const clock = new ManualClock();
  const idleMs = 100;
  here = await open({ other: terminal, clock, idleTimeoutMs: idleMs });
  terminal.script = async function* (turn) {
    yield said(`It was ${(yield* turn.ask({ toolName: 'Bash', toolCallId })).outcome}.`);
    yield finished();
  };
  const { id } = await here.createChat({ backend: 'claude_pty' });
  await here.chats.submitPrompt(id, { content: 'go' });
  await here.events(id, 'decision_requested');
  const seat = terminal.sessions.get(id)!.terminal;
  seat.viewerCount = 1;
  for (let count = 0; count < 3; count += 1) clock.advance(idleMs);
  expect(terminal.sessions.size).toBe(1);
  seat.viewerCount = 0;
  clock.advance(idleMs);
  expect(await here.events(id, 'turn_finished')).toMatchObject([{ outcome: 'interrupted' }]);
  expect(terminal.sessions.size).toBe(0);
});

describe('DECIDE-16: a flip while a decision waits without a process', () => {
  const flip = (id: string, running?: 'finish' | 'interrupt') =>
    here.chats.patchChat(id, { backend: 'claude_pty', ...(running ? { running } : {}) });

  test('is refused unless it says what happens to it', async () => {
    const { id } = await left('close');
    await expect(flip(id)).rejects.toMatchObject({ code: 'chat_busy' });
    expect(await here.chats.getChat(id)).toMatchObject({ state: 'waiting', backend: 'claude_sdk' });
  });

  test('interrupt: cancels it, and flips', async () => {
    const { id } = await left('close');
    expect((await flip(id, 'interrupt')).backend).toBe('claude_pty');
    expect(await here.events(id, 'decision_resolved')).toMatchObject([{ outcome: 'cancelled' }]);
  });

  test('finish: waits for the answer and its turn', async () => {
    const { id, allow } = await left('close');
    const flipped = flip(id, 'finish');
    await until(() => here.host.find(id)?.state === 'waiting');
    await allow();
    expect((await flipped).backend).toBe('claude_pty');
    expect(here.backend.continued).toEqual([{ outcome: 'allow' }]);
    const types = (await here.log(id)).map(({ type }) => type);
    expect(types.lastIndexOf('turn_finished')).toBeLessThan(types.lastIndexOf('chat_updated'));
  });
});

describe('DECIDE-16: a flip to an engine that can continue the call', () => {
  let other: ScriptedBackend;
  beforeEach(async () => {
    await here.close();
    other = new ScriptedBackend(undefined, 'claude_pty');
    other.openCalls = new Set([toolCallId]);
    here = await open({ other });
    here.backend.script = async function* (turn) {
      yield said(`It was ${(yield* turn.ask({ toolName: 'Bash', toolCallId })).outcome}.`);
      yield finished();
    };
  });

  async function asking() {
    const { id } = await here.createChat();
    await here.chats.submitPrompt(id, { content: 'go' });
    const [asked] = await here.events(id, 'decision_requested');
    return { id, decisionId: asked!.decisionId };
  }
  const flip = (id: string, running?: 'finish' | 'interrupt') =>
    here.chats.patchChat(id, { backend: 'claude_pty', ...(running ? { running } : {}) });

  test.each([undefined, 'finish', 'interrupt'] as const)(
    'takes the decision along, and its answer runs the call there (running: %s)',
    async (running) => {
      const { id, decisionId } = await asking();
      await here.chats.submitPrompt(id, { content: 'later' });
      expect(await flip(id, running)).toMatchObject({ backend: 'claude_pty', state: 'waiting' });
      expect(here.backend.sessions.size).toBe(0);
      const [ended] = await here.events(id, 'turn_finished');
      expect(ended).toMatchObject({ outcome: 'interrupted', openDecisionIds: [decisionId] });
      expect(await here.events(id, 'decision_resolved', 0)).toEqual([]);
      await here.chats.answerDecision(decisionId, { outcome: 'allow' });
      await here.events(id, 'turn_finished', 3);
      expect([here.backend.continued, other.continued]).toEqual([[], [{ outcome: 'allow' }]]);
      const turns = await here.events(id, 'turn_started', 3);
      expect(turns.map(({ continuesTurnId }) => continuesTurnId)).toEqual([undefined, ended!.turnId, undefined]);
    },
  );

  test('takes one along whose process was gone already, and back again', async () => {
    const { id, decisionId } = await asking();
    await flip(id);
    expect((await here.chats.patchChat(id, { backend: 'claude_sdk' })).state).toBe('waiting');
    await here.chats.answerDecision(decisionId, { outcome: 'deny' });
    await here.events(id, 'turn_finished', 2);
    expect(here.backend.continued).toEqual([{ outcome: 'deny' }]);
  });

  test('does not, while the process also works in the background, unless it may end that', async () => {
    const { id, decisionId } = await asking();
    here.backend.tell(id, {
      type: 'background_tasks',
      tasks: [{ taskId: 'task', kind: 'bash', description: 'serve' }],
    });
    await here.events(id, 'background_tasks');
    await expect(flip(id)).rejects.toMatchObject({ code: 'chat_busy' });
    expect(here.backend.sessions.size).toBe(1);
    expect(await flip(id, 'interrupt')).toMatchObject({ backend: 'claude_pty', state: 'waiting' });
    await here.chats.answerDecision(decisionId, { outcome: 'allow' });
    await here.events(id, 'turn_finished', 2);
    expect(other.continued).toEqual([{ outcome: 'allow' }]);
  });

  test('a move takes none along: the call would run in another directory', async () => {
    const { id } = await asking();
    const cwd = join(here.cwd, 'next');
    await mkdir(cwd);
    const move = (running: 'refuse' | 'interrupt') => here.chats.patchChat(id, { cwd, backend: 'claude_pty', running });
    await expect(move('refuse')).rejects.toMatchObject({ code: 'chat_busy' });
    await move('interrupt');
    expect(await here.events(id, 'decision_resolved')).toMatchObject([{ outcome: 'cancelled' }]);
  });

  test('its terminal does not open before the answer, and says why', async () => {
    const { id } = await asking();
    await flip(id);
    await expect(here.chats.openTerminal(id)).rejects.toMatchObject({ code: 'terminal_unavailable' });
    await expect(here.chats.openTerminal(id)).rejects.toThrow('waited for an answer');
  });
});
