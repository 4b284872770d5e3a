// The continued calls of one chat, without the chat: its log is real; its queue, its session and its agent only record.
import { randomUUID } from 'node:crypto';
import { afterAll, beforeAll, beforeEach, describe, expect, test } from 'vitest';
import { openChatLog, openChatSettings } from '../../test/support/open-chat-log.ts';
import { anActor } from '../../test/support/owners-chats.ts';
import { createTestDatabase, type TestDatabase } from '../../test/support/postgres.ts';
import type { AgentBackend, AgentSession, ContinuedCall } from '../agents/agent-backend.ts';
import type { Decision } from '../protocol/decision.ts';
import { openAgentSession } from '../store/agent-sessions.ts';
import { findDecision, findOpenDecisions, insertDecision, type NewDecision } from '../store/decisions.ts';
import { readEvents } from '../store/events.ts';
import { FencedError } from '../store/storage-error.ts';
import type { ChatContext } from './chat-context.ts';
import type { ChatLog } from './chat-log.ts';
import type { ChatSession } from './chat-session.ts';
import { ChatStateMachine } from './chat-state-machine.ts';
import { canContinue, ContinuedCalls } from './continued-calls.ts';
import { lettingGo } from './storage.ts';
import type { DecisionIds } from './turn.ts';
import type { Turns } from './turns.ts';

let database: TestDatabase;
let log: ChatLog;
let state: ChatStateMachine;
let context: ChatContext;
let calls: ContinuedCalls;
let ids: DecisionIds;
let sessionId: string;
let backend: { -readonly [K in keyof AgentBackend]?: AgentBackend[K] };
/** What the agent does with the call that it is to continue. */
let onCall: (call: ContinuedCall) => Promise<void>;
let isClosed: boolean;
/** What the queue, the session and the turns were told, in order. */
let told: unknown[];
/** The end of the task that was added. */
let done: Promise<unknown>;
beforeAll(async () => {
  database = await createTestDatabase();
});
afterAll(() => database.drop());
beforeEach(async () => {
  const { sql } = database;
  log = await openChatLog(sql);
  const settings = await openChatSettings(sql, log);
  sessionId = randomUUID();
  await openAgentSession(sql, log.lease, { agent: 'claude', backend: 'claude_sdk', sessionId });
  [state, told, isClosed] = [new ChatStateMachine(() => {}), [], false];
  const tell = (...what: unknown[]) => void told.push(what);
  backend = { canContinue: () => Promise.resolve(true) };
  onCall = (call) => call.onAsked();
  const queue = {
    addTask: (kind: string, work: () => Promise<unknown>, options: object) => {
      tell('task', kind, options);
      done = work();
      return done;
    },
    assertOpen() {
      if (isClosed) throw lettingGo();
    },
  };
  const session = {
    continueCall: (call: ContinuedCall) => (tell('call', call), onCall(call)),
    noteRules: (rules: readonly string[]) => void (rules.length > 0 && tell('rules', ...rules)),
  };
  const turns = {
    recordUnprompted: ({ continuesTurnId }: { continuesTurnId?: string }) =>
      Promise.resolve(tell('record', continuesTurnId)),
  };
  const agents = { backendFor: () => backend, agentFor: () => ({ foldSummary: () => ({ data: {} }) }) };
  const logger = { warn: (...line: unknown[]) => tell('warn', ...line) };
  context = { sql, log, settings, state, queue, agents, logger } as unknown as ChatContext;
  ids = { pending: new Set(), kept: new Set(), unheard: new Set(), denied: new Map() };
  calls = new ContinuedCalls(context, {
    session: session as unknown as ChatSession,
    turns: turns as unknown as Turns,
    ids,
  });
});

