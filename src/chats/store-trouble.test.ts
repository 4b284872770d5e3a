// What people see of a database in trouble, and what becomes of a running turn.
import { randomBytes } from 'node:crypto';
import { afterAll, afterEach, beforeAll, beforeEach, describe, expect, test } from 'vitest';
import { assertDense, assertTurnsFinished, type ChatsHost, openChatsHost } from '../../test/support/chats-host.ts';
import { createGate, type Gate } from '../../test/support/gate.ts';
import { ManualClock } from '../../test/support/manual-clock.ts';
import { createTestDatabase, type TestDatabase } from '../../test/support/postgres.ts';
import { finished, said } from '../../test/support/scripted-backend.ts';
import { until } from '../../test/support/until.ts';
import { unavailable } from '../protocol/info.ts';
import { readEvents } from '../store/events.ts';

let database: TestDatabase;
beforeAll(async () => {
  database = await createTestDatabase();
});
afterAll(() => database.drop());

/** Slowly enough for a busy database to answer before the time for it is over by this clock. */
const untilDropped = (here: ChatsHost, clock: ManualClock, id: string) =>
  until(() => {
    clock.advance(40);
    return here.host.find(id) === undefined;
  });

describe('DATA-21: out of connections, because others were quicker after a restart of the database', () => {
  let role: string;
  let here: ChatsHost;
  let clock: ManualClock;
  let gate: Gate;
  let id: string;
  beforeEach(async () => {
    role = `trouble_${randomBytes(4).toString('hex')}`;
    await database.sql.unsafe(`create role ${role} login password 'x' in role ${new URL(database.url).username}`);
    const url = new URL(database.url);
    url.username = role;
    url.password = 'x';
    clock = new ManualClock();
    here = await openChatsHost(database.url, { clock, url: url.href });
    const held = (gate = createGate());
    here.backend.script = async function* () {
      yield said('before');
      await held.pass();
      yield said('after');
      yield finished();
    };
    ({ id } = await here.createChat());
    await here.chats.submitPrompt(id, { id: 'p1', content: 'go' });
    await gate.reached;
    await here.events(id, 'agent_message');
    await database.sql.unsafe(`alter role ${role} connection limit 0`);
    await database.sql`select pg_terminate_backend(pid) from pg_stat_activity where usename = ${role}`;
  });
  afterEach(async () => {
    await database.sql.unsafe(`alter role ${role} connection limit -1`);
    // What still waits for a retry.
    let isClosed = false;
    const closing = here.close().then(() => (isClosed = true));
    await until(() => {
      clock.advance(1_000);
      return isClosed;
    });
    await closing;
    await database.sql.unsafe(`drop role ${role}`);
  });

  const free = async (): Promise<void> => {
    await database.sql.unsafe(`alter role ${role} connection limit -1`);
  };
  const logged = async (): Promise<string[]> => {
    const rows = await database.sql<{ type: string }[]>`
      select type from boocode.events where chat_id = ${id} order by seq`;
    return rows.map(({ type }) => type);
  };

  // Not over the server's own connections: the driver may give a closed one's last message to the next query.
  const wholeLog = () => readEvents(database.sql, id, { after: 0, limit: 100 });

  test('health and a refused prompt say so; the turn goes on once one is free, and nothing is lost', async () => {
    await until(async () => {
      const reason = await here.chats.health();
      // A good result counts for a second. The leases are trusted for nine, so no more time may pass than necessary.
      if (reason === null) clock.advance(1_000);
      return reason === 'database_no_connections';
    });
    const words = /has no connection left for this server\. .*raise max_connections/;
    expect(unavailable('database_no_connections').message).toMatch(words);
    const before = await logged();
    await expect(here.chats.submitPrompt(id, { id: 'p2', content: 'x' })).rejects.toMatchObject({
      code: 'storage_unavailable',
      message: expect.stringMatching(words) as string,
    });
    expect(await logged()).toEqual(before);
    gate.open();
    await free();
    await until(async () => {
      clock.advance(50);
      return (await logged()).includes('turn_finished');
    });
    const log = await wholeLog();
    assertDense(log);
    assertTurnsFinished(log);
    expect(log.filter(({ type }) => type === 'agent_message')).toHaveLength(2);
    expect(log.at(-1)).toMatchObject({ type: 'turn_finished', outcome: 'completed' });
  });

  test('the end of a turn whose chat was dropped names it', async () => {
    await untilDropped(here, clock, id);
    gate.open();
    await free();
    await until(async () => {
      clock.advance(1_000);
      return (await logged()).includes('turn_finished');
    });
    expect((await wholeLog()).at(-1)).toMatchObject({
      outcome: 'interrupted',
      error: {
        code: 'storage_unavailable',
        message:
          'This turn could not be stored to its end: The database has no connection left for this server. Send the prompt again to continue.',
      },
    });
  });
});

describe.each([
  ['read-only', 'read_only_sql_transaction', /accepts no writes: it is read-only/],
  ['full', 'disk_full', /disk is full/],
])('DATA-21: a database that is %s while an agent speaks', (_, errcode, words) => {
  let here: ChatsHost;
  let clock: ManualClock;
  let gate: Gate;
  let id: string;
  beforeEach(async () => {
    clock = new ManualClock();
    here = await openChatsHost(database.url, { clock });
    const held = (gate = createGate());
    here.backend.script = async function* () {
      await held.pass();
      yield said('all of it');
      yield finished();
    };
    ({ id } = await here.createChat());
    await here.chats.submitPrompt(id, { id: 'p1', content: 'go' });
    await gate.reached;
    // A sequence keeps what a failed statement has counted.
    await database.sql.unsafe(`
      create sequence refused;
      create function refuse() returns trigger language plpgsql as
        $$ begin perform nextval('refused'); raise exception 'no' using errcode = '${errcode}'; end $$;
      create trigger refuse before insert on boocode.events execute function refuse()`);
  });
  afterEach(async () => {
    await accept();
    await database.sql`drop sequence refused`;
    await here.close();
  });

  const accept = () => database.sql`drop function if exists refuse() cascade`;
  const refusals = async (): Promise<number> => {
    const [row] = await database.sql<{ count: number }[]>`select last_value::int as count from refused`;
    return row!.count;
  };
  const end = async () => (await readEvents(database.sql, id, { after: 0, limit: 100 })).at(-1);

  test('loses nothing if it is over soon', async () => {
    gate.open();
    await until(async () => {
      clock.advance(50);
      return (await refusals()) > 2;
    });
    await accept();
    await until(async () => {
      clock.advance(50);
      return (await end())?.type === 'turn_finished';
    });
    expect(await end()).toMatchObject({ outcome: 'completed' });
  });

  test('ends the turn with this reason if it lasts, although the leases are renewed', async () => {
    gate.open();
    await untilDropped(here, clock, id);
    await accept();
    await until(async () => {
      clock.advance(500);
      return (await end())?.type === 'turn_finished';
    });
    expect(await end()).toMatchObject({
      outcome: 'interrupted',
      error: { code: 'storage_unavailable', message: expect.stringMatching(words) as string },
    });
  });
});
