// The decisions of one chat, without the chat: its log is real; its session, its agent and its continued calls only record.
import { randomUUID } from 'node:crypto';
import { afterAll, beforeAll, beforeEach, describe, expect, test } from 'vitest';
import { ManualClock } from '../../test/support/manual-clock.ts';
import { openChatLog, openChatSettings } from '../../test/support/open-chat-log.ts';
import { anActor } from '../../test/support/owners-chats.ts';
import { createTestDatabase, type TestDatabase } from '../../test/support/postgres.ts';
import type { AgentBackend, AgentSession, AnswerCheck, DecisionAnswer } from '../agents/agent-backend.ts';
import type { Decision } from '../protocol/decision.ts';
import type { Event } from '../protocol/event.ts';
import { doneByActor } from '../protocol/principal.ts';
import { findDecision, insertDecision, type NewDecision } from '../store/decisions.ts';
import { readEvents } from '../store/events.ts';
import { FencedError } from '../store/storage-error.ts';
import type { ChatContext } from './chat-context.ts';
import type { ChatLog } from './chat-log.ts';
import { ChatStateMachine } from './chat-state-machine.ts';
import { OpenDecisions, type OpenDecisionsParts } from './open-decisions.ts';
import type { DecisionIds } from './turn.ts';

const idleTimeoutMs = 60_000;
let database: TestDatabase;
let log: ChatLog;
let state: ChatStateMachine;
let clock: ManualClock;
let ids: DecisionIds;
let decisions: OpenDecisions;
let waits: { hasBackground: boolean; takeOver(decision: Decision): void };
/** What the session, the continued calls and the rest of the chat were told, in order. */
let told: unknown[];
/** What the agent can do, and what it says. */
let handle: { -readonly [K in keyof AgentSession]?: AgentSession[K] };
let backend: { -readonly [K in keyof AgentBackend]?: AgentBackend[K] };
let handOver: () => void;
beforeAll(async () => {
  database = await createTestDatabase();
});
afterAll(() => database.drop());
beforeEach(async () => {
  const { sql } = database;
  log = await openChatLog(sql, { onStored: (event) => decisions.noted(event) });
  const settings = await openChatSettings(sql, log);
  [state, clock, told] = [new ChatStateMachine(() => {}), new ManualClock(), []];
  ids = { pending: new Set(), kept: new Set(), unheard: new Set(), denied: new Map() };
  const tell = (...what: unknown[]) => void told.push(what);
  handle = {
    checkAnswer: (id, answer) => (tell('check', id, answer), Promise.resolve('fine')),
    resolve: (id, answer) => (tell('resolve', id, answer), true),
  };
  backend = { canContinue: () => Promise.resolve(true) };
  handOver = () => {};
  waits = { hasBackground: false, takeOver: ({ id }) => tell('wait', id) };
  const session = {
    close: () => Promise.resolve(tell('close')),
    noteRules: (rules: readonly string[]) => tell('rules', ...rules),
  };
  const continued = {
    add: ({ id }: Decision, answer: DecisionAnswer) => tell('continue', id, answer),
    handOver: ({ id }: Decision) => (tell('hand over', id), handOver(), Promise.resolve()),
    takeBack: ({ id }: Decision) => Promise.resolve(tell('take back', id)),
  };
  const queue = { wake: () => tell('wake') };
  const logger = { warn: (...line: unknown[]) => tell('warn', ...line) };
  const agents = { backendFor: () => backend };
  const fail = (error: unknown) => tell('fail', error);
  const context = { sql, log, settings, state, clock, idleTimeoutMs, waits, queue, logger, agents, fail };
  const parts = { session, continued, ids };
  decisions = new OpenDecisions(context as unknown as ChatContext, parts as unknown as OpenDecisionsParts);
});

