import { afterAll, beforeAll, beforeEach, expect, test } from 'vitest';
import { openChatLog } from '../../test/support/open-chat-log.ts';
import { anActor } from '../../test/support/owners-chats.ts';
import { createTestDatabase, type TestDatabase } from '../../test/support/postgres.ts';
import { doneByActor } from '../protocol/principal.ts';
import type { Event } from '../protocol/event.ts';
import { insertPrompt, listWaitingPrompts } from '../store/prompts.ts';
import type { ChatLog } from './chat-log.ts';
import { cancelling, moving, type PromptEdit } from './prompt-edits.ts';

let database: TestDatabase;
let log: ChatLog;
beforeAll(async () => {
  database = await createTestDatabase();
});
afterAll(() => database.drop());
beforeEach(async () => {
  log = await openChatLog(database.sql);
  for (const id of ['a', 'b', 'c', 'd']) await submit(id);
  await submit('taken', '6f1a8e7c-3f0b-4c1d-9a55-3c0f6c6f2f10');
});

const submit = (id: string, turnId?: string): Promise<Event[]> =>
  log.append({
    events: [{ body: { type: 'prompt_accepted', promptId: id, content: [], ...doneByActor(anActor) } }],
    side: (db) => [insertPrompt(db, log.lease, { id, content: [], actor: anActor, turnId })],
  });
const make = (edit: PromptEdit): Promise<Event[] | null> => log.appendIf(() => edit(database.sql, log));
const cancel = (id: string) => make(cancelling(id, anActor));
const move = (id: string, before: string | null) => make(moving(id, before, anActor));
const waiting = async (): Promise<string> =>
  (await listWaitingPrompts(database.sql, log.lease.chatId)).map(({ id }) => id).join('');

test('PROMPT-5: a cancelled prompt no longer waits, and is cancelled once', async () => {
  expect(await cancel('b')).toMatchObject([{ type: 'prompt_cancelled', promptId: 'b', ...doneByActor(anActor) }]);
  expect(await waiting()).toBe('acd');
  expect(await cancel('b')).toBeNull();
});

test('PROMPT-5: a prompt that does not wait can be neither cancelled nor moved, and the error says why', async () => {
  await cancel('b');
  const started = { code: 'prompt_taken', message: 'Prompt taken is no longer waiting: its turn has started.' };
  await expect(cancel('taken')).rejects.toMatchObject(started);
  await expect(move('taken', null)).rejects.toMatchObject(started);
  await expect(move('b', 'a')).rejects.toMatchObject({ code: 'prompt_taken', message: 'Prompt b was cancelled.' });
  const missing = { code: 'not_found', message: 'This prompt does not exist.' };
  await expect(cancel('x')).rejects.toMatchObject(missing);
  await expect(move('x', null)).rejects.toMatchObject(missing);
});

test.each<[id: string, before: string | null, then: string]>([
  ['c', 'a', 'cabd'],
  ['a', 'd', 'bcad'],
  ['a', null, 'bcda'],
  ['d', 'c', 'abdc'],
])('PROMPT-3: %s moved before %s makes it %s', async (id, before, then) => {
  const promptIds = then.split('');
  expect(await move(id, before)).toMatchObject([{ type: 'prompts_reordered', promptIds, ...doneByActor(anActor) }]);
  await submit('e');
  expect(await waiting()).toBe(`${then}e`);
});

test.each<[id: string, before: string | null]>([
  ['a', 'b'],
  ['d', null],
  ['b', 'b'],
])('PROMPT-3: nothing is written if %s moved before %s stays where it is', async (id, before) => {
  expect(await move(id, before)).toBeNull();
  expect(await waiting()).toBe('abcd');
});

test('PROMPT-3: a prompt is moved only before one that waits', async () => {
  await expect(move('a', 'taken')).rejects.toMatchObject({
    code: 'invalid_request',
    message: 'before: prompt taken is not waiting',
    details: { field: 'before' },
  });
});
