/** Writers in the middle of a write while someone else takes over or removes the import. */
import { randomUUID } from 'node:crypto';
import { afterEach, beforeEach, expect, test } from 'vitest';
import { foldSummary } from '../agents/claude/fold-summary.ts';
import { newChat } from '../../test/support/new-chat.ts';
import { createTestDatabase, type TestDatabase } from '../../test/support/postgres.ts';
import { until } from '../../test/support/until.ts';
import { chatSessionStore } from './chat-session-store.ts';
import { openAgentSession } from './agent-sessions.ts';
import { deleteChat, findChat, insertChat } from './chats.ts';
import { openDatabase, type Sql } from './database.ts';
import { appendEvents, readEvents } from './events.ts';
import { insertHost } from './hosts.ts';
import { claimImport, findChatOfSession, findImport, insertImport, publishImport, removeImports } from './imports.ts';
import { claimLease } from './leases.ts';
import { FencedError } from './storage-error.ts';

let database: TestDatabase;
let sql: Sql;
let hostId: string;
/** One connection, whose transaction stays open until the test commits it. */
let writer: Sql;

beforeEach(async () => {
  database = await createTestDatabase();
  sql = database.sql;
  writer = openDatabase(database.url, { max: 1 });
  hostId = randomUUID();
  await insertHost(sql, { id: hostId, machine: 'here', pid: 1, pidStarted: '', version: '0' });
});

afterEach(async () => {
  await writer.end();
  await database.drop();
});

const sessionId = randomUUID();
const entry = { type: 'user', uuid: randomUUID(), message: { role: 'user', content: 'late' } };

async function begin(): Promise<string> {
  const chat = newChat();
  await insertImport(sql, chat, sessionId);
  return chat.id;
}

/** Starts `task`, which waits for what `write` has locked, and then commits `write`. */
async function whileWriting<T>(write: () => Promise<unknown>, task: () => Promise<T>): Promise<T> {
  await writer.unsafe('begin');
  await write();
  const done = task();
  await until(async () => {
    const [row] = await sql`
      select from pg_stat_activity where datname = current_database() and wait_event_type = 'Lock'`;
    return row;
  });
  await writer.unsafe('commit');
  return done;
}

test('TRANSCRIPT-6: claiming an import while another host writes its log starts with an empty log', async () => {
  const id = await begin();
  const first = await claimImport(sql, id, hostId);
  if (!first) throw new Error('There is no import.');
  const events = [{ body: { type: 'chat_updated' as const, title: 'Stale' } }];
  const second = await whileWriting(
    () => appendEvents(writer, first, { events }),
    () => claimImport(sql, id, hostId),
  );
  if (!second) throw new Error('There is no import.');
  expect(await readEvents(sql, id, { after: 0, limit: 10 })).toEqual([]);
  await appendEvents(sql, second, { events });
  await expect(appendEvents(sql, first, { events })).rejects.toThrow(FencedError);
});

test('DATA-5: entries written while their import is removed are removed with it', async () => {
  const id = await begin();
  const lease = { chatId: id, hostId, epoch: 0, nextSeq: 1 };
  const removed = await whileWriting(
    () => chatSessionStore(writer, lease, foldSummary).append({ projectKey: 'chat', sessionId }, [entry]),
    () => removeImports(sql, { id }),
  );
  expect(removed).toBe(1);
  expect(await sql`select from boocode.claude_session_entries`).toHaveLength(0);
  expect(await sql`select from boocode.claude_session_summaries`).toHaveLength(0);
});

test('DATA-5: entries written while their chat is deleted are deleted with it', async () => {
  const { id } = await insertChat(sql, newChat());
  const lease = await claimLease(sql, id, hostId, 15_000);
  if (!lease) throw new Error('The lease was not free.');
  const deleted = await whileWriting(
    () => chatSessionStore(writer, lease, foldSummary).append({ projectKey: 'chat', sessionId }, [entry]),
    () => deleteChat(sql, lease),
  );
  expect(deleted).toBe(true);
  expect(await sql`select from boocode.claude_session_entries`).toHaveLength(0);
  expect(await sql`select from boocode.claude_session_summaries`).toHaveLength(0);
});

test('TRANSCRIPT-6: an import becomes the chat of its session once, by whoever claimed it last', async () => {
  const id = await begin();
  expect(await findImport(sql, id)).toEqual({ id, agent: 'claude', sessionId, events: 0 });
  expect(await findImport(sql, randomUUID())).toBeNull();
  expect(await claimImport(sql, randomUUID(), hostId)).toBeNull();
  const first = (await claimImport(sql, id, hostId))!;
  const second = (await claimImport(sql, id, hostId))!;
  expect(second).toEqual({ chatId: id, hostId, epoch: first.epoch + 1, nextSeq: 1 });
  await appendEvents(sql, second, { events: [{ body: { type: 'chat_updated', title: 'New' } }] });
  expect(await findImport(sql, id)).toMatchObject({ events: 1 });
  const session = { agent: 'claude', backend: 'claude_sdk', sessionId } as const;
  await openAgentSession(sql, second, session);
  expect(await findChatOfSession(sql, sessionId)).toBeNull();
  expect(await publishImport(sql, first)).toBe(false);
  expect(await findChat(sql, id)).toBeNull();
  expect(await publishImport(sql, second)).toBe(true);
  expect(await publishImport(sql, second)).toBe(false);
  expect(await findChat(sql, id)).toMatchObject({ id });
  expect(await findChatOfSession(sql, sessionId)).toEqual({ id, title: null });
  // Another import of the same session has come too late.
  const late = (await claimImport(sql, await begin(), hostId))!;
  expect(await publishImport(sql, late)).toBe(false);
  // Also after the chat’s agent has started another session.
  await chatSessionStore(sql, second, foldSummary).append({ projectKey: 'chat', sessionId }, [entry]);
  await sql`update boocode.agent_sessions set session_id = ${randomUUID()}`;
  expect(await findChatOfSession(sql, sessionId)).toEqual({ id, title: null });
  expect(await findChatOfSession(sql, randomUUID())).toBeNull();
});

test('imports are removed by id, by session or by age, and chats never', async () => {
  const { id: chat } = await insertChat(sql, newChat());
  const [one, two] = [newChat(), newChat()];
  const sessionOfTwo = randomUUID();
  const insert = async (): Promise<void> => {
    await insertImport(sql, one, randomUUID());
    await insertImport(sql, two, sessionOfTwo);
  };
  const left = async () => (await sql<{ id: string }[]>`select id from boocode.chats`).map((row) => row.id).toSorted();
  await insert();
  await sql`update boocode.chats set created_at = clock_timestamp() - interval '3 hours' where id in (${one.id}, ${chat})`;
  expect(await removeImports(sql, { id: chat })).toBe(0);
  expect(await removeImports(sql, { olderThanHours: 4 })).toBe(0);
  expect(await removeImports(sql, { olderThanHours: 2 })).toBe(1);
  expect(await left()).toEqual([chat, two.id].toSorted());
  expect(await removeImports(sql, { sessionId: randomUUID() })).toBe(0);
  expect(await removeImports(sql, { sessionId: sessionOfTwo })).toBe(1);
  expect(await left()).toEqual([chat]);
  await insert();
  expect(await removeImports(sql, { id: one.id })).toBe(1);
  expect(await left()).toEqual([chat, two.id].toSorted());
});