/** A decision that waits, about a call in a turn of its own. */
async function asked(where: 'pending' | 'kept', about: Partial<NewDecision> = {}): Promise<Decision> {
  const [id, turnId] = [randomUUID(), randomUUID()];
  const call = { kind: 'permission', title: 'Bash', input: { command: 'a' } } as const;
  const tool = { toolName: 'Bash', toolCallId: 'call', canAllowAlways: true, alwaysScope: [] };
  const { sql } = database;
  const { chatId } = log.lease;
  await sql`insert into boocode.turns (id, chat_id, epoch, outcome) values (${turnId}, ${chatId}, 1, 'interrupted')`;
  await insertDecision(sql, { id, chatId, turnId, ...call, ...tool, ...about });
  ids[where].add(id);
  return (await findDecision(database.sql, id))!;
}

/** The agent’s session is open, and in a turn if that has a name. */
function open(turnId?: string): void {
  state.moveSession({ is: 'opening', abort: new AbortController(), done: Promise.resolve(), mcpServers: null });
  state.moveSession({ is: 'ready', handle: handle as AgentSession, directory: undefined, mcpServers: null });
  if (turnId !== undefined) state.beginTurn(turnId);
}

const events = (): Promise<Event[]> => readEvents(database.sql, log.lease.chatId, { after: 0, limit: 100 });
const isOpen = async ({ id }: Decision): Promise<unknown> => {
  const [row] = await database.sql`select is_open from boocode.decisions where id = ${id}`;
  return row?.['is_open'];
};
const note = (type: Event['type']): void => decisions.noted({ type } as Event);
const allow = { outcome: 'allow' } as const;