/** A decision about a call whose process is gone. */
async function asked(about: Partial<NewDecision> = {}): Promise<Decision> {
  const { sql } = database;
  const { chatId } = log.lease;
  const [id, turnId] = [randomUUID(), randomUUID()];
  const call = { kind: 'permission', title: 'Bash: a', input: {} } as const;
  const tool = { toolName: 'Bash', toolCallId: 'call', canAllowAlways: true, alwaysScope: [] };
  await sql`insert into boocode.turns (id, chat_id, epoch, outcome) values (${turnId}, ${chatId}, 1, 'interrupted')`;
  await insertDecision(sql, { id, chatId, turnId, ...call, ...tool, ...about });
  return (await findDecision(sql, id))!;
}

const answer = { outcome: 'allow', input: { command: 'b' } } as const;
const isOpen = async (): Promise<boolean> => (await findOpenDecisions(database.sql, log.lease.chatId)).length > 0;
const events = () => readEvents(database.sql, log.lease.chatId, { after: 0, limit: 100 });
const heard = (what: string) => told.filter((it) => (it as string[])[0] === what);

/** Checks that the answer had no effect, and that the log says why. */
async function assertGivenUp(decision: Decision, why: string): Promise<void> {
  const message = `“Bash: a” was answered, but the agent’s process had ended and the call could not be continued: ${why}.`;
  const data = { decisionId: decision.id, toolCallId: 'call' };
  const notice = { type: 'notice', level: 'warning', code: 'decision_without_effect', message, data };
  expect(await events()).toMatchObject([notice]);
  expect(await isOpen()).toBe(false);
}

describe('DECIDE-14: an answer without its process', () => {
  test('goes before all else, with its call, and belongs to the turn that asked', async () => {
    const decision = await asked();
    let wasOpen: unknown[] = [];
    onCall = async (call) => {
      wasOpen = [await isOpen(), ids.unheard.size];
      await call.onAsked(['Bash(a)']);
      wasOpen.push(await isOpen(), ids.unheard.size);
      expect(state.interrupt(anActor)).toBe(true);
    };
    calls.add(decision, answer);
    await done;
    const call = {
      toolCallId: 'call',
      answer,
      waitingCallIds: [],
      finishedCallIds: [],
      onAsked: expect.any(Function) as unknown,
    };
    expect(told).toEqual([
      ['task', 'continuation', { isFirst: true }],
      ['call', call],
      ['rules', 'Bash(a)'],
      ['record', decision.turnId],
    ]);
    expect([wasOpen, await events(), state.interrupt(anActor)]).toEqual([[true, 1, false, 0], [], false]);
  });

  test('DECIDE-15: is handed over once, also to an agent that asks twice or is lost then', async () => {
    let handed = 0;
    const handOver = calls.handOver.bind(calls);
    calls.handOver = (decision) => ((handed += 1), handOver(decision));
    onCall = async (call) => {
      await call.onAsked();
      await call.onAsked();
      throw new Error('It was lost.');
    };
    calls.add(await asked(), answer);
    await done;
    expect([handed, heard('call').length, heard('record').length, await events()]).toEqual([1, 1, 1, []]);
  });

  test('DECIDE-16: that is interrupted while its process starts is still recorded, and the agent interrupted', async () => {
    const handle = { interrupt: () => Promise.resolve(void told.push(['interrupt'])) } as Partial<AgentSession>;
    for (const how of ['interrupted', 'lost', 'untouched']) {
      onCall = async (call) => {
        const done = Promise.resolve();
        state.moveSession({ is: 'opening', abort: new AbortController(), done, mcpServers: null });
        if (how !== 'untouched') state.interrupt(anActor);
        await call.onAsked();
        if (how === 'lost') throw new Error('It was lost.');
        state.moveSession({ is: 'ready', handle: handle as AgentSession, directory: undefined, mcpServers: null });
      };
      calls.add(await asked(), answer);
      await done;
      state.moveSession({ is: 'cold' });
    }
    const order = told.map((it) => (it as string[])[0]).join();
    expect(order).toBe('task,call,interrupt,record,task,call,record,task,call,record');
  });

  test('DECIDE-15: is given up when its session has moved on, before or between two tries', async () => {
    const decision = await asked();
    let looks = 0;
    backend.canContinue = (session, toolCallId) => {
      looks += 1;
      expect([session.sessionId, toolCallId]).toEqual([sessionId, 'call']);
      return Promise.resolve(looks === 1);
    };
    onCall = () => Promise.resolve();
    calls.add(decision, answer);
    await done;
    expect([looks, heard('call').length]).toEqual([2, 1]);
    await assertGivenUp(decision, 'its session has moved on');
  });

  test.each([
    ['the agent did not take it up', () => Promise.resolve()],
    ['The program is missing', () => Promise.reject(new Error('The program is missing'))],
  ])('DECIDE-15: is given up after three tries: %s', async (why, happens) => {
    const decision = await asked();
    onCall = happens;
    calls.add(decision, answer);
    await done;
    expect([heard('call').length, heard('record').length]).toEqual([3, 3]);
    await assertGivenUp(decision, why);
  });

  test('DECIDE-15: stays open for the next host if this one releases the chat or has lost it', async () => {
    const decision = await asked();
    const line = { chatId: log.lease.chatId, decisionId: decision.id };
    const message = 'An answer could not be given to its agent yet.';
    isClosed = true;
    calls.add(decision, answer);
    await expect(done).rejects.toMatchObject({ code: 'shutting_down' });
    expect(told.splice(0)[1]).toMatchObject(['warn', { ...line, err: { code: 'shutting_down' } }, message]);
    isClosed = false;
    onCall = async (call) => {
      await database.sql`update boocode.chats set epoch = epoch + 1 where id = ${log.lease.chatId}`;
      await call.onAsked();
    };
    calls.add(decision, answer);
    await expect(done).rejects.toBeInstanceOf(FencedError);
    expect(heard('warn')).toEqual([['warn', { ...line, err: expect.any(FencedError) as unknown }, message]]);
    expect([heard('call').length, heard('record'), await isOpen(), await events()]).toEqual([1, [], true, []]);
    expect(state.interrupt(anActor)).toBe(false);
  });
});

