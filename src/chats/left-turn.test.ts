import { randomUUID } from 'node:crypto';
import { afterAll, beforeAll, beforeEach, expect, test } from 'vitest';
import { openChatLog } from '../../test/support/open-chat-log.ts';
import { createTestDatabase, type TestDatabase } from '../../test/support/postgres.ts';
import type { TurnTraces } from '../agents/agent-backend.ts';
import type { EventBody, Usage } from '../protocol/event.ts';
import { noUsage } from '../protocol/usage.ts';
import { PostgresSessionStore } from '../session-store.ts';
import { openAgentSession } from '../store/agent-sessions.ts';
import { insertDecision, settleDecision } from '../store/decisions.ts';
import type { NewEvent } from '../store/events.ts';
import { finishTurn, insertTurn } from '../store/turns.ts';
import { sumUsage } from '../store/usage-ledger.ts';
import type { ChatLog } from './chat-log.ts';
import { lookAtLeftTurn } from './left-turn.ts';
import { asideCostAdded, costAdded } from './session-cost.ts';

let database: TestDatabase;
let log: ChatLog;
let turnId: string;
/** What was read of the transcript. */
let read: number[];
beforeAll(async () => {
  database = await createTestDatabase();
});
afterAll(() => database.drop());
beforeEach(async () => {
  log = await openChatLog(database.sql);
  turnId = randomUUID();
  read = [];
  await openAgentSession(database.sql, log.lease, { agent: 'claude', backend: 'claude_sdk', sessionId: randomUUID() });
  await insertTurn(database.sql, log.lease, turnId);
});

const store = (entries: object[]): Promise<void> =>
  new PostgresSessionStore({ sql: database.sql }).append(
    { projectKey: log.lease.chatId, sessionId: 's' },
    entries.map((entry) => ({ type: 'assistant', ...entry })),
  );

const look = (seen: Record<string, Usage> = {}, finishedCalls: string[] = []) => {
  const traces: TurnTraces = {
    add: (json) => void read.push((JSON.parse(json) as { n: number }).n),
    seen,
    spent: seen,
    finishedCalls: new Set(finishedCalls),
  };
  return lookAtLeftTurn(database.sql, log, turnId, traces);
};

/** A call with this id, or an unknown one, that a person allowed. */
async function allow(title: string, toolCallId: string | null): Promise<string> {
  const { chatId } = log.lease;
  const call = { kind: 'permission' as const, toolName: 'Bash', input: {}, canAllowAlways: false, alwaysScope: [] };
  const id = randomUUID();
  await insertDecision(database.sql, { id, chatId, turnId, title, toolCallId, ...call });
  await settleDecision(database.sql, id, { outcome: 'allow', by: 'owner' });
  return id;
}

const booked = async (): Promise<unknown> => {
  const [row] = await database.sql<{ models: string }[]>`
    select model_usage::text as models from boocode.agent_sessions where chat_id = ${log.lease.chatId}`;
  return JSON.parse(row!.models);
};

test('TURN-15: all that a left turn has in its transcript is looked at, in order', async () => {
  const numbers = Array.from({ length: 120 }, (_, n) => n);
  await store(numbers.map((n) => ({ n })));
  await look();
  expect(read).toEqual(numbers);
});

test('TURN-15: what a left turn used is in its end, reported and booked', async () => {
  const usage = { ...noUsage, inputTokens: 5, outputTokens: 7 };
  const left = await look({ m: usage });
  expect(left.usage).toEqual(usage);
  expect(left.write.events).toMatchObject([{ turnId, body: { type: 'notice', code: 'turn_cost_unknown' } }]);
  await log.append(left.write);
  expect(await booked()).toEqual({ m: { ...usage, costUsd: 0 } });
});

test('USAGE-4: what a left turn used has no price until the session’s later notice has its dollars', async () => {
  const unpriced = async () => (await sumUsage(database.sql, { chatId: log.lease.chatId })).unpricedTokens;
  await log.append((await look({ m: { ...noUsage, inputTokens: 5, outputTokens: 7 } })).write);
  expect(await unpriced()).toBe(12);
  const late = { costUsd: 0.5, models: { m: { ...noUsage, costUsd: 0.5 } } };
  await log.append(asideCostAdded(log, 'claude', late)!);
  expect(await unpriced()).toBe(12);
  await log.append(costAdded(log, 'claude', late)!);
  expect(await unpriced()).toBe(0);
});

test('TURN-15: a left turn that used nothing books nothing', async () => {
  const left = await look();
  expect(left).toMatchObject({ usage: noUsage, write: { events: [] } });
  expect(left.write.side?.(database.sql)).toEqual([]);
  expect(await booked()).toEqual({});
});

test('DECIDE-4: a call of a left turn that was allowed and has no result is reported before what it used', async () => {
  await allow('make a', 'a');
  const body = { type: 'tool_call_update' as const, toolCallId: 'a', status: 'completed' as const };
  await log.append({ events: [{ turnId, body: { ...body, content: [], rawOutput: null } }] });
  const lost = await allow('make b', 'b');
  const unknown = await allow('Which?', null);
  const { write } = await look({ m: { ...noUsage, outputTokens: 1 } }, ['a']);
  const notice = (title: string, data: object): NewEvent => ({
    turnId,
    body: {
      type: 'notice',
      level: 'warning',
      code: 'decision_without_result',
      message:
        `“${title}” was allowed and the answer stored, but the host ended before there was a result: ` +
        'it is unknown whether it ran, or how far. Check before you send the prompt again.',
      data: { ...data },
    },
  });
  expect(write.events).toEqual([
    notice('make b', { decisionId: lost, toolCallId: 'b' }),
    notice('Which?', { decisionId: unknown, toolCallId: null }),
    expect.objectContaining({ body: expect.objectContaining({ code: 'turn_cost_unknown' }) as unknown }),
  ]);
});

test('DECIDE-13: a call whose result only the transcript has is reported as one that has run', async () => {
  const decisionId = await allow('make a', 'a');
  const { write } = await look({}, ['a']);
  expect(write.events).toMatchObject([
    { turnId, body: { type: 'notice', level: 'info', code: 'decision_without_result', data: { decisionId } } },
  ]);
  expect(JSON.stringify(write.events)).toContain('has run, and the agent has its result, but the host ended');
});

test('DECIDE-13: so is a call that another turn asked about and this one continued, unless its result is in the log', async () => {
  await allow('finished', 'a');
  const lost = await allow('lost', 'b');
  const asked = turnId;
  turnId = randomUUID();
  const result: EventBody = {
    type: 'tool_call_update',
    toolCallId: 'a',
    status: 'completed',
    content: [],
    rawOutput: null,
  };
  const start: EventBody = { type: 'turn_started', turnId, promptIds: [], continuesTurnId: asked };
  await log.append({
    events: [
      { turnId: asked, body: result },
      { turnId, body: start },
    ],
    side: (db) => [finishTurn(db, { id: asked, outcome: 'interrupted', usage: noUsage, costUsd: 0 })],
  });
  await insertTurn(database.sql, log.lease, turnId);
  const [notice, ...others] = (await look()).write.events;
  expect(notice).toMatchObject({ turnId, body: { code: 'decision_without_result', data: { decisionId: lost } } });
  expect(others).toEqual([]);
});