describe('an answer', () => {
  test('DECIDE-15: is stored as open until the agent is about to get it', async () => {
    const turnId = randomUUID();
    open(turnId);
    const decision = await asked('pending');
    let wasOpen: Promise<unknown> | undefined;
    handle.resolve = () => true;
    handOver = () => void (wasOpen = isOpen(decision));
    expect(await decisions.answer(decision, allow, anActor)).toBe(true);
    expect(told).toEqual([
      ['check', decision.id, allow],
      ['hand over', decision.id],
    ]);
    expect([await wasOpen, ids.pending.size, ids.unheard.size]).toEqual([true, 0, 0]);
    expect(await events()).toMatchObject([
      { type: 'decision_resolved', turnId, decisionId: decision.id, outcome: 'allow', ...doneByActor(anActor) },
    ]);
    expect(await findDecision(database.sql, decision.id)).toMatchObject({
      outcome: 'allow',
      by: anActor.principal.name,
    });
  });

  test('DECIDE-15: is for the next process if the agent no longer waits for it, or ends before it gets it', async () => {
    open(randomUUID());
    handle.resolve = () => false;
    const decided = [await asked('pending'), await asked('pending'), await asked('pending')];
    for (const [index, decision] of decided.entries()) {
      // The third one comes when the process is gone already.
      if (index === 1) handOver = () => state.moveSession({ is: 'cold' });
      await decisions.answer(decision, allow, anActor);
    }
    const heard = told.filter((it) => ['continue', 'take back'].includes((it as string[])[0]!));
    expect(heard).toEqual([
      // It was handed over.
      ...decided.slice(0, 2).flatMap(({ id }) => [
        ['take back', id],
        ['continue', id, allow],
      ]),
      ['continue', decided[2]!.id, allow],
    ]);
    expect([...ids.unheard]).toEqual(decided.map(({ id }) => id));
  });

  test('DECIDE-15: that denies is not handed over, and is given again if the process ends before the call has a result', async () => {
    open(randomUUID());
    const decision = await asked('pending');
    const denial = { outcome: 'deny', message: 'no' } as const;
    expect(await decisions.answer(decision, denial, anActor)).toBe(true);
    expect(told.splice(0).at(-1)).toEqual(['resolve', decision.id, denial]);
    expect([await isOpen(decision), ids.unheard.size, ids.denied.size]).toEqual([true, 0, 1]);
    note('agent_message');
    expect(told).toEqual([]);
    // Of a process that continues calls, its own task takes care.
    const continued = await asked('pending');
    ids.denied.set('other', { decision: continued, answer: denial, isContinued: true });
    note('turn_finished');
    expect(told).toEqual([['continue', decision.id, denial]]);
    expect([...ids.denied.keys()]).toEqual(['other']);

    handle.resolve = () => false;
    const late = await asked('pending');
    await decisions.answer(late, denial, anActor);
    expect(told.filter((it) => (it as string[])[0] !== 'check').at(-1)).toEqual(['continue', late.id, denial]);
    expect(ids.denied.has('call')).toBe(false);
  });

  test('DECIDE-14: to a decision that waits without a process belongs to the turn that asked, whatever process is open', async () => {
    const [first, second] = [await asked('kept'), await asked('kept')];
    await decisions.answer(first, allow, anActor);
    open();
    await decisions.answer(second, allow, anActor);
    expect(told).toEqual([
      ['continue', first.id, allow],
      ['continue', second.id, allow],
    ]);
    expect(await events()).toMatchObject([{ turnId: first.turnId }, { turnId: second.turnId }]);
    expect([await isOpen(first), decisions.isAsking]).toEqual([true, false]);
  });

  test('DECIDE-14: of the agent to one that waits without a process is checked by what was asked', async () => {
    const decision = await asked('kept', { input: { command: 'b' } });
    open();
    backend.checkKeptAnswer = (call, answer) => {
      told.push([call, answer]);
      return Promise.resolve({ field: 'input', message: 'must be text' });
    };
    await expect(decisions.answer(decision, allow, anActor)).rejects.toMatchObject({ details: { field: 'input' } });
    expect(told).toEqual([[{ toolName: 'Bash', input: { command: 'b' } }, allow]]);
    expect([ids.kept.size, await events()]).toEqual([1, []]);
    // Stored before tools had names here: there is nothing to check it by.
    const old = await asked('kept', { toolName: null });
    expect(await decisions.answer(old, allow, anActor)).toBe(true);
    backend.checkKeptAnswer = () => Promise.resolve('settled');
    expect(await decisions.answer(decision, allow, anActor)).toBe(true);
  });

  test('DECIDE-15: that no other process could take is given at once, or reported as having come too late', async () => {
    open(randomUUID());
    const requestedSchema = { type: 'object', properties: { pin: { type: 'string' } } };
    const form = await asked('pending', { kind: 'form', input: { serverName: 's', requestedSchema } });
    const old = await asked('pending', { toolCallId: null });
    const plain = await asked('pending');
    const heard = () => told.splice(0).filter((it) => (it as string[])[0] !== 'check');
    const filled = { outcome: 'allow', input: { pin: 'a secret' } } as const;
    await decisions.answer(form, filled, anActor);
    expect(heard()).toEqual([['resolve', form.id, filled]]);
    handle.resolve = () => false;
    await decisions.answer(old, allow, anActor);
    backend = {};
    await decisions.answer(plain, allow, anActor);
    const { chatId } = log.lease;
    const message = 'The agent no longer waited for this answer.';
    expect(heard()).toEqual([old, plain].map(({ id }) => ['warn', { chatId, decisionId: id }, message]));
    expect(await Promise.all([form, old, plain].map(isOpen))).toEqual([false, false, false]);
    // What was typed is only for the server that asked for it.
    const [row] = await database.sql`select answer from boocode.decisions where id = ${form.id}`;
    expect(JSON.parse(row!['answer'] as string)).toEqual({ outcome: 'allow' });
    expect(JSON.stringify(await events())).not.toContain('a secret');
  });

  test('that allows always makes the rules known that the agent keeps in the directory', async () => {
    open(randomUUID());
    const always = { outcome: 'allow_always' } as const;
    const heard = () => told.filter((it) => (it as string[])[0] === 'rules');
    await decisions.answer(await asked('pending'), always, anActor);
    expect(heard()).toEqual([['rules']]);
    handle.keptRules = (id) => [`Bash(${id})`];
    const decision = await asked('pending');
    await decisions.answer(decision, always, anActor);
    await decisions.answer(await asked('pending'), allow, anActor);
    expect(heard()).toEqual([['rules'], ['rules', `Bash(${decision.id})`]]);
    state.end();
    state.moveSession({ is: 'cold' });
    await decisions.answer(await asked('kept'), always, anActor);
    expect(heard().at(-1)).toEqual(['rules']);
  });

  test('that cannot be stored leaves the decision where it was', async () => {
    const decided = [await asked('pending'), await asked('kept')];
    await database.sql`update boocode.chats set epoch = epoch + 1 where id = ${log.lease.chatId}`;
    for (const decision of decided)
      await expect(decisions.answer(decision, allow, anActor)).rejects.toBeInstanceOf(FencedError);
    expect([[...ids.pending], [...ids.kept]]).toEqual(decided.map(({ id }) => [id]));
    expect([told, ids.unheard.size]).toEqual([[], 0]);
  });

  test('DECIDE-2: to a decision that nothing waits for, or no longer once it was checked, settles nothing', async () => {
    open(randomUUID());
    const decision = await asked('pending');
    ids.pending.clear();
    // Nobody needs to know what would be wrong with it.
    backend.checkKeptAnswer = () => Promise.resolve({ field: 'input', message: 'must be text' });
    expect(await decisions.answer(decision, allow, anActor)).toBe(false);
    expect(told).toEqual([]);
    for (const check of ['fine', 'settled'] as const) {
      ids.pending.add(decision.id);
      handle.checkAnswer = () => (ids.pending.clear(), Promise.resolve(check));
      expect(await decisions.answer(decision, allow, anActor)).toBe(false);
    }
    expect([await events(), clock.nextMs]).toEqual([[], null]);
  });

  test('DECIDE-17: that meets the end of its process is for the next one', async () => {
    open(randomUUID());
    const decision = await asked('pending');
    handle.checkAnswer = (id): Promise<AnswerCheck> => {
      ids.pending.delete(id);
      ids.kept.add(id);
      state.end();
      state.moveSession({ is: 'cold' });
      return Promise.resolve('settled');
    };
    expect(await decisions.answer(decision, allow, anActor)).toBe(true);
    expect(told).toEqual([['continue', decision.id, allow]]);
  });
});

