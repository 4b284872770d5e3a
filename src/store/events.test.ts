import { randomUUID } from 'node:crypto';
import { afterEach, beforeEach, expect, test } from 'vitest';
import { anActor } from '../../test/support/owners-chats.ts';
import { newChat } from '../../test/support/new-chat.ts';
import { createTestDatabase, type TestDatabase } from '../../test/support/postgres.ts';
import { noUsage } from '../protocol/usage.ts';
import { findChat, insertChat } from './chats.ts';
import { appendEvents, type Lease, type NewEvent, readEvents } from './events.ts';
import { insertHost } from './hosts.ts';
import { claimLease } from './leases.ts';
import { findPrompt, insertPrompt, nextPrompt } from './prompts.ts';
import { FencedError, isUniqueViolation } from './storage-error.ts';
import { findRunningTurn, finishTurn, insertTurn, takePrompt } from './turns.ts';

let database: TestDatabase;
let hostId: string;
let lease: Lease;

beforeEach(async () => {
  database = await createTestDatabase();
  hostId = randomUUID();
  await insertHost(database.sql, { id: hostId, machine: 'here', pid: 1, pidStarted: '', version: '0' });
  const { id } = await insertChat(database.sql, newChat());
  lease = await claim(id);
});

afterEach(() => database.drop());

async function claim(chatId: string): Promise<Lease> {
  const claimed = await claimLease(database.sql, chatId, hostId, 15_000);
  if (!claimed) throw new Error('The lease was not free.');
  return claimed;
}

const content = [{ type: 'text' as const, text: 'hello' }];
const accepted = (promptId: string): NewEvent => ({ body: { type: 'prompt_accepted', promptId, content } });

function submit(by: Lease, promptId: string): Promise<unknown> {
  return appendEvents(database.sql, by, {
    events: [accepted(promptId), { body: { type: 'chat_updated', title: 'Hello' } }],
    side: (db) => [insertPrompt(db, by, { id: promptId, content, actor: anActor })],
    chat: { title: 'Hello' },
  });
}

test('LOG-1: writes events, what belongs to them and the chat’s own row together', async () => {
  await submit(lease, 'one');
  await submit(lease, 'two');

  const events = await readEvents(database.sql, lease.chatId, { after: 0, limit: 10 });
  expect(events.map(({ seq, type }) => [seq, type])).toEqual([
    [1, 'prompt_accepted'],
    [2, 'chat_updated'],
    [3, 'prompt_accepted'],
    [4, 'chat_updated'],
  ]);
  expect(lease.nextSeq).toBe(5);
  expect(await findChat(database.sql, lease.chatId)).toMatchObject({ title: 'Hello', head: 4 });
  expect(await nextPrompt(database.sql, lease.chatId)).toEqual({ id: 'one', seq: 1, content, starts: 0 });
  expect(await findPrompt(database.sql, lease.chatId, 'two')).toMatchObject({ seq: 3 });
});

test('LOG-1: continues the numbering with a write of events alone', async () => {
  const notice = (message: string): NewEvent => ({ body: { type: 'notice', level: 'info', code: 'test', message } });
  await submit(lease, 'one');
  const stored = await appendEvents(database.sql, lease, { events: [notice('a'), notice('b')] });
  expect(stored).toMatchObject([
    { seq: 3, message: 'a' },
    { seq: 4, message: 'b' },
  ]);
  expect(await readEvents(database.sql, lease.chatId, { after: 2, limit: 10 })).toEqual(stored);
});

test('an event keeps the turn it belongs to, and its type can be searched for', async () => {
  const turnId = randomUUID();
  const body = { type: 'notice', level: 'info', code: 'test', message: 'a' } as const;
  const stored = await appendEvents(database.sql, lease, { events: [{ turnId, body }, { body }] });
  expect(stored).toMatchObject([{ turnId }, expect.not.objectContaining({ turnId: expect.anything() as unknown })]);
  expect(await readEvents(database.sql, lease.chatId, { after: 0, limit: 10 })).toEqual(stored);
  const columns = await database.sql`select type, turn_id as "turnId" from boocode.events order by seq`;
  expect(columns).toEqual([
    { type: 'notice', turnId },
    { type: 'notice', turnId: null },
  ]);
});

test('LOG-1: reads the events after a seq, or the last ones before one, always in order', async () => {
  await submit(lease, 'one');
  await submit(lease, 'two');
  const read = async (page: { after: number } | { before: number }) =>
    (await readEvents(database.sql, lease.chatId, { ...page, limit: 2 })).map(({ seq }) => seq);
  expect(await read({ after: 1 })).toEqual([2, 3]);
  expect(await read({ before: 4 })).toEqual([2, 3]);
  expect(await read({ before: 1 })).toEqual([]);
});

test('FENCE-1: stores nothing of a stale writer’s append, neither the events nor what belongs to them', async () => {
  const stale = lease;
  lease = await claim(stale.chatId);

  await expect(submit(stale, 'late')).rejects.toBeInstanceOf(FencedError);
  expect(await readEvents(database.sql, stale.chatId, { after: 0, limit: 10 })).toEqual([]);
  expect(await findPrompt(database.sql, stale.chatId, 'late')).toBeNull();
  expect(await findChat(database.sql, stale.chatId)).toMatchObject({ title: null, head: 0 });
  expect(stale.nextSeq).toBe(1);

  await submit(lease, 'in time');
  expect(lease.nextSeq).toBe(3);
});

test('LOG-1 PROMPT-2: an append that fails in one of its parts leaves no gap', async () => {
  await submit(lease, 'one');
  await expect(submit(lease, 'one')).rejects.toSatisfy((error) => isUniqueViolation(error, 'prompts'));
  expect(lease.nextSeq).toBe(3);
  await submit(lease, 'two');
  const events = await readEvents(database.sql, lease.chatId, { after: 0, limit: 10 });
  expect(events.map(({ seq }) => seq)).toEqual([1, 2, 3, 4]);
});

test('TURN-1: a turn that starts takes its prompt, and another cannot start before it has finished', async () => {
  await submit(lease, 'one');
  const start = (id: string): Promise<unknown> =>
    appendEvents(database.sql, lease, {
      events: [{ turnId: id, body: { type: 'turn_started', turnId: id, promptIds: ['one'] } }],
      side: (db) => [insertTurn(db, lease, id), takePrompt(db, lease, { promptId: 'one', turnId: id, starts: 1 })],
    });
  const turnId = randomUUID();
  await start(turnId);
  expect(await nextPrompt(database.sql, lease.chatId)).toBeNull();
  await expect(start(randomUUID())).rejects.toSatisfy((error) => isUniqueViolation(error, 'turns'));

  const end = { outcome: 'completed' as const, usage: noUsage, costUsd: 0 };
  await appendEvents(database.sql, lease, {
    events: [{ turnId, body: { type: 'turn_finished', turnId, ...end } }],
    side: (db) => [finishTurn(db, { id: turnId, ...end })],
  });
  expect(await findRunningTurn(database.sql, lease.chatId)).toBeNull();
});
