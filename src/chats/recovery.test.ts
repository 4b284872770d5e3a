import { randomUUID } from 'node:crypto';
import { afterAll, afterEach, beforeAll, beforeEach, expect, test } from 'vitest';
import { anActor } from '../../test/support/owners-chats.ts';
import { createTestDatabase, type TestDatabase } from '../../test/support/postgres.ts';
import { systemClock } from '../lib/clock.ts';
import { silentLog } from '../lib/log.ts';
import type { TurnTraces } from '../agents/agent-backend.ts';
import type { Decision } from '../protocol/decision.ts';
import type { DecisionKind } from '../protocol/decision.ts';
import { BooError } from '../protocol/error.ts';
import type { Usage } from '../protocol/event.ts';
import { noUsage } from '../protocol/usage.ts';
import { insertDecision, listDecisions, settleDecision } from '../store/decisions.ts';
import { type NewEvent, readEvents } from '../store/events.ts';
import { insertHost, stopHost } from '../store/hosts.ts';
import { claimLease } from '../store/leases.ts';
import { insertPrompt } from '../store/prompts.ts';
import { finishTurn, insertTurn, takePrompt } from '../store/turns.ts';
import { storeUnfinished, type UnfinishedMessage } from '../store/unfinished-messages.ts';
import { ChatLog } from './chat-log.ts';
import { Feed } from './feed.ts';
import { recoverChat, type RecoveryParts } from './recovery.ts';

let database: TestDatabase;
let host: string;
let chatId: string;
let turnId: string;
let log: ChatLog;
/** The turns and prompts for which recovery asked whether the agent was reached. */
let asked: string[];
let told: string[];
let traced: number;

beforeAll(async () => {
  database = await createTestDatabase();
});
afterAll(() => database.drop());

const enrol = async (): Promise<string> => {
  const id = randomUUID();
  await insertHost(database.sql, { id, machine: 'test', pid: 1, pidStarted: '', version: '0' });
  return id;
};

beforeEach(async () => {
  host = await enrol();
  [chatId, turnId] = [randomUUID(), randomUUID()];
  [asked, told, traced] = [[], [], 0];
  await database.sql`insert into boocode.chats (id, cwd, backend) values (${chatId}, '/', 'claude_sdk')`;
  const feed = new Feed({ read: () => Promise.resolve([]), find: () => Promise.resolve(null) }, { backlogBytes: 1 });
  log = new ChatLog({
    sql: database.sql,
    lease: (await claimLease(database.sql, chatId, host, 60_000))!,
    feed,
    clock: systemClock,
    logger: silentLog,
    retry: () => Promise.resolve(false),
    onStored() {},
    onFenced() {},
  });
});

afterEach(() => stopHost(database.sql, host));

const write = (events: NewEvent[], side: Parameters<ChatLog['append']>[0]['side']) => log.append({ events, side });
const note: NewEvent = { body: { type: 'notice', level: 'info', code: 'test', message: 'so far' } };

/** Leaves a turn running whose prompt `p1` was started for the second time. */
async function leaveTurn({ said = false } = {}): Promise<void> {
  const prompt = { id: 'p1', content: [{ type: 'text' as const, text: 'hello' }], actor: anActor };
  await write([note], (db) => [insertPrompt(db, log.lease, prompt)]);
  const started: NewEvent = { turnId, body: { type: 'turn_started', turnId, promptIds: ['p1'] } as never };
  await write([started], (db) => [
    insertTurn(db, log.lease, turnId),
    takePrompt(db, log.lease, { promptId: 'p1', turnId, starts: 2 }),
  ]);
  const message = { type: 'agent_message', messageId: 'm', content: { type: 'text', text: 'So' } } as const;
  if (said) await write([{ turnId, body: message as never }], undefined);
}

const ask = (id: string, kind: DecisionKind = 'permission') =>
  write([note], (db) => [
    insertDecision(db, {
      id,
      chatId,
      turnId,
      kind,
      title: 'Bash',
      input: {},
      toolName: 'Bash',
      toolCallId: null,
      canAllowAlways: false,
      alwaysScope: [],
    }),
  ]);

/** Recovers the chat and returns the events that this appends. */
async function recover(parts: Partial<RecoveryParts> = {}, seen: Record<string, Usage> = {}): Promise<object[]> {
  const after = log.lease.nextSeq - 1;
  const traces: TurnTraces = { add() {}, seen, spent: seen, finishedCalls: new Set() };
  await recoverChat({
    sql: database.sql,
    log,
    hostId: host,
    createTraces: () => Promise.resolve(((traced += 1), traces)),
    wasAsked: (turn, { id }) => Promise.resolve((asked.push(`${turn} ${id}`), false)),
    canContinue: () => Promise.resolve(false),
    afterInterruption: () => Promise.resolve({ continuation: null, next: 'Send the prompt again to continue.' }),
    onLeft: (decisions: readonly Decision[]) => told.push(...decisions.map(({ id }) => id)),
    ...parts,
  });
  return readEvents(database.sql, chatId, { after, limit: 100 });
}