describe('DECIDE-3: an answer to a decision that the agent has settled', () => {
  /** Whether it is answered. */
  let isDone: boolean;
  let answer: Promise<boolean>;
  let decision: Decision;
  beforeEach(async () => {
    open(randomUUID());
    decision = await asked('pending');
    await asked('pending');
    decisions.stop();
    isDone = false;
    handle.checkAnswer = () => Promise.resolve('settled');
    answer = decisions.answer(decision, allow, anActor).finally(() => (isDone = true));
    // Once another write has been made, this one has been decided.
    await log.settled();
    await events();
  });

  test('waits for the event that says how', async () => {
    expect(clock.nextMs).toBe(5_000);
    note('decision_resolved');
    decisions.stop();
    await events();
    ids.pending.delete(decision.id);
    note('agent_message');
    decisions.stop();
    await events();
    expect(isDone).toBe(false);
    note('decision_resolved');
    decisions.stop();
    expect(await answer).toBe(false);
    expect([clock.nextMs, told, await events()]).toEqual([null, [], []]);
  });

  test('does not wait for ever', async () => {
    clock.advance(4_999);
    await events();
    expect(isDone).toBe(false);
    clock.advance(1);
    expect(await answer).toBe(false);
  });
});

describe('DECIDE-17: the process of a turn that waits for a person', () => {
  let isSuspended: boolean;
  beforeEach(() => {
    isSuspended = true;
    handle.suspend = () => (told.push(['suspend']), Promise.resolve(isSuspended));
  });

  test('is freed at the idle limit after the last thing that happened, not before', async () => {
    open(randomUUID());
    await asked('pending');
    note('agent_message');
    clock.advance(idleTimeoutMs - 1);
    note('agent_message');
    clock.advance(idleTimeoutMs - 1);
    expect(told).toEqual([]);
    clock.advance(1);
    await events();
    expect([told, clock.nextMs]).toEqual([[['suspend'], ['close']], null]);
  });

  test('is kept while something runs in the background', async () => {
    open(randomUUID());
    await asked('pending');
    note('agent_message');
    waits.hasBackground = true;
    clock.advance(idleTimeoutMs);
    await events();
    expect(told).toEqual([]);
  });

  test('waits for no time after the turn has ended, the last answer was given, or the chat was released', async () => {
    open(randomUUID());
    await asked('pending');
    for (const end of [
      () => note('turn_finished'),
      () => decisions.stop(),
      () => (ids.pending.clear(), note('agent_message')),
    ]) {
      note('agent_message');
      expect(clock.nextMs).toBe(idleTimeoutMs);
      end();
      expect(clock.nextMs).toBeNull();
    }
    decisions.stop();
  });

  test('that cannot be freed in order makes the chat be given up', async () => {
    open(randomUUID());
    await asked('pending');
    const error = new Error('odd');
    handle.suspend = () => Promise.reject(error);
    note('agent_message');
    clock.advance(idleTimeoutMs);
    await events();
    expect(told).toEqual([['fail', error]]);
  });

  test('is freed only if it runs one, waits, and would lose nothing', async () => {
    open();
    await asked('pending');
    expect(await decisions.suspend()).toBe(false);
    state.beginTurn(randomUUID());
    ids.pending.clear();
    expect(await decisions.suspend()).toBe(false);
    expect(told).toEqual([]);
    await asked('pending');
    isSuspended = false;
    expect(await decisions.suspend()).toBe(false);
    delete handle.suspend;
    expect(await decisions.suspend()).toBe(false);
    expect(told).toEqual([['suspend']]);
    handle.suspend = () => Promise.resolve(true);
    expect(await decisions.suspend()).toBe(true);
    expect(told).toEqual([['suspend'], ['close']]);
    state.moveSession({ is: 'cold' });
    expect(await decisions.suspend()).toBe(false);
  });
});

