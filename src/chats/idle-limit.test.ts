// A chat's own idle limit, and the cache of its model's provider.
import { afterAll, afterEach, beforeAll, beforeEach, expect, test } from 'vitest';
import { type ChatsHost, openChatsHost } from '../../test/support/chats-host.ts';
import { ManualClock } from '../../test/support/manual-clock.ts';
import { createTestDatabase, type TestDatabase } from '../../test/support/postgres.ts';
import { finished } from '../../test/support/scripted-backend.ts';
import { until } from '../../test/support/until.ts';

// Shorter than the time to the next lease renewal.
const idleTimeoutMs = 3_000;
let database: TestDatabase;
let here: ChatsHost;
let clock: ManualClock;
/** What the agent says about the cache with each answer. */
let cacheSeconds: number | undefined;
beforeAll(async () => {
  database = await createTestDatabase();
});
afterAll(() => database.drop());
beforeEach(async () => {
  clock = new ManualClock();
  cacheSeconds = undefined;
  here = await openChatsHost(database.url, { clock, idleTimeoutMs });
  here.backend.script = async function* () {
    yield { type: 'usage_update', used: 1, size: null, ...(cacheSeconds !== undefined && { cacheSeconds }) };
    yield finished();
  };
});
afterEach(() => here.close());

/** A chat that has been idle since just now. */
async function openIdle(idleSeconds?: number): Promise<string> {
  const { id } = await here.createChat(idleSeconds === undefined ? {} : { idleSeconds });
  await here.chats.submitPrompt(id, { content: 'go' });
  await here.events(id, 'turn_finished');
  await until(() => here.host.find(id)?.idleAgent);
  return id;
}

test('AGENT-47: a chat has its own idle limit, or that of the server', async () => {
  const own = await openIdle(1);
  const usual = await openIdle();
  expect([(await here.chats.getChat(own)).idleSeconds, (await here.chats.getChat(usual)).idleSeconds]).toEqual([
    1,
    null,
  ]);
  clock.advance(1_000);
  await until(() => here.host.find(own) === undefined);
  expect(here.host.find(usual)?.state).toBe('ready');
  clock.advance(2_000);
  await until(() => here.host.find(usual) === undefined);
});

test('AGENT-47: a changed limit counts from when the chat became idle', async () => {
  const id = await openIdle();
  clock.advance(1_500);
  await here.chats.patchChat(id, { idleSeconds: 2 });
  await until(() => clock.nextMs === 500);
  expect((await here.log(id)).at(-1)).toMatchObject({ type: 'chat_updated', idleSeconds: 2 });
  await here.chats.patchChat(id, { idleSeconds: null });
  await until(() => clock.nextMs === 1_500);
  await here.chats.patchChat(id, { idleSeconds: 1 });
  clock.advance(1);
  await until(() => here.host.find(id) === undefined);
});

test('AGENT-48: a chat goes cold just after its cache has ended rather than just before', async () => {
  cacheSeconds = 4;
  const id = await openIdle();
  expect(here.host.find(id)?.idleAgent?.isCached).toBe(true);
  clock.advance(4_000);
  await until(() => here.host.find(id)?.idleAgent?.isCached === false);
  expect(here.host.find(id)?.state).toBe('ready');
  clock.advance(5_000);
  await until(() => here.host.find(id) === undefined);
});

test.each([2, 7, undefined])('AGENT-48: a cache of %s s changes nothing about a limit of 3 s', async (seconds) => {
  cacheSeconds = seconds;
  const id = await openIdle();
  clock.advance(2_999);
  expect(here.host.find(id)?.state).toBe('ready');
  clock.advance(1);
  await until(() => here.host.find(id) === undefined);
});
