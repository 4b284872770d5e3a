import { randomBytes } from 'node:crypto';
import { inject } from 'vitest';
import { openDatabase, type Sql } from '../../src/store/database.ts';
import { templateName, withDatabase } from './database-name.ts';
import { until } from './until.ts';

export interface TestDatabase {
  url: string;
  sql: Sql;
  /** Closes `sql` and removes the database. Fails if the test left other connections open. */
  drop(): Promise<void>;
}

/** A migrated, empty database for one test. */
export async function createTestDatabase(): Promise<TestDatabase> {
  const name = `test_${randomBytes(8).toString('hex')}`;
  await administer(async (admin) => {
    // Cloning one template twice at the same time fails.
    await admin`select pg_advisory_lock(1)`;
    await admin.unsafe(`create database ${name} template ${templateName}`);
  });
  const url = withDatabase(inject('postgresUrl'), name);
  const sql = openDatabase(url);
  return {
    url,
    sql,
    async drop() {
      await sql.end({ timeout: 5 });
      await administer(async (admin) => {
        const leaks = await findLeaks(admin, name);
        await admin.unsafe(`drop database ${name} with (force)`);
        if (leaks.length > 0) throw new Error(`The test left connections open: ${leaks.join('; ')}`);
      });
    },
  };
}

async function administer(work: (admin: Sql) => Promise<void>): Promise<void> {
  const admin = openDatabase(inject('postgresUrl'), { max: 1 });
  try {
    await work(admin);
  } finally {
    await admin.end();
  }
}

/** Who is still connected. A connection just closed is given a moment to disappear. */
async function findLeaks(admin: Sql, database: string): Promise<string[]> {
  const read = (): Promise<{ application_name: string; query: string }[]> => admin`
    select application_name, query from pg_stat_activity
    where datname = ${database} and backend_type = 'client backend'`;
  try {
    await until(async () => (await read()).length === 0, { timeoutMs: 2000 });
    return [];
  } catch {
    return (await read()).map((row) => `${row.application_name}: ${row.query}`);
  }
}
