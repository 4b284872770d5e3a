import { randomUUID } from 'node:crypto';
import { afterAll, beforeAll, beforeEach, expect, test } from 'vitest';
import { newChat } from '../../test/support/new-chat.ts';
import { anActor } from '../../test/support/owners-chats.ts';
import { createTestDatabase, type TestDatabase } from '../../test/support/postgres.ts';
import type { EventBody, TurnError } from '../protocol/event.ts';
import { noUsage } from '../protocol/usage.ts';
import { insertChat } from './chats.ts';
import { appendEvents, type Lease, type SideWrites } from './events.ts';
import { insertHost } from './hosts.ts';
import { claimLease } from './leases.ts';
import {
  cancelPrompt,
  findPrompt,
  findPromptOfTurn,
  forgetStarts,
  hashContent,
  insertPrompt,
  listWaitingPrompts,
  nextPrompt,
  placePrompts,
  readWaitingPrompts,
  requeuePrompts,
  setStarts,
} from './prompts.ts';
import { findTooLongPrompt, markRewound, readPromptsFrom } from './rewinds.ts';
import { findRunningTurn, finishTurn, insertTurn, isSignOfNothing, isTurnSilent, takePrompt } from './turns.ts';

let database: TestDatabase;
let lease: Lease;
let stale: Lease;
const hostId = randomUUID();
beforeAll(async () => {
  database = await createTestDatabase();
  await insertHost(database.sql, { id: hostId, machine: 'here', pid: 1, pidStarted: 'then', version: '0' });
});
afterAll(() => database.drop());
beforeEach(async () => {
  const { id } = await insertChat(database.sql, newChat());
  lease = (await claimLease(database.sql, id, hostId, 60_000))!;
  stale = { ...lease, epoch: lease.epoch - 1 };
});

const notice: EventBody = { type: 'notice', level: 'info', code: 'test', message: '' };
const write = (side: SideWrites, turnId?: string, body: EventBody = notice) =>
  appendEvents(database.sql, lease, { events: [{ turnId, body }], side });
const contentOf = (id: string) => [{ type: 'text' as const, text: `“${id}”` }];
const submit = (id: string, turnId?: string) =>
  write((db) => [insertPrompt(db, lease, { id, content: contentOf(id), actor: anActor, turnId })]);

/** Starts the prompt's turn. */
async function start(promptId: string): Promise<string> {
  const turnId = randomUUID();
  await write((db) => [insertTurn(db, lease, turnId), takePrompt(db, lease, { promptId, turnId, starts: 2 })], turnId, {
    type: 'turn_started',
    turnId,
    promptIds: [promptId],
  });
  return turnId;
}

async function finish(id: string, rest: { error?: TurnError; outputTokens?: number } = {}): Promise<void> {
  const { error, outputTokens = 0 } = rest;
  const outcome = error ? 'failed' : 'completed';
  await write((db) => [finishTurn(db, { id, outcome, error, usage: { ...noUsage, outputTokens }, costUsd: 0 })]);
}

const waiting = async (): Promise<string[]> =>
  (await listWaitingPrompts(database.sql, lease.chatId)).map(({ id }) => id);

test('PROMPT-5: a prompt is found by its id, with whether it waits, was taken or was cancelled', async () => {
  const { sql } = database;
  const found = (id: string) => findPrompt(sql, lease.chatId, id);
  for (const id of ['one', 'two', 'three']) await submit(id);
  await start('two');
  await write((db) => [cancelPrompt(db, lease, 'three')]);
  expect(await found('one')).toEqual({ seq: 1, hash: hashContent(contentOf('one')), state: 'waiting' });
  expect(await found('two')).toMatchObject({ seq: 2, state: 'taken' });
  expect(await found('three')).toMatchObject({ seq: 3, state: 'cancelled' });
  expect(await found('four')).toBeNull();
  expect(await waiting()).toEqual(['one']);
});

test('a prompt typed into a running turn belongs to that turn and never waits', async () => {
  await submit('one');
  const turnId = await start('one');
  await write((db) => [requeuePrompts(db, lease, ['one'], 0)]);
  await submit('two', turnId);
  const two = { id: 'two', content: contentOf('two'), starts: 1 };
  expect(await findPromptOfTurn(database.sql, lease.chatId, turnId)).toMatchObject(two);
  expect(await findPromptOfTurn(database.sql, lease.chatId, randomUUID())).toBeNull();
  expect(await waiting()).toEqual(['one']);
});

