import type { Duplex } from 'node:stream';
import { afterAll, beforeAll, expect, test } from 'vitest';
import { openPostgresProxy, type PostgresProxy } from '../../test/support/postgres-proxy.ts';
import { createTestDatabase, type TestDatabase } from '../../test/support/postgres.ts';
import { openDatabase } from './database.ts';
import { inTime } from './in-time.ts';

let database: TestDatabase;
let proxy: PostgresProxy;
beforeAll(async () => {
  database = await createTestDatabase();
  proxy = await openPostgresProxy(database.url);
});
afterAll(async () => {
  await proxy.close();
  await database.drop();
});

test('DATA-4: a connection that ends before the driver has written its statement is reopened at once', async () => {
  const sql = openDatabase(proxy.url, { max: 1, oneAtATime: true });
  const options = sql.options as unknown as { socket: () => Duplex };
  const open = options.socket;
  let last: Duplex | undefined;
  options.socket = () => (last = open());
  try {
    await sql`select 1`;
    const statement = sql`select 'never written'`.execute();
    statement.catch(() => undefined);
    // The driver writes the statement in the check phase of this event loop turn; the connection ends before.
    for (let count = 0; count < 5; count += 1) await Promise.resolve();
    last?.destroy();
    await expect(statement).rejects.toMatchObject({ code: 'CONNECTION_CLOSED' });
    expect(await inTime(sql`select 'written' as text`, 2000)).toEqual([{ text: 'written' }]);
  } finally {
    await sql.end({ timeout: 1 });
  }
});

test('DATA-22: a connection that was forgotten in between is closed, and the next question gets a new one', async () => {
  const silence = { limitMs: 0 };
  const sql = openDatabase(proxy.url, { max: 1, oneAtATime: true, silence });
  try {
    const pid = async () => (await sql<{ pid: number }[]>`select pg_backend_pid() as pid`)[0]!.pid;
    silence.limitMs = 300;
    const before = await pid();
    // One that owes no answer may be silent.
    await database.sql`select pg_sleep(1)`;
    expect(await pid()).toBe(before);
    proxy.forgetAll();
    const lost = sql`select 'lost'`.execute();
    const next = sql`select 'answered' as text`.execute();
    await expect(inTime(lost, 5_000)).rejects.toMatchObject({ code: 'ETIMEDOUT' });
    expect(await inTime(next, 5_000)).toEqual([{ text: 'answered' }]);
  } finally {
    await sql.end({ timeout: 1 });
  }
});