test('DECIDE-19: a continued call knows which others wait, and which have a result', async () => {
  const decision = await asked();
  await asked({ toolCallId: 'other' });
  await asked({ toolCallId: null });
  const call = { toolCallId: 'done', status: 'completed' as const, content: [], rawOutput: null };
  const body = { type: 'tool_call_update' as const, ...call };
  await log.append({ events: [{ turnId: decision.turnId!, body }] });
  calls.add(decision, answer);
  await done;
  expect(heard('call')).toMatchObject([['call', { waitingCallIds: ['other'], finishedCallIds: ['done'] }]]);
});

describe('DECIDE-15: a denial', () => {
  const denial = { outcome: 'deny', message: 'no' } as const;
  /** The call has its result, or its turn has ended in order. */
  const settle = () => ids.denied.delete('call');

  test('stays open when it is given, and is given no more once its call has a result', async () => {
    const decision = await asked();
    let wasOpen: boolean | undefined;
    onCall = async (call) => {
      await call.onAsked();
      expect(ids.denied.get('call')).toEqual({ decision, answer: denial, isContinued: true });
      wasOpen = await isOpen();
      settle();
    };
    calls.add(decision, denial);
    await done;
    expect([wasOpen, heard('call').length, await events()]).toEqual([true, 1, []]);
  });

  test('is given again to the next process if one ends before the call has a result', async () => {
    onCall = async (call) => {
      await call.onAsked();
      if (heard('call').length === 2) settle();
    };
    calls.add(await asked(), denial);
    await done;
    expect([heard('call').length, await events()]).toEqual([2, []]);
  });

  test('of a call that has a result by now, or that its session has left behind, is no problem, and the log says so', async () => {
    const decision = await asked();
    backend.canContinue = () => Promise.resolve(false);
    calls.add(decision, denial);
    await done;
    expect(await events()).toMatchObject([
      { type: 'notice', level: 'info', code: 'decision_without_effect', data: { decisionId: decision.id } },
    ]);
    expect([await isOpen(), ids.unheard.size]).toEqual([false, 0]);
  });
});

