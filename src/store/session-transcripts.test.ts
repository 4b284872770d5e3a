import { randomUUID } from 'node:crypto';
import type { SessionStoreEntry } from '../protocol/session-store.ts';
import { afterAll, beforeAll, describe, expect, test } from 'vitest';
import { createTestDatabase, type TestDatabase } from '../../test/support/postgres.ts';
import { PostgresSessionStore } from '../session-store.ts';
import { newChat } from '../../test/support/new-chat.ts';
import { insertChat } from './chats.ts';
import { insertHost } from './hosts.ts';
import { claimLease } from './leases.ts';
import { insertTurn } from './turns.ts';
import {
  findStoredBefore,
  listTranscripts,
  readEntries,
  readTurnEntries,
  type TranscriptPart,
} from './session-transcripts.ts';
import { SlowLane } from './slow-lane.ts';

let database: TestDatabase;
let store: PostgresSessionStore;
beforeAll(async () => {
  database = await createTestDatabase();
  store = new PostgresSessionStore({ sql: database.sql });
});
afterAll(() => database.drop());

async function readAll(chatId: string, { key }: TranscriptPart): Promise<{ pages: number[]; entries: string[] }> {
  const pages: number[] = [];
  const entries: string[] = [];
  for (let after = 0; ;) {
    const page = await readEntries(new SlowLane(database.sql), chatId, key, after);
    const last = page.at(-1);
    if (!last) return { pages, entries };
    pages.push(page.reduce((sum, { json }) => sum + json.length, 0));
    entries.push(...page.map(({ json }) => json));
    after = last.ordinal;
  }
}

test('PROMPT-10: entries stored before a turn started are told apart from those of the turn', async () => {
  const { sql } = database;
  const hostId = randomUUID();
  await insertHost(sql, { id: hostId, machine: 'here', pid: 1, pidStarted: 'then', version: '0' });
  const { id: chatId } = await insertChat(sql, newChat());
  const lease = (await claimLease(sql, chatId, hostId, 60_000))!;
  const sessionId = randomUUID();
  const key = { projectKey: chatId, sessionId };
  await store.append(key, [{ type: 'user', uuid: 'before' }]);
  await store.append({ ...key, subpath: 'subagents/agent-1' }, [{ type: 'user', uuid: 'elsewhere' }]);
  const turnId = randomUUID();
  await insertTurn(sql, lease, turnId);
  await store.append(key, [{ type: 'user', uuid: 'since' }]);
  const before = await findStoredBefore(sql, { chatId, sessionId, turnId }, ['before', 'elsewhere', 'since', 'never']);
  expect([...before]).toEqual(['before']);
});

test('TURN-14: what models wrote and tools returned since a turn started is read in order, in pages, from every transcript', async () => {
  const { sql } = database;
  const hostId = randomUUID();
  await insertHost(sql, { id: hostId, machine: 'here', pid: 1, pidStarted: 'then', version: '0' });
  const { id: chatId } = await insertChat(sql, newChat());
  const lease = (await claimLease(sql, chatId, hostId, 60_000))!;
  const key = { projectKey: chatId, sessionId: randomUUID() };
  await store.append(key, [{ type: 'assistant', n: 'before' }]);
  const turnId = randomUUID();
  await insertTurn(sql, lease, turnId);
  await store.append(key, [
    { type: 'user', n: 'prompt' },
    { type: 'assistant', n: 0 },
  ]);
  await store.append({ ...key, subpath: 'subagents/agent-1' }, [
    { type: 'user', content: [{ type: 'tool_result' }], n: 1 },
  ]);
  await store.append(
    key,
    Array.from({ length: 60 }, (_, n) => ({ type: 'assistant', n: n + 2 })),
  );
  const read = async (after: number) => readTurnEntries(sql, { chatId, turnId }, after);
  const first = await read(0);
  const second = await read(first.at(-1)!.ordinal);
  expect([first.length, second.length]).toEqual([50, 12]);
  expect([...first, ...second].map(({ json }) => (JSON.parse(json) as { n: number }).n)).toEqual(
    Array.from({ length: 62 }, (_, n) => n),
  );
  expect(await read(second.at(-1)!.ordinal)).toEqual([]);
});