test('PROMPT-3: waiting prompts are read in the order of the queue, with their content and author', async () => {
  const { sql } = database;
  expect(await nextPrompt(sql, lease.chatId)).toBeNull();
  for (const id of ['one', 'two', 'three']) await submit(id);
  await write((db) => [placePrompts(db, lease, ['three', 'one'], [1, 3])]);
  await sql`update boocode.prompts set actor = null where chat_id = ${lease.chatId} and id = 'two'`;
  expect(await waiting()).toEqual(['three', 'two', 'one']);
  expect(await nextPrompt(sql, lease.chatId)).toEqual({ id: 'three', seq: 3, content: contentOf('three'), starts: 0 });
  const prompt = (id: string, seq: number) => ({ id, seq, content: contentOf(id), starts: 0 });
  expect(await readWaitingPrompts(sql, lease.chatId)).toEqual([
    { ...prompt('three', 3), actor: anActor },
    { ...prompt('two', 2), actor: null },
    { ...prompt('one', 1), actor: anActor },
  ]);
});

test('attempts to start a prompt are counted only by who holds the chat', async () => {
  const { sql } = database;
  await submit('one');
  expect(await setStarts(sql, stale, 'one', 7)).toBe(false);
  expect(await setStarts(sql, lease, 'two', 7)).toBe(false);
  expect(await nextPrompt(sql, lease.chatId)).toMatchObject({ starts: 0 });
  expect(await setStarts(sql, lease, 'one', 3)).toBe(true);
  expect(await nextPrompt(sql, lease.chatId)).toMatchObject({ starts: 3 });
  await write((db) => [forgetStarts(db, lease)]);
  expect(await nextPrompt(sql, lease.chatId)).toMatchObject({ starts: 0 });
});

test('a turn runs until it has finished once, with its error', async () => {
  const { sql } = database;
  await submit('one');
  expect(await findRunningTurn(sql, lease.chatId)).toBeNull();
  const turnId = await start('one');
  expect(await findRunningTurn(sql, lease.chatId)).toMatchObject({ id: turnId });
  await finish(turnId, { error: { code: 'agent_failed', message: 'It broke.' } as unknown as TurnError });
  await finish(turnId);
  expect(await findRunningTurn(sql, lease.chatId)).toBeNull();
  expect(await sql`select outcome, error from boocode.turns where id = ${turnId}`).toEqual([
    { outcome: 'failed', error: JSON.stringify({ code: 'agent_failed', message: 'It broke.' }) },
  ]);
});

test('a turn is silent until an event of its own shows that the agent has its prompt', async () => {
  const { sql } = database;
  const isSilent = (id: string) => isTurnSilent(sql, lease.chatId, id);
  const log = (turnId: string | undefined, type: string) => write(() => [], turnId, { ...notice, type } as EventBody);
  await submit('one');
  const turnId = randomUUID();
  expect(await isSilent(turnId)).toBe(false);
  await log(undefined, 'turn_started');
  expect(await isSilent(turnId)).toBe(false);
  await log(turnId, 'turn_started');
  for (const type of ['notice', 'current_mode_update', 'current_directory_update', 'available_commands_update']) {
    await log(turnId, type);
  }
  await log(turnId, 'background_tasks');
  await log(undefined, 'agent_message');
  expect(await isSilent(turnId)).toBe(true);
  await log(turnId, 'agent_message');
  expect(await isSilent(turnId)).toBe(false);
  expect(['turn_started', 'notice', 'background_tasks', 'agent_message', ''].map(isSignOfNothing)).toEqual([
    true,
    true,
    true,
    false,
    false,
  ]);
});

test('finds the prompt that made the session too long, and takes those from it on back', async () => {
  const { sql } = database;
  const tooLong = () => findTooLongPrompt(sql, lease.chatId);
  const from = async (id: string) =>
    (await readPromptsFrom(sql, lease.chatId, id)).map(({ id: each, content }) => [each, content]);
  expect(await tooLong()).toBeNull();
  expect(await from('one')).toEqual([]);
  const error = { code: 'context_exceeded', message: 'Too long.' } as TurnError;
  for (const id of ['one', 'two', 'three']) {
    await submit(id);
    await finish(await start(id), id === 'one' ? { outputTokens: 1 } : { error });
  }
  expect(await tooLong()).toBe('two');
  const [two, three] = [contentOf('two'), contentOf('three')];
  expect(await from('two')).toEqual([
    ['two', two],
    ['three', three],
  ]);
  expect(await from('nothing')).toEqual([]);
  await markRewound(sql, stale, ['two']);
  expect(await tooLong()).toBe('two');
  await markRewound(sql, lease, ['two']);
  expect(await tooLong()).toBe('three');
});
