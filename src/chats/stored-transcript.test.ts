import { randomUUID } from 'node:crypto';
import { afterAll, beforeAll, expect, test } from 'vitest';
import { type ChatsHost, openChatsHost } from '../../test/support/chats-host.ts';
import { createTestDatabase, type TestDatabase } from '../../test/support/postgres.ts';
import { finished } from '../../test/support/scripted-backend.ts';
import { until } from '../../test/support/until.ts';

let database: TestDatabase;
let here: ChatsHost;
beforeAll(async () => {
  database = await createTestDatabase();
  here = await openChatsHost(database.url);
});
afterAll(async () => {
  await here.close();
  await database.drop();
});

/** Page by page: of whom, and what each entry says. */
async function pagesOf(id: string) {
  const pages: string[][] = [];
  for await (const page of (await here.chats.readTranscript(id)).pages) {
    pages.push(
      page.map((line) => `${line.sessionId} ${line.subpath} ${(JSON.parse(line.json) as { text: string }).text}`),
    );
  }
  return pages;
}

test('a chat’s transcript begins with the current session and has all of the others, page by page', async () => {
  const next = randomUUID();
  here.backend.script = async function* ({ text }) {
    if (text === '/clear') yield { type: 'session_started', sessionId: next, backend: 'claude_sdk', model: null };
    yield finished();
  };
  const { id } = await here.createChat();
  expect(await here.chats.readTranscript(id)).toMatchObject({ chatId: id, sessionId: null, cwd: here.cwd });
  expect(await pagesOf(id)).toEqual([]);
  const run = async (content: string, count: number): Promise<void> => {
    await here.chats.submitPrompt(id, { content });
    await here.events(id, 'turn_finished', count);
    await until(() => here.host.find(id)?.state === 'ready');
  };
  await run('/clear', 1);
  const { sessionId: first, sessionStore } = here.backend.opened[0]!;
  const many = Array.from({ length: 501 }, (_, index) => ({ type: 'user', uuid: randomUUID(), text: `${index}` }));
  await sessionStore.append({ projectKey: 'scripted', sessionId: first, subpath: 'subagents/a' }, many);
  here.backend.lose(id);
  await run('two', 2);

  expect((await here.chats.readTranscript(id)).sessionId).toBe(next);
  const pages = await pagesOf(id);
  expect(pages.slice(0, 2)).toEqual([[`${next}  two`], [`${first}  /clear`]]);
  expect(pages.length).toBeGreaterThan(3);
  expect(pages.slice(2).flat()).toEqual(many.map(({ text }) => `${first} subagents/a ${text}`));
});
