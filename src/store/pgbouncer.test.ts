// Through the real pgbouncer, if it is installed.
import { randomUUID } from 'node:crypto';
import { afterAll, beforeAll, describe, expect, test } from 'vitest';
import { newChat } from '../../test/support/new-chat.ts';
import { type Pgbouncer, pgbouncerPath, startPgbouncer } from '../../test/support/pgbouncer.ts';
import { createTestDatabase, type TestDatabase } from '../../test/support/postgres.ts';
import { until } from '../../test/support/until.ts';
import { insertChat } from './chats.ts';
import { openDatabase, type Sql } from './database.ts';
import { readDatabaseFacts } from './database-facts.ts';
import { appendEvents } from './events.ts';
import { migrate } from './migrate.ts';
import { PostgresSessionStore } from '../session-store.ts';
import { SlowLane } from './slow-lane.ts';

if (pgbouncerPath === undefined) {
  process.stderr.write(
    'There is no pgbouncer: what goes through it is not tested (Debian: apt-get install pgbouncer).\n',
  );
}

describe.skipIf(pgbouncerPath === undefined).each(['session', 'transaction'] as const)(
  'DATA-13: through pgbouncer in %s mode',
  (mode) => {
    let database: TestDatabase;
    let bouncer: Pgbouncer;
    let sql: Sql;
    beforeAll(async () => {
      database = await createTestDatabase();
      bouncer = await startPgbouncer(database.url, { pool_mode: mode, default_pool_size: 4 });
      const { isPooled } = await readDatabaseFacts(bouncer.url);
      sql = openDatabase(bouncer.url, { max: 3, oneAtATime: true, isPooled });
    });
    afterAll(async () => {
      await sql?.end({ timeout: 1 });
      await bouncer?.close();
      await database.drop();
    });

    test('the pooler is detected, even when it drops settings it does not know', async () => {
      expect(await readDatabaseFacts(bouncer.url)).toMatchObject({ isPooled: true, free: null });
      expect(await readDatabaseFacts(`${bouncer.url}?pgbouncer=true`)).toMatchObject({ isPooled: true });
      const quiet = await startPgbouncer(database.url, {
        pool_mode: mode,
        ignore_startup_parameters: 'statement_timeout,idle_in_transaction_session_timeout,extra_float_digits',
      });
      try {
        expect(await readDatabaseFacts(quiet.url)).toMatchObject({ isPooled: true, free: null });
      } finally {
        await quiet.close();
      }
    });

    test('many clients write and read chats and store transcripts at the same time', async () => {
      await migrate(sql);
      const write = async (index: number): Promise<void> => {
        const chat = newChat();
        await insertChat(sql, chat);
        const lease = { chatId: chat.id, hostId: '', epoch: 0, nextSeq: 1 };
        for (let count = 0; count < 5; count += 1) {
          await appendEvents(sql, lease, {
            events: [{ body: { type: 'notice', level: 'info', code: `n${count}`, message: `${index}` } }],
          });
        }
        const store = new PostgresSessionStore({ sql, fence: { chatId: chat.id, epoch: 0 } });
        const key = { projectKey: chat.id, sessionId: 's' };
        await store.append(key, [{ type: 'user', uuid: randomUUID() }]);
        expect(await store.load(key)).toHaveLength(1);
      };
      await Promise.all(Array.from({ length: 12 }, (_, index) => write(index)));
      const [row] = await sql<{ count: number }[]>`select count(*) as count from boocode.events`;
      expect(row?.count).toBe(60);
      // No named statements, because another connection would not know them.
      expect(await sql`select name from pg_prepared_statements`).toEqual([]);
    });

    test('a statement nobody waits for any more ends at the server', async () => {
      const slow = new SlowLane(sql);
      const answer = slow.ask((db) => db`select pg_sleep(60)`, { limitMs: 300 });
      await expect(answer).rejects.toMatchObject({ code: 'query_timeout' });
      const running = async (): Promise<number> =>
        (
          await database.sql`select from pg_stat_activity where state = 'active' and query like '%sleep(60)%'
          and datname = current_database() and pid <> pg_backend_pid()`
        ).length;
      await until(async () => (await running()) === 0, { what: 'its end at the server' });
    });
  },
);
