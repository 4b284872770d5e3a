import { randomUUID } from 'node:crypto';
import { afterAll, beforeAll, beforeEach, expect, test } from 'vitest';
import { openChatLog, openChatSettings } from '../../test/support/open-chat-log.ts';
import { anActor } from '../../test/support/owners-chats.ts';
import { createTestDatabase, type TestDatabase } from '../../test/support/postgres.ts';
import type { ContentBlock } from '../protocol/content.ts';
import { doneByActor } from '../protocol/principal.ts';
import { findChat } from '../store/chats.ts';
import { readEvents } from '../store/events.ts';
import { findPromptOfTurn, listWaitingPrompts } from '../store/prompts.ts';
import { findRunningTurn } from '../store/turns.ts';
import type { ChatLog } from './chat-log.ts';
import type { ChatSettings } from './chat-settings.ts';
import { acceptPrompt } from './prompt-acceptance.ts';

let database: TestDatabase;
let log: ChatLog;
let settings: ChatSettings;
beforeAll(async () => {
  database = await createTestDatabase();
});
afterAll(() => database.drop());
beforeEach(async () => {
  log = await openChatLog(database.sql);
  settings = await openChatSettings(database.sql, log);
});

const textOf = (text: string): ContentBlock[] => [{ type: 'text', text }];
const accept = (id: string, text: string, turnId?: string): Promise<number> =>
  acceptPrompt(log, settings, { id, content: textOf(text), actor: anActor }, turnId);
const accepted = (promptId: string, text: string) => ({
  type: 'prompt_accepted',
  promptId,
  content: textOf(text),
  ...doneByActor(anActor),
});
const events = () => readEvents(database.sql, log.lease.chatId, { after: 0, limit: 100 });
const titles = async (): Promise<unknown> => [
  settings.row.title,
  (await findChat(database.sql, log.lease.chatId))?.title,
];

test('PROMPT-1: a prompt that waits is stored with its event, and names a chat without a name', async () => {
  expect(await accept('a', 'Fix it\nnow')).toBe(1);
  expect(await accept('b', 'Then this')).toBe(3);
  expect(await events()).toMatchObject([
    accepted('a', 'Fix it\nnow'),
    { type: 'chat_updated', title: 'Fix it' },
    accepted('b', 'Then this'),
  ]);
  expect(await titles()).toEqual(['Fix it', 'Fix it']);
  expect((await listWaitingPrompts(database.sql, log.lease.chatId)).map(({ id }) => id)).toEqual(['a', 'b']);
});

test('a prompt without text names nothing', async () => {
  await accept('a', ' ');
  expect(await events()).toMatchObject([accepted('a', ' ')]);
  expect(await titles()).toEqual([null, null]);
});

test('PROMPT-4: a prompt can start its turn in the write that stores it', async () => {
  settings.name('A name');
  const turnId = randomUUID();
  await accept('a', 'Fix it', turnId);
  expect(await events()).toMatchObject([accepted('a', 'Fix it'), { type: 'turn_started', turnId, promptIds: ['a'] }]);
  expect(await findRunningTurn(database.sql, log.lease.chatId)).toMatchObject({ id: turnId });
  expect(await findPromptOfTurn(database.sql, log.lease.chatId, turnId)).toMatchObject({ id: 'a', starts: 1 });
  expect(await listWaitingPrompts(database.sql, log.lease.chatId)).toEqual([]);
});

test('a chat keeps no name from a prompt that could not be stored', async () => {
  await database.sql`update boocode.chats set epoch = epoch + 1 where id = ${log.lease.chatId}`;
  await expect(accept('a', 'Fix it')).rejects.toThrow('held by another host');
  expect(settings.row.title).toBeNull();
  settings.name('A name');
  await expect(accept('a', 'Fix it')).rejects.toThrow('held by another host');
  expect(settings.row.title).toBe('A name');
});

test('of two prompts sent at once, the first names the chat', async () => {
  await Promise.all([accept('a', 'One'), accept('b', 'Two')]);
  expect(await titles()).toEqual(['One', 'One']);
  expect((await events()).filter(({ type }) => type === 'chat_updated')).toHaveLength(1);
});