describe('DECIDE-20: an answer to a sub-agent whose process is gone', () => {
  const subagentCallId = 'agent-call';
  const input = { command: 'b' };
  const allowed = { outcome: 'allow' } as const;

  test('starts the sub-agent over, and is for what it asks again', async () => {
    calls.add(await asked({ subagentCallId, input }), allowed);
    await done;
    const asksAgain = { toolName: 'Bash', input };
    expect(heard('call')).toMatchObject([['call', { toolCallId: 'agent-call', answer: allowed, asksAgain }]]);
    expect([await isOpen(), await events()]).toEqual([false, []]);
  });

  test('is given up after one run in which the sub-agent did not ask for the same again', async () => {
    const decision = await asked({ subagentCallId, input });
    onCall = () => Promise.resolve();
    calls.add(decision, allowed);
    await done;
    expect(heard('call')).toHaveLength(1);
    await assertGivenUp(decision, 'the sub-agent that asked has started over, and did not ask for the same again');
  });

  test('that denies is for the agent, which is told what was denied: nothing starts over', async () => {
    onCall = (call) => call.onAsked().then(() => ids.denied.clear());
    for (const message of ['not today', undefined]) {
      calls.add(await asked({ subagentCallId, input }), { outcome: 'deny', message });
      await done;
    }
    const said = (heard('call') as [string, ContinuedCall][]).map(([, { answer, asksAgain }]) => [answer, asksAgain]);
    expect(said).toEqual([
      [{ outcome: 'deny', message: 'The sub-agent asked for “Bash: a”, and the user said no: not today' }, undefined],
      [{ outcome: 'deny', message: 'The sub-agent asked for “Bash: a”, and the user said no.' }, undefined],
    ]);
  });

  test('keeps its own call apart from those that other answers continue', async () => {
    const decision = await asked();
    await asked({ subagentCallId, toolCallId: 'inner' });
    calls.add(decision, answer);
    await done;
    expect(heard('call')).toMatchObject([['call', { waitingCallIds: ['agent-call'] }]]);
    expect(await canContinue(context, { kind: 'permission', toolCallId: 'inner', subagentCallId })).toBe(true);
    const seen: string[] = [];
    backend.canContinue = (_, id) => Promise.resolve(seen.push(id) > 0);
    await canContinue(context, { kind: 'permission', toolCallId: 'inner', subagentCallId });
    expect(seen).toEqual(['agent-call']);
  });
});

describe('DECIDE-14: whether a call can be continued', () => {
  const call = { kind: 'permission', toolCallId: 'call', subagentCallId: null } as const;

  test('is for the agent to say, by its stored session', async () => {
    for (const says of [true, false]) {
      backend.canContinue = () => Promise.resolve(says);
      expect(await canContinue(context, call)).toBe(says);
    }
  });

  test('is not asked for a form, for what is no call, of an agent that continues none, or without a session', async () => {
    let looks = 0;
    backend.canContinue = () => Promise.resolve((looks += 1) > 0);
    expect(await canContinue(context, { ...call, kind: 'form' })).toBe(false);
    expect(await canContinue(context, { ...call, toolCallId: null })).toBe(false);
    const { canContinue: ofAgent } = backend;
    backend = {};
    expect(await canContinue(context, call)).toBe(false);
    backend = { canContinue: ofAgent };
    await database.sql`delete from boocode.agent_sessions where chat_id = ${log.lease.chatId}`;
    expect(await canContinue(context, call)).toBe(false);
    expect(looks).toBe(0);
  });
});
