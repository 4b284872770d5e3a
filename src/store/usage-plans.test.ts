/** How the database answers what is asked of a long ledger: with all tables small, it would read them whole anyway. */
import { randomUUID } from 'node:crypto';
import { afterAll, beforeAll, expect, test } from 'vitest';
import { createTestDatabase, type TestDatabase } from '../../test/support/postgres.ts';
import type { Sql } from './database.ts';
import { readUsageBy } from './usage-reports.ts';
import { findPricedUsage } from './wake-facts.ts';

let database: TestDatabase;
beforeAll(async () => {
  database = await createTestDatabase();
  await database.sql`
    insert into boocode.usage_ledger (chat_id, bucket, cwd, model, backend) values (${randomUUID()}, now(), '/', 'm', 'b')`;
});
afterAll(() => database.drop());

async function planOf(query: (db: Sql) => unknown): Promise<string> {
  const db = (await database.sql.reserve()) as unknown as Sql;
  try {
    await db`set enable_seqscan = off`;
    const lines = await db<{ 'QUERY PLAN': string }[]>`explain ${query(db) as never}`;
    return lines.map((line) => line['QUERY PLAN']).join('\n');
  } finally {
    await db`reset enable_seqscan`;
    (db as unknown as { release: () => void }).release();
  }
}

test('USAGE-6: titles are looked up by the ids of chats', async () => {
  const range = { from: new Date(0), to: new Date(), limit: 10 };
  const plan = await planOf((db) => readUsageBy(db, 'chat', range));
  expect(plan).toContain('(id = (lines.key)::uuid)');
});

test('USAGE-24: what a model has cost is looked up by its name', async () => {
  const plan = await planOf((db) => findPricedUsage(db, 'm'));
  expect(plan).toMatch(/using usage_ledger_model on usage_ledger/);
});