const prompts = () => database.sql`select id, turn_id as turn, starts from boocode.prompts where chat_id = ${chatId}`;
const turns = () => database.sql`select outcome, error, usage, cost_usd from boocode.turns where chat_id = ${chatId}`;

test('TURN-2: writes nothing if nothing was left running', async () => {
  const updated = () => database.sql`select updated_at from boocode.chats where id = ${chatId}`;
  const before = await updated();
  expect(await recover()).toEqual([]);
  expect(await updated()).toEqual(before);
  expect([asked, told, traced]).toEqual([[], [], 0]);
});

test('TURN-7: a prompt that never reached its agent waits again, and keeps its number of starts', async () => {
  await leaveTurn();
  const error = {
    code: 'host_restarted',
    message: 'The host ended before the agent took the prompt, which waits again.',
  };
  const end = { outcome: 'interrupted', error, usage: noUsage, costUsd: 0 };
  expect(await recover()).toEqual([
    expect.objectContaining({ type: 'turn_finished', turnId, requeuedPromptIds: ['p1'], ...end }),
  ]);
  expect(asked).toEqual([`${turnId} p1`]);
  expect(await prompts()).toEqual([{ id: 'p1', turn: null, starts: 2 }]);
  expect(await turns()).toMatchObject([{ outcome: 'interrupted' }]);
});

test('TURN-26: a prompt whose answer had begun to stream does not wait again; what another turn left is not this one’s', async () => {
  await leaveTurn();
  const messages: UnfinishedMessage[] = [{ type: 'agent_thought', messageId: 'm', content: [], isPartial: true }];
  await storeUnfinished(database.sql, log.lease, turnId, messages);
  expect(await recover()).toMatchObject([
    { type: 'agent_thought', messageId: 'm', isPartial: true, turnId },
    { type: 'turn_finished', turnId },
  ]);
  expect([asked, await prompts()]).toEqual([[], [{ id: 'p1', turn: turnId, starts: 2 }]]);
  await storeUnfinished(database.sql, log.lease, randomUUID(), messages);
  await database.sql`update boocode.turns set outcome = null where id = ${turnId}`;
  expect(await recover()).toMatchObject([{ type: 'turn_finished', turnId }]);
});

test('TURN-24: what continues is stored with the end of the turn, if it reached its agent and waits for nobody', async () => {
  const stored = async () =>
    (await database.sql`select continuation::text as stored from boocode.chats where id = ${chatId}`)[0]!['stored'] as
      string | null;
  await leaveTurn();
  const afterInterruption: RecoveryParts['afterInterruption'] = (id) =>
    Promise.resolve({ continuation: { turnId: id, starts: 1 }, next: 'It goes on.' });
  await recover({ afterInterruption });
  expect(await stored()).toBeNull();
  await database.sql`update boocode.turns set outcome = null where id = ${turnId}`;
  await ask(randomUUID());
  const canContinue = () => Promise.resolve(true);
  expect(await recover({ afterInterruption, canContinue })).toHaveLength(1);
  expect(await stored()).toBeNull();
  await database.sql`update boocode.turns set outcome = null where id = ${turnId}`;
  await recover({ afterInterruption });
  expect(JSON.parse((await stored())!)).toEqual({ turnId, starts: 1 });
  // Nothing was left: what is to continue stays so.
  expect(await recover({ afterInterruption })).toEqual([]);
  expect(await stored()).not.toBeNull();
});

test('TURN-7: a prompt that reached its agent stays with its turn', async () => {
  await leaveTurn();
  const [end] = await recover({ wasAsked: () => Promise.resolve(true) });
  const message = 'The host ended while this turn was running. Send the prompt again to continue.';
  expect(end).toMatchObject({
    type: 'turn_finished',
    outcome: 'interrupted',
    error: { code: 'host_restarted', message },
  });
  expect(end).not.toHaveProperty('requeuedPromptIds');
  expect(await prompts()).toEqual([{ id: 'p1', turn: turnId, starts: 2 }]);
});

test('TURN-7: does not ask whether a prompt reached its agent if the agent has answered', async () => {
  await leaveTurn({ said: true });
  expect(await recover()).toMatchObject([{ type: 'turn_finished' }]);
  expect(asked).toEqual([]);
  expect(await prompts()).toEqual([{ id: 'p1', turn: turnId, starts: 2 }]);
});

test('TURN-2: the end of the turn says why this host dropped it', async () => {
  await leaveTurn({ said: true });
  const cause = new BooError('storage_unavailable', 'The disk is full.');
  const message = 'This turn could not be stored to its end: The disk is full. Send the prompt again to continue.';
  const dropped = { epoch: log.lease.epoch, cause };
  expect(await recover({ dropped })).toMatchObject([{ error: { code: 'storage_unavailable', message } }]);
});

