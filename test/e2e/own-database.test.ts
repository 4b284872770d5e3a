import { afterAll, beforeAll, describe, expect, test } from 'vitest';
import { type Pgbouncer, pgbouncerPath, startPgbouncer } from '../support/pgbouncer.ts';
import { createTestDatabase, type TestDatabase } from '../support/postgres.ts';
import { openProgramHome, type ProgramHome } from '../support/program.ts';

let home: ProgramHome;
let database: TestDatabase;
beforeAll(async () => {
  home = await openProgramHome();
  database = await createTestDatabase();
});
afterAll(async () => {
  await home.remove();
  await database.drop();
});

const ambient = { PGHOST: 'elsewhere', PGPORT: '1', PGDATABASE: 'other', PGTARGETSESSIONATTRS: 'nonsense', PGSSL: 'x' };

/** Runs a turn on a server with this database: its outcome, and how many chats a search finds. */
async function turnWith(url: string): Promise<{ outcome: string; found: number }> {
  const { program, client } = await home.serve('demo', [], { ...ambient, DATABASE_URL: url });
  try {
    const { id } = await client.createChat({ cwd: home.workDir });
    await client.prompt(id, { content: 'Say something' });
    let outcome = 'none';
    for await (const item of client.follow(id)) {
      if (item.kind !== 'event' || item.event.type !== 'turn_finished') continue;
      ({ outcome } = item.event);
      break;
    }
    const { items } = await client.listChats({ q: 'say something' });
    await client.deleteChat(id);
    return { outcome, found: items.length };
  } finally {
    program.kill('SIGTERM');
    await program.ended();
  }
}

test('DATA-11: a server uses the database of its URL, whatever PG… variables say', async () => {
  expect(await turnWith(database.url)).toEqual({ outcome: 'completed', found: 1 });
});

describe.skipIf(pgbouncerPath === undefined)('DATA-13: a server works through pgbouncer', () => {
  let bouncer: Pgbouncer | undefined;
  afterAll(() => bouncer?.close());

  test('in transaction mode, with six connections', async () => {
    bouncer = await startPgbouncer(database.url, { pool_mode: 'transaction', default_pool_size: 6 });
    expect(await turnWith(bouncer.url)).toEqual({ outcome: 'completed', found: 1 });
  });
});