describe('DECIDE-14: decisions that wait without a process', () => {
  test('are taken over from the chat’s last holder, and an answer that no agent got is given', async () => {
    const [left, answered] = [await asked('pending'), await asked('pending')];
    ids.pending.clear();
    expect([decisions.isAsking, decisions.isWaiting]).toEqual([false, false]);
    decisions.takeOver([
      { decision: answered, answer: allow },
      { decision: left, answer: null },
    ]);
    expect(told).toEqual([
      ['wait', left.id],
      ['continue', answered.id, allow],
    ]);
    expect([[...ids.kept], decisions.isAsking, decisions.isWaiting]).toEqual([[left.id], true, true]);
  });

  test('DECIDE-16: are cancelled once, all of them, and the prompts behind them run', async () => {
    expect([await decisions.cancel(anActor), told]).toEqual([false, []]);
    const pending = await asked('pending');
    expect([decisions.isAsking, decisions.isWaiting]).toEqual([true, false]);
    const kept = [await asked('kept'), await asked('kept')];
    expect([await decisions.cancel(anActor), told]).toEqual([true, [['wake']]]);
    expect(await decisions.cancel(anActor)).toBe(false);
    const outcome = 'cancelled';
    expect(await events()).toMatchObject(
      kept.map(({ id }) => ({ type: 'decision_resolved', decisionId: id, outcome, ...doneByActor(anActor) })),
    );
    for (const { id } of kept) expect(await findDecision(database.sql, id)).toMatchObject({ outcome });
    expect([...ids.pending]).toEqual([pending.id]);
    expect(await findDecision(database.sql, pending.id)).toMatchObject({ outcome: null });
  });
});