test.each([-1, 1])('TURN-2: what this host dropped is no reason for the end of a later or earlier turn', async (by) => {
  await leaveTurn({ said: true });
  const dropped = { epoch: log.lease.epoch + by, cause: new BooError('storage_unavailable', 'The disk is full.') };
  expect(await recover({ dropped })).toMatchObject([{ error: { code: 'host_restarted' } }]);
});

test('TURN-2: the end of the turn allows for a host that only lost the database, if another host is alive', async () => {
  const other = await enrol();
  await leaveTurn({ said: true });
  const message = 'The host ended or lost the database while this turn was running. Send the prompt again to continue.';
  expect(await recover()).toMatchObject([{ error: { code: 'host_restarted', message } }]);
  await stopHost(database.sql, other);
});

test('DECIDE-4: the open decisions of a turn are cancelled before it ends, and the log says why', async () => {
  await leaveTurn({ said: true });
  const [one, two] = [randomUUID(), randomUUID()];
  await ask(one);
  await ask(two, 'form');
  const cancelled = { type: 'decision_resolved', outcome: 'cancelled', by: 'host', turnId };
  expect(await recover({ onLeft: undefined as never })).toMatchObject([
    { ...cancelled, decisionId: one, message: expect.stringContaining('cannot continue this call') },
    { ...cancelled, decisionId: two, message: expect.stringContaining('The MCP server that asked ended') },
    { type: 'turn_finished' },
  ]);
  const { items } = await listDecisions(database.sql, { chatId, after: 0, limit: 10 });
  expect(items.map(({ outcome, by }) => [outcome, by])).toEqual(Array(2).fill(['cancelled', 'host']));
});

test('DECIDE-4: an open decision whose turn has already ended is cancelled too, and the turn does not end again', async () => {
  await leaveTurn({ said: true });
  const id = randomUUID();
  await ask(id);
  const end = { id: turnId, outcome: 'completed', usage: noUsage, costUsd: 0 } as const;
  await write([note], (db) => [finishTurn(db, end)]);
  expect(await recover()).toMatchObject([{ type: 'decision_resolved', decisionId: id }]);
  expect([told, asked, traced]).toEqual([[id], [], 0]);
  expect(await turns()).toMatchObject([{ outcome: 'completed' }]);
});

test('DECIDE-4: reports a decision that was allowed but has no result, and no other answered one', async () => {
  await leaveTurn({ said: true });
  const [allowed, denied, always] = [randomUUID(), randomUUID(), randomUUID()];
  for (const id of [allowed, denied, always]) await ask(id);
  await write([note], (db) => [
    settleDecision(db, allowed, { outcome: 'allow', by: 'client' }),
    settleDecision(db, denied, { outcome: 'deny', by: 'client' }),
    settleDecision(db, always, { outcome: 'allow_always', by: 'client' }),
  ]);
  const code = 'decision_without_result';
  expect(await recover()).toMatchObject([
    { type: 'notice', code, turnId, data: { decisionId: allowed, toolCallId: null } },
    { type: 'notice', code, turnId, data: { decisionId: always, toolCallId: null } },
    { type: 'turn_finished' },
  ]);
});

test('CLI-20: the end of the turn names the answers that no agent got, which continue it', async () => {
  await leaveTurn({ said: true });
  const [unheard, given] = [randomUUID(), randomUUID()];
  for (const id of [unheard, given]) await ask(id);
  await write([note], (db) => [
    settleDecision(db, unheard, { outcome: 'deny', by: 'client', answer: { outcome: 'deny' }, isOpen: true }),
    settleDecision(db, given, { outcome: 'deny', by: 'client' }),
  ]);
  const message = 'The host ended while this turn was running. The turn continues with the answer.';
  expect(await recover()).toMatchObject([
    { type: 'turn_finished', outcome: 'interrupted', openDecisionIds: [unheard], error: { message } },
  ]);
});

test('TURN-15: the end of the turn includes what it used', async () => {
  await leaveTurn({ said: true });
  await database.sql`insert into boocode.agent_sessions (chat_id, agent, session_id, backend)
    values (${chatId}, 'claude', ${randomUUID()}, 'claude_sdk') on conflict do nothing`;
  const usage = { ...noUsage, outputTokens: 7 };
  expect(await recover({}, { m: usage })).toMatchObject([
    { type: 'notice', code: 'turn_cost_unknown' },
    { type: 'turn_finished', usage },
  ]);
  expect(await turns()).toMatchObject([{ outcome: 'interrupted', usage: JSON.stringify(usage) }]);
  const booked =
    await database.sql`select model_usage #>> '{m,outputTokens}' as tokens from boocode.agent_sessions where chat_id = ${chatId}`;
  expect(booked).toEqual([{ tokens: '7' }]);
});
