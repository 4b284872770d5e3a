import { foldSessionSummary } from '@anthropic-ai/claude-agent-sdk';
import { randomUUID } from 'node:crypto';
import { readFile } from 'node:fs/promises';
import { afterAll, afterEach, beforeAll, expect, test } from 'vitest';
import { line } from '../../test/contract/session-store.ts';
import { createTestDatabase, type TestDatabase } from '../../test/support/postgres.ts';
import { until } from '../../test/support/until.ts';
import type { FoldSummary, SessionKey, SessionStoreEntry } from '../protocol/session-store.ts';
import { PostgresSessionStore } from './postgres-session-store.ts';

let database: TestDatabase;
beforeAll(async () => {
  database = await createTestDatabase();
});
afterAll(() => database.drop());
afterEach(() => database.sql`truncate claude_session_entries, claude_session_summaries`);

const key: SessionKey = { projectKey: 'project', sessionId: 'session' };

/** A store, and which entries it has folded. */
function open(options: { schema?: string } = {}) {
  const folded: SessionStoreEntry[] = [];
  const foldSummary: FoldSummary = (previous, of, entries) => {
    folded.push(...entries);
    return foldSessionSummary(previous, of, entries);
  };
  return { store: new PostgresSessionStore({ sql: database.sql, foldSummary, ...options }), folded };
}

const batch = (length: number, title = 'title'): SessionStoreEntry[] =>
  Array.from({ length }, (_, i) => line(`${i}`, { customTitle: `${title} ${i}` }));

const titleOf = async (store: PostgresSessionStore): Promise<unknown[]> =>
  (await store.listSessionSummaries('project')).map(({ data }) => data['customTitle']);

/** How many entries of the session its stored summary covers, if there is one. */
async function covered(): Promise<number | undefined> {
  const [row] = await database.sql<{ n: number }[]>`
    select (
      select count(*)::int from claude_session_entries where subpath = '' and ordinal between first_ordinal and last_ordinal
    ) as n from claude_session_summaries`;
  return row?.n;
}

test('STORE-6: a summary is folded when someone asks, from what is new since it was stored', async () => {
  const { store, folded } = open();
  const entries = batch(5);
  await store.append(key, entries.slice(0, 2));
  await store.append(key, entries.slice(2, 4));
  expect(folded).toEqual([]);
  expect(await covered()).toBeUndefined();
  expect(await titleOf(store)).toEqual(['title 3']);
  expect(await covered()).toBe(4);
  await store.append(key, entries.slice(3));
  const other = open();
  expect(await titleOf(other.store)).toEqual(['title 4']);
  expect(await titleOf(other.store)).toEqual(['title 4']);
  expect(await other.store.listSessions('project')).toHaveLength(1);
  expect([...folded, ...other.folded]).toEqual(entries);
});

test('STORE-6: after a thousand entries it is stored unasked, and entries that this store appended are not read again', async () => {
  const { store, folded } = open();
  await store.append(key, batch(999));
  await store.append(key, batch(1, 'thousandth'));
  await until(async () => (await covered()) === 1000);
  expect(folded).toHaveLength(1000);
  const later = batch(1000, 'later');
  for (let i = 0; i < 1000; i += 250) await store.append(key, later.slice(i, i + 250));
  await until(async () => (await covered()) === 2000);
  expect(folded).toHaveLength(2000);
  // The very objects.
  expect(folded.at(-1)).toBe(later.at(-1));
  expect(await titleOf(open().store)).toEqual(['later 999']);
});

test.each([
  [
    'that another store appended',
    (other: PostgresSessionStore) => other.append(key, [line('', { type: 'tag', tag: 'kept' })]),
    2001,
  ],
  [
    'of the session before it was deleted',
    async (other: PostgresSessionStore) => {
      await other.delete(key);
    },
    1000,
  ],
])('STORE-6: a stored summary neither misses nor keeps entries %s', async (_, meanwhile, left) => {
  const { store } = open();
  await store.append(key, [...batch(999, 'first'), line('', { type: 'tag', tag: 'first' })]);
  await until(async () => (await covered()) === 1000);
  await meanwhile(open().store);
  await store.append(key, batch(1000, 'last'));
  await until(async () => (await covered()) === left);
  const loaded = (await store.load(key)) ?? [];
  expect(loaded).toHaveLength(left);
  const [summary] = await open().store.listSessionSummaries('project');
  expect(summary?.data).toEqual(foldSessionSummary(undefined, key, loaded).data);
});

test('STORE-6: a summary that was left behind is ignored and replaced', async () => {
  const { store } = open();
  await store.append(key, batch(3, 'old'));
  expect(await titleOf(store)).toEqual(['old 2']);
  await database.sql`delete from claude_session_entries`;
  expect(await titleOf(store)).toEqual([]);
  await store.append(key, [line('new')]);
  expect(await titleOf(store)).toEqual([undefined]);
  expect(await covered()).toBe(1);
});

test('STORE-6: a database that accepts no writes still lists sessions', async () => {
  const { store } = open();
  await store.append(key, batch(3));
  await database.sql.unsafe(`
    create function refuse() returns trigger language plpgsql as $$ begin raise exception 'refused'; end $$;
    create trigger refuse before insert on claude_session_summaries execute function refuse()`);
  try {
    expect(await titleOf(store)).toEqual(['title 2']);
    await store.append(key, batch(1000));
    expect(await titleOf(store)).toEqual(['title 999']);
  } finally {
    await database.sql.unsafe('drop trigger refuse on claude_session_summaries; drop function refuse');
  }
});

test('STORE-6: summaries from before say which entries they cover', async () => {
  const migration = (name: string): Promise<string> =>
    readFile(new URL(`../../migrations/session-store/${name}.sql`, import.meta.url), 'utf8');
  const schema = `old_${randomUUID().replaceAll('-', '')}`;
  const [first, second] = [line('a'), line('b')];
  const run = (text: string) => database.sql.unsafe(`set local search_path = ${schema}; ${text}`);
  await database.sql.unsafe(`create schema ${schema}`);
  await run(await migration('000001'));
  await database.sql.unsafe(`
    insert into ${schema}.claude_session_entries (project_key, session_id, subpath, entry) values
      ('project', 'session', '', '${JSON.stringify(first)}'), ('project', 'session', 'sub', '{}'),
      ('project', 'session', '', '${JSON.stringify(second)}'), ('project', 'other', 'sub', '{}');
    insert into ${schema}.claude_session_summaries values ('project', 'session', 7, '{"customTitle":"as it was"}')`);
  await run(await migration('000002'));
  const { store, folded } = open({ schema });
  expect(await store.listSessionSummaries('project')).toEqual([
    { sessionId: 'session', mtime: 7, data: { customTitle: 'as it was' } },
  ]);
  expect(folded).toEqual([]);
  await store.append(key, [line('', { customTitle: 'new' })]);
  expect((await store.listSessionSummaries('project'))[0]?.data).toMatchObject({ customTitle: 'new' });
  expect(folded).toHaveLength(1);
});
