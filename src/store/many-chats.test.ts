// What hosts ask again and again must not cost more the more chats there are that nobody uses.
import { randomUUID } from 'node:crypto';
import { afterAll, beforeAll, expect, test } from 'vitest';
import { createTestDatabase, type TestDatabase } from '../../test/support/postgres.ts';
import { findHeads, listChats } from './chats.ts';
import { findDeleted, findDecisionStatuses, findGlances } from './chats-elsewhere.ts';
import { openDatabase, type Sql } from './database.ts';
import { beatHost, insertHost, listHosts } from './hosts.ts';
import { findOrphanedWork, renewLeases } from './leases.ts';

const cold = 20_000;
const warm = 20;
const hostId = randomUUID();
let database: TestDatabase;
/** One connection, whose reads are counted. */
let sql: Sql;
let held: string[];
beforeAll(async () => {
  database = await createTestDatabase();
  sql = openDatabase(database.url, { max: 1 });
  await insertHost(sql, { id: hostId, machine: 'test', pid: 1, pidStarted: '', version: '0' });
  await sql`
    insert into boocode.chats (id, cwd, backend, created_at, updated_at, free_since, next_seq)
    select gen_random_uuid(), '/work', 'claude_sdk', now() - interval '30 days', now() - interval '30 days',
      now() - interval '30 days', 2 from generate_series(1, ${cold})`;
  await sql`
    insert into boocode.turns (id, chat_id, epoch, outcome, finished_at)
    select gen_random_uuid(), id, 1, 'completed', now() from boocode.chats`;
  await sql`
    insert into boocode.prompts (chat_id, id, seq, content, content_hash, turn_id)
    select chat_id, 'p', 1, '[]', '', id from boocode.turns`;
  const rows = await sql<{ id: string }[]>`
    update boocode.chats set owner_host = ${hostId}, epoch = 1, lease_until = now() + interval '1 hour', free_since = null
    where id in (select id from boocode.chats limit ${warm}) returning id`;
  held = rows.map(({ id }) => id);
  await sql`vacuum analyze`;
});
afterAll(async () => {
  await sql.end();
  await database.drop();
});

async function rowsRead(): Promise<number> {
  await sql`select pg_stat_force_next_flush()`;
  const [row] = await sql<{ rows: number }[]>`
    select sum(seq_tup_read + coalesce(idx_tup_fetch, 0))::int as rows from pg_stat_user_tables where schemaname = 'boocode'`;
  return row!.rows;
}
/** A host other than the one that holds the warm chats. */
const other = randomUUID();
const since = new Date();

const statements: [string, () => Promise<unknown>][] = [
  ['work that nobody does', () => findOrphanedWork(sql, other, 100)],
  ['the leases', () => renewLeases(sql, hostId, held, 60_000)],
  ['a heartbeat', () => beatHost(sql, hostId, { chats: 1, warmChats: 1 } as never, 20_000)],
  ['the hosts', () => listHosts(sql, 20_000)],
  ['what other hosts have changed', () => findGlances(sql, other, { since, known: [] })],
  ['deleted chats', () => findDeleted(sql, since)],
  ['decisions', () => findDecisionStatuses(sql)],
  ['the heads of followed chats', () => findHeads(sql, held)],
  ['the first page of the list', () => listChats(sql, { before: null, limit: 50 })],
];

test.each(statements)('SCALE-1: %s: reads rows in proportion to the chats in use, not to all', async (_, ask) => {
  const before = await rowsRead();
  await ask();
  expect((await rowsRead()) - before).toBeLessThan(20 * warm);
});

test('SCALE-4: a look at other hosts’ chats reads no more than the chats’ own rows where nothing has changed', async () => {
  const first = await findGlances(sql, other, { since, known: [] });
  expect(first.changed.map(({ id }) => id).toSorted()).toEqual(held.toSorted());
  const known = first.changed.map(({ id, ...glance }) => ({ id, glance }));
  const before = await rowsRead();
  expect(await findGlances(sql, other, { since, known })).toEqual({ changed: [], over: [] });
  // Each is found in an index of those that are held, and read.
  expect((await rowsRead()) - before).toBeLessThan(4 * warm);
});

test('SCALE-4: a look tells of what has changed, and of what needs no look any more', async () => {
  const { changed } = await findGlances(sql, other, { since, known: [] });
  const [one, two, three] = changed;
  const known = [
    ...changed.map(({ id, ...glance }) => ({
      id,
      glance: id === one!.id ? { ...glance, head: glance.head + 1 } : glance,
    })),
    { id: randomUUID(), glance: null },
  ].map((each) => (each.id === two!.id ? { id: each.id, glance: null } : each));
  await sql`update boocode.chats set lease_until = now() - interval '1 second' where id = ${three!.id}`;
  try {
    const look = await findGlances(sql, other, { since, known });
    expect(look.changed.map(({ id }) => id).toSorted()).toEqual([one!.id, two!.id, three!.id].toSorted());
    expect(look.changed.find(({ id }) => id === three!.id)).toMatchObject({ holderId: null, isRecent: true });
    expect(look.over).toEqual([known.at(-1)!.id]);
  } finally {
    await sql`update boocode.chats set lease_until = now() + interval '1 hour' where id = ${three!.id}`;
  }
});
