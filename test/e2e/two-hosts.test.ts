// Two servers on one database: the live sockets of both show the same chats and decisions.
import { afterAll, afterEach, beforeAll, beforeEach, describe, expect, test } from 'vitest';
import { WebSocket } from 'ws';
import type { Live, TerminalSocketConstructor } from '../../src/client/client.ts';
import { type DemoModel, startDemoModel } from '../../src/demo/demo-model.ts';
import type { Chat } from '../../src/protocol/chat.ts';
import type { Decision } from '../../src/protocol/decision.ts';
import { type Pgbouncer, pgbouncerPath, startPgbouncer } from '../support/pgbouncer.ts';
import { createTestDatabase, type TestDatabase } from '../support/postgres.ts';
import { openProgramHome, type ProgramHome, type ServerProgram, warmEnv } from '../support/program.ts';
import { nextEvent } from '../support/turns.ts';
import { until } from '../support/until.ts';

let model: DemoModel;
let database: TestDatabase;
let bouncer: Pgbouncer | undefined;
let homes: ProgramHome[] = [];
let a: ServerProgram;
let b: ServerProgram;
beforeAll(async () => {
  model = await startDemoModel();
});
afterAll(() => model.close());
beforeEach(async () => {
  database = await createTestDatabase();
});
afterEach(async () => {
  for (const { live } of pages.splice(0)) live.close();
  await Promise.all(homes.map((home) => home.remove()));
  await bouncer?.close();
  await database.drop();
});

async function serveTwo(databaseUrl: string): Promise<void> {
  const env = { ...warmEnv(model, { url: databaseUrl }), BOOCODE_LOG_LEVEL: 'info' };
  homes = [await openProgramHome({ env }), await openProgramHome({ env })];
  [a, b] = (await Promise.all(homes.map((home) => home.serve('serve')))) as [ServerProgram, ServerProgram];
}

interface Page {
  live: Live;
  chats: Map<string, Chat>;
  decisions: Map<string, Decision>;
  deleted: string[];
  /** The states of each chat, in the order in which they were told. */
  states: string[];
  isReady: boolean;
}
const pages: Page[] = [];

/** What a page knows from its socket alone. */
function openPage({ client }: ServerProgram): Page {
  const live = client.live({ WebSocket: WebSocket as unknown as TerminalSocketConstructor });
  const page: Page = { live, chats: new Map(), decisions: new Map(), deleted: [], states: [], isReady: false };
  live.followChats((news) => {
    if (news.type === 'chat') {
      page.chats.set(news.chat.id, news.chat);
      if (page.states.at(-1) !== news.chat.state) page.states.push(news.chat.state);
    } else if (news.type === 'decision') page.decisions.set(news.decision.id, news.decision);
    else if (news.type === 'chat_deleted') page.deleted.push(news.chatId);
    else page.isReady = true;
  });
  pages.push(page);
  return page;
}

/** A chat of the first host, as both see it. */
async function tryOut(): Promise<void> {
  const [onA, onB] = [openPage(a), openPage(b)];
  await until(() => onA.isReady && onB.isReady);
  const cwd = homes[0]!.workDir;
  const { id } = await a.client.createChat({ cwd, backend: 'claude_sdk', title: 'On one host' });
  await until(() => onB.chats.get(id)?.title === 'On one host', { what: 'the new chat' });
  await a.client.prompt(id, { content: 'run: env true' });
  await until(() => onB.chats.get(id)?.state === 'waiting' && onB.decisions.size === 1, { what: 'the decision' });
  // A page that is opened now sees the same at once.
  const late = openPage(b);
  await until(() => late.isReady);
  expect(late.chats.get(id)).toMatchObject({ state: 'waiting', title: 'On one host' });
  expect([...late.decisions.values()]).toEqual([...onA.decisions.values()]);
  const [decision] = [...onB.decisions.values()];
  expect(decision).toMatchObject({ chatId: id, status: 'pending' });

  await a.client.decide(decision!.id, { outcome: 'allow' });
  await nextEvent(a.client, id, 'turn_finished');
  await until(() => [onA, onB, late].every((page) => page.chats.get(id)?.state === 'ready'), { what: 'ready' });
  await until(() => [onB, late].every((page) => page.decisions.get(decision!.id)?.outcome === 'allow'));
  const content = (page: Page): unknown => {
    const { head: _, updatedAt: __, waitsFor: ___, mcpServers: ____, ...chat } = page.chats.get(id)!;
    return chat;
  };
  await until(() => JSON.stringify(content(onA)) === JSON.stringify(content(onB)));
  const { hostId } = await a.client.info();
  expect(content(onB)).toMatchObject({ holder: { id: hostId } });
  expect(onB.states[0]).toBe('cold');
  expect(onB.states.slice(1).filter((state) => state === 'cold')).toEqual([]);

  await a.client.deleteChat(id);
  await until(() => [onA, onB, late].every((page) => page.deleted.includes(id)), { what: 'the deletion' });
}

const deaf = /as behind pgbouncer in transaction mode/g;

test('HOST-9 HOST-10: two hosts show each other’s chats and decisions, at once', async () => {
  await serveTwo(database.url);
  await tryOut();
  // Both know of each other by now. Without the doorbell, half a second would be the median.
  const page = openPage(b);
  await until(() => page.isReady);
  const { id } = await a.client.createChat({ cwd: homes[0]!.workDir, backend: 'claude_sdk' });
  const tookMs: number[] = [];
  for (let count = 0; count < 15; count += 1) {
    const title = `title ${count}`;
    await a.client.patchChat(id, { title });
    const since = performance.now();
    await until(() => page.chats.get(id)?.title === title);
    tookMs.push(performance.now() - since);
  }
  const median = tookMs.toSorted((one, other) => one - other)[7]!;
  expect(median).toBeLessThan(300);
  const follower = await listenersOf(database);
  expect(follower).toBe(2);
  expect(`${a.program.stderr}${b.program.stderr}`).not.toMatch(deaf);
}, 90_000);

/** How many connections listen. */
async function listenersOf({ sql }: TestDatabase): Promise<number> {
  const rows = await sql`
    select from pg_stat_activity where datname = current_database() and query like 'listen %'`;
  return rows.length;
}

describe.skipIf(pgbouncerPath === undefined)('through pgbouncer in transaction mode', () => {
  test('HOST-9 HOST-11: two hosts show each other’s chats and decisions, and say once that they cannot listen', async () => {
    bouncer = await startPgbouncer(database.url, { pool_mode: 'transaction', default_pool_size: 8 });
    await serveTwo(bouncer.url);
    await tryOut();
    await until(() => [a, b].every(({ program }) => program.stderr.includes('pgbouncer')), { what: 'the log line' });
    const lines = [a, b].map(({ program }) => program.stderr.match(deaf)?.length);
    expect(lines).toEqual([1, 1]);
  }, 90_000);
});
