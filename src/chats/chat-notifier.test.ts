import { afterAll, afterEach, beforeAll, beforeEach, expect, test } from 'vitest';
import { owner } from '../http/access.ts';
import { type ChatsHost, openChatsHost } from '../../test/support/chats-host.ts';
import { createGate } from '../../test/support/gate.ts';
import { createTestDatabase, type TestDatabase } from '../../test/support/postgres.ts';
import { finished, said } from '../../test/support/scripted-backend.ts';
import { until } from '../../test/support/until.ts';
import type { Chat } from '../protocol/chat.ts';
import type { Decision } from '../protocol/decision.ts';
import type { ChatNotification } from './chats.ts';

let database: TestDatabase;
let here: ChatsHost;
let notifications: ChatNotification[];
let watch: { warm: Chat[]; close(): void };
beforeAll(async () => {
  database = await createTestDatabase();
});
afterAll(() => database.drop());
beforeEach(async () => {
  here = await openChatsHost(database.url);
  notifications = [];
  watch = here.chats.watch((each) => notifications.push(each));
});
afterEach(async () => {
  watch.close();
  await here.close();
});

const told = (chatId: string): Chat[] =>
  notifications.flatMap((each) => (each.type === 'chat' && each.chat.id === chatId ? [each.chat] : []));
const decisions = (): Decision[] => notifications.flatMap((each) => (each.type === 'decision' ? [each.decision] : []));

/** Waits until the last notification about the chat matches the database. */
async function assertTrue(chatId: string): Promise<void> {
  await until(async () => {
    const { head: _, updatedAt: __, ...stored } = await here.chats.getChat(chatId);
    const { head: ___, updatedAt: ____, ...last } = told(chatId).at(-1)!;
    return JSON.stringify(stored) === JSON.stringify(last);
  });
}

test('WEB-2: watchers get every change of a chat with its state at that time, and none twice', async () => {
  const gate = createGate();
  const usage = { inputTokens: 3, outputTokens: 5, cacheReadInputTokens: 7, cacheCreationInputTokens: 11 };
  here.backend.script = async function* (turn) {
    if (turn.text === 'slow') await gate.pass();
    yield said('Yes.');
    yield finished('completed', { usage, costUsd: 0.25, models: { m: { ...usage, costUsd: 0.25 } } });
  };
  const { id } = await here.createChat();
  await until(() => told(id).length === 1);
  await here.chats.submitPrompt(id, { content: 'slow' });
  await gate.reached;
  await here.chats.submitPrompt(id, { content: 'and then' });
  await until(() => told(id).at(-1)?.waiting === 1);
  // This one changes nothing but the number of waiting prompts.
  const { receipt } = await here.chats.submitPrompt(id, { content: 'and last' });
  await until(() => told(id).at(-1)?.waiting === 2);
  await here.chats.cancelPrompt(id, receipt.promptId);
  await until(() => told(id).at(-1)?.waiting === 1);
  await here.chats.patchChat(id, { title: 'A name', archived: true });
  await until(() => told(id).at(-1)?.archived === true);
  gate.open();
  await here.events(id, 'turn_finished', 2);
  await until(() => told(id).at(-1)?.state === 'ready');
  await assertTrue(id);
  expect(told(id).at(-1)).toMatchObject({ title: 'A name', costUsd: 0.5, waiting: 0, archived: true });
  expect(told(id).at(-1)).toMatchObject({ tokensIn: 42, tokensOut: 10 });
  const states = told(id).map(({ state }) => state);
  expect(states.filter((state, at) => state !== states[at - 1]).slice(0, 3)).toEqual(['cold', 'warming', 'running']);
  const gists = told(id).map((chat) => JSON.stringify({ ...chat, head: 0, updatedAt: '' }));
  expect(gists.filter((gist, at) => gist === gists[at - 1])).toEqual([]);
  const other = here.chats.watch(() => undefined);
  expect(other.warm.map((chat) => chat.id)).toEqual([id]);
  other.close();
  await here.chats.deleteChat(id);
  expect(notifications.at(-1)).toEqual({ type: 'chat_deleted', chatId: id });
});

test('WEB-2: watchers get a decision as it is stored, when it is requested and when it is settled', async () => {
  here.backend.script = async function* (turn) {
    yield* turn.ask({ title: 'a\u0000b' });
    yield finished();
  };
  const { id } = await here.createChat();
  await here.chats.submitPrompt(id, { content: 'ask' });
  await until(() => decisions().length === 1);
  const [asked] = decisions();
  const stored = async (): Promise<Decision> => (await here.chats.listDecisions({ chatId: id, limit: 1 })).items[0]!;
  const times = { requestedAt: '', resolvedAt: '' };
  expect({ ...asked, ...times }).toEqual({ ...(await stored()), ...times });
  await until(() => told(id).at(-1)?.state === 'waiting');
  await here.chats.via('phone').answerDecision(asked!.id, { outcome: 'allow' });
  await until(() => decisions().length === 2);
  expect({ ...decisions()[1], ...times }).toEqual({ ...(await stored()), ...times });
  expect(decisions()[1]).toMatchObject({
    outcome: 'allow',
    by: 'owner',
    principal: owner,
    via: 'phone',
    status: 'resolved',
  });
});

test('WEB-2: the next host reports a decision left by a dead host as cancelled', async () => {
  const dead = await openChatsHost(database.url);
  dead.backend.script = async function* (turn) {
    yield* turn.ask({});
    yield finished();
  };
  const { id } = await dead.createChat();
  await dead.chats.submitPrompt(id, { content: 'ask' });
  await dead.events(id, 'decision_requested');
  await dead.kill();
  await database.sql`update boocode.chats set owner_host = null, lease_until = null where id = ${id}`;
  await here.chats.patchChat(id, { title: 'Taken' });
  await until(() => decisions().length === 1);
  const cancelled = { chatId: id, status: 'resolved', outcome: 'cancelled', by: 'host' };
  expect(decisions()).toMatchObject([cancelled]);
  expect((await here.chats.listDecisions({ chatId: id, limit: 2 })).items).toMatchObject([cancelled]);
  await until(() => told(id).at(-1)?.title === 'Taken');
  await assertTrue(id);
});