describe('TRANSCRIPT-4: stored transcripts are read page by page', () => {
  test('in the order the sessions were started, each with its main transcript first', async () => {
    const chat = randomUUID();
    const append = (sessionId: string, subpath?: string): Promise<void> =>
      store.append({ projectKey: chat, sessionId, ...(subpath ? { subpath } : {}) }, [{ type: 'x' }]);
    await append('b');
    await append('a', 'subagents/agent-2');
    await append('a');
    await append('b', 'subagents/"\u0000');
    await append('a', 'subagents/agent-1');
    await append('b');
    const parts = await listTranscripts(new SlowLane(database.sql), chat);
    expect(parts.map(({ sessionId, subpath }) => [sessionId, subpath])).toEqual([
      ['b', ''],
      ['b', 'subagents/"\u0000'],
      ['a', ''],
      ['a', 'subagents/agent-1'],
      ['a', 'subagents/agent-2'],
    ]);
    expect(await readAll(chat, parts[1]!)).toMatchObject({ entries: ['{"type":"x"}'] });
    expect(await listTranscripts(new SlowLane(database.sql), randomUUID())).toEqual([]);
  });

  test('byte for byte as they were stored, with only a few large entries on a page', async () => {
    const chat = randomUUID();
    // Random, so that Postgres cannot compress it.
    const random = Array.from({ length: 6000 }, () => randomUUID()).join('');
    const large = (uuid: string, times: number): SessionStoreEntry => ({
      type: 'user',
      uuid,
      text: random.repeat(times),
    });
    const entries: SessionStoreEntry[] = [
      { z: 1, type: 'user', text: 'NUL \u0000, half \ud800, 漢字', uuid: 'a' },
      large('b', 40),
      ...Array.from({ length: 30 }, (_, index) => large(`c${index}`, 1)),
      { type: 'mode', last: true },
    ];
    await store.append({ projectKey: chat, sessionId: 's' }, entries);
    const [part] = await listTranscripts(new SlowLane(database.sql), chat);
    const read = await readAll(chat, part!);
    expect(read.entries).toEqual(entries.map((entry) => JSON.stringify(entry)));
    expect(read.entries[1]!.length).toBeGreaterThan(8 * 1024 * 1024);
    // The largest page holds the largest entry and little else.
    expect(Math.max(...read.pages)).toBeLessThan(read.entries[1]!.length + 256 * 1024);
    expect(read.pages.length).toBeGreaterThan(10);
  });

  test('70,000 entries in order, each once', async () => {
    const chat = randomUUID();
    await database.sql`
      insert into boocode.claude_session_entries (project_key, session_id, subpath, uuid, entry)
      select ${chat}, 's', '', number::text, json_build_object('type', 'user', 'n', number, 'text', repeat('x', 200))
      from generate_series(1, 70000) as series (number) order by series.number`;
    const [part] = await listTranscripts(new SlowLane(database.sql), chat);
    const { entries, pages } = await readAll(chat, part!);
    expect(entries.map((json) => (JSON.parse(json) as { n: number }).n)).toEqual(
      Array.from({ length: 70_000 }, (_, index) => index + 1),
    );
    expect(Math.max(...pages)).toBeLessThan(1024 * 1024);
  });
});

test('TRANSCRIPT-13: a store returns a whole transcript in pieces, in order, each entry once', async () => {
  const key = { projectKey: randomUUID(), sessionId: 's' };
  const entries = Array.from({ length: 1_203 }, (_, index) => ({
    type: 'user',
    uuid: `u${index}`,
    text: `\u0000${index}`,
  }));
  for (let at = 0; at < entries.length; at += 300) await store.append(key, entries.slice(at, at + 300));
  await store.append({ ...key, subpath: 'subagents/agent-1' }, [{ type: 'user', uuid: 'other' }]);
  const pages: SessionStoreEntry[][] = [];
  for await (const page of store.loadPages(key)) pages.push(page);
  expect(pages.map((page) => page.length)).toEqual([500, 500, 203]);
  expect(pages.flat()).toEqual(entries);
  const { done } = await store.loadPages({ ...key, sessionId: 'none' }).next();
  expect(done).toBe(true);
});
