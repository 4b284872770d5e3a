// Both engines of a real server, in trouble with its database: for a moment, and for longer than leases may be trusted.
import { readdirSync, readFileSync } from 'node:fs';
import { join } from 'node:path';
import { afterAll, beforeAll, expect, test } from 'vitest';
import type { Event } from '../../src/protocol/event.ts';
import type { Health } from '../../src/protocol/info.ts';
import { type DemoModel, startDemoModel } from '../../src/demo/demo-model.ts';
import { createTestDatabase, type TestDatabase } from '../support/postgres.ts';
import { openPostgresProxy, type PostgresProxy } from '../support/postgres-proxy.ts';
import { openProgramHome, type ProgramHome, type ServerProgram, warmEnv } from '../support/program.ts';
import { readLog } from '../support/turns.ts';
import { until } from '../support/until.ts';

let model: DemoModel;
let home: ProgramHome;
let database: TestDatabase;
let proxy: PostgresProxy;
let server: ServerProgram;
beforeAll(async () => {
  model = await startDemoModel();
  database = await createTestDatabase();
  proxy = await openPostgresProxy(database.url);
  home = await openProgramHome({ env: warmEnv(model, { url: proxy.url }) });
  server = await home.serve('serve');
});
afterAll(async () => {
  await home.remove();
  await proxy.close();
  await database.drop();
  await model.close();
});

function linesOfFile(sessionId: string): string[] {
  const projects = join(home.home, '.claude', 'projects');
  const found = readdirSync(projects, { recursive: true }).find((name) => String(name).endsWith(`${sessionId}.jsonl`));
  return readFileSync(join(projects, String(found)), 'utf8')
    .split('\n')
    .filter((line) => line !== '' && !line.startsWith('{"type":"api-request'))
    .map(normal)
    .toSorted();
}

/** The transcript in Postgres is what the program has in its file. */
async function untilWhole(chatId: string): Promise<void> {
  const [session] = await database.sql<{ id: string }[]>`
    select session_id as id from boocode.agent_sessions where chat_id = ${chatId}`;
  const sessionId = session!.id;
  await until(async () => (await linesInStore(chatId, sessionId)).length >= linesOfFile(sessionId).length, {
    timeoutMs: 60_000,
    what: 'the transcript in the store',
  });
  expect(await linesInStore(chatId, sessionId)).toEqual(linesOfFile(sessionId));
}

async function linesInStore(chatId: string, sessionId: string): Promise<string[]> {
  const rows = await database.sql<{ entry: string }[]>`
    select entry from boocode.claude_session_entries
    where project_key = ${chatId} and session_id = ${sessionId} and subpath = ''`;
  return rows.map(({ entry }) => normal(entry)).toSorted();
}

/** One chat for each engine, whose agents wait for the model in the middle of a turn. */
async function heldTurns(): Promise<string[]> {
  const chats = await Promise.all(
    (['claude_sdk', 'claude_pty'] as const).map((backend) =>
      server.client.createChat({ cwd: home.workDir, backend, permissionMode: 'bypassPermissions' }),
    ),
  );
  for (const { id } of chats) await server.client.prompt(id, { content: 'hold' });
  await until(() => model.held === chats.length, { timeoutMs: 60_000, what: 'both engines to be answered' });
  return chats.map(({ id }) => id);
}

/** The whole log, once the chat’s turns have ended. */
async function logOf(chatId: string, turns = 1): Promise<Event[]> {
  const log = await until(
    async () => {
      const events = await readLog(server.client, chatId).catch(() => []);
      return events.filter(({ type }) => type === 'turn_finished').length === turns && events;
    },
    { timeoutMs: 90_000, what: 'the end of the turn' },
  );
  expect(log.map(({ seq }) => seq)).toEqual(log.map((_, at) => at + 1));
  return log;
}

const health = async () =>
  (await fetch(`${server.url}/healthz`)).json() as Promise<{ status: string; reason?: string; message?: string }>;

const normal = (json: string): string => JSON.stringify(JSON.parse(json));

/** As a restart does, without the time it takes. */
const cutOff = () => database.sql`
  select pg_terminate_backend(pid) from pg_stat_activity
  where datname = current_database() and pid <> pg_backend_pid() and application_name <> 'trouble'`;
const waiting = async (): Promise<number> => {
  const [row] = await database.sql<{ count: number }[]>`
    select count(*)::int from pg_stat_activity where datname = current_database() and wait_event_type = 'Lock'`;
  return row!.count;
};

/** Each passes while the leases may still be trusted. */
const troubles: Record<string, () => Promise<void>> = {
  'loses its connections three times': async () => {
    for (let times = 0; times < 3; times += 1) {
      await cutOff();
      await until(async () => (await server.client.health()).status === 'ok', { what: 'the connections' });
    }
  },
  'is read-only for a while': async () => {
    const name = new URL(database.url).pathname.slice(1);
    await database.sql.unsafe(`alter database ${name} set default_transaction_read_only = on`);
    await cutOff();
    await until(async () => (await server.client.health()).reason === 'database_read_only', { what: 'the trouble' });
    await database.sql.unsafe(`alter database ${name} set default_transaction_read_only = off`);
    await cutOff();
  },
  'needs two seconds for every statement until it has ended': async () => {
    const leases = async () =>
      (
        await database.sql<{ until: string }[]>`
        select lease_until::text as until from boocode.chats where owner_host is not null order by 1`
      )
        .map((row) => row.until)
        .join();
    // The first renewal also prepares the statement, which takes another round trip.
    const before = await leases();
    await until(async () => (await leases()) !== before, { what: 'the first renewal' });
    proxy.delayMs = 2_000;
    const running = () => database.sql`select from boocode.turns where outcome is null`;
    await until(async () => (await running()).length === 0, { timeoutMs: 60_000, what: 'the end of the turns' });
    proxy.delayMs = 0;
  },
  'is slow with every write for a while': async () => {
    for (let times = 0; times < 3; times += 1) {
      await database.sql.begin(async (held) => {
        await held`lock table boocode.events, boocode.claude_session_entries in exclusive mode`;
        await until(async () => (await waiting()) > 1, { what: 'writes that wait' });
      });
    }
  },
};

test.each(Object.keys(troubles))(
  'DATA-23: nothing is lost of a turn whose database %s',
  async (kind) => {
    const chatIds = await heldTurns();
    const over = troubles[kind]!();
    model.release();
    await over;
    for (const id of chatIds) {
      const log = await logOf(id);
      expect(log.at(-1)).toMatchObject({ type: 'turn_finished', outcome: 'completed' });
      expect(log.filter(({ type }) => type === 'agent_message')).toHaveLength(1);
      await untilWhole(id);
    }
  },
  120_000,
);

/** Each lasts until the server has dropped its chats: `begin` resolves with what ends it. */
const longTroubles: Record<string, { health: Partial<Health>; begin: () => Promise<() => Promise<void>> }> = {
  'was away': {
    health: { reason: 'database_unreachable' },
    begin: () => {
      proxy.isFrozen = true;
      return Promise.resolve(() => {
        // The network is back, and has forgotten the connections.
        proxy.forgetAll();
        proxy.isFrozen = false;
        return Promise.resolve();
      });
    },
  },
  'was full': {
    health: { reason: 'database_full' },
    begin: async () => {
      await database.sql.unsafe(`
        create function refuse() returns trigger language plpgsql as
          $$ begin raise exception 'could not extend file' using errcode = 'disk_full'; end $$;
        create trigger refuse before insert on boocode.events execute function refuse();
        create trigger refuse before insert on boocode.claude_session_entries execute function refuse();
        create trigger refuse before insert or update on boocode.chats execute function refuse();
        create function no_room() returns event_trigger language plpgsql as
          $$ begin raise exception 'could not extend file' using errcode = 'disk_full'; end $$;
        create event trigger no_room on ddl_command_start when tag in ('CREATE TABLE AS') execute function no_room()`);
      return async () =>
        void (await database.sql.unsafe('drop function refuse() cascade; drop function no_room() cascade'));
    },
  },
  'needed six seconds for every statement': {
    health: { reason: 'database_slow' },
    begin: () => {
      proxy.delayMs = 6_000;
      return Promise.resolve(() => {
        proxy.delayMs = 0;
        return Promise.resolve();
      });
    },
  },
};

test.each(Object.keys(longTroubles))(
  'DATA-23 DATA-22 DATA-21: after the database %s during a turn, each engine’s transcript is whole in the store',
  async (kind) => {
    const trouble = longTroubles[kind]!;
    const chatIds = await heldTurns();
    const end = await trouble.begin();
    await until(async () => (await health()).reason === trouble.health.reason, {
      timeoutMs: 60_000,
      what: 'the trouble',
    });
    model.release();
    // Leases last fifteen seconds, and are trusted for nine.
    const dropped = async (): Promise<boolean> => {
      const rows = await database.sql`
        select from boocode.chats
        where id = any(${chatIds}::uuid[]) and (owner_host is null or lease_until < clock_timestamp() + interval '4 seconds')`;
      return rows.length === chatIds.length;
    };
    await until(dropped, { timeoutMs: 60_000, what: 'the server to drop its chats' });
    await expect(server.client.prompt(chatIds[0]!, { content: 'not stored' })).rejects.toMatchObject({
      code: 'storage_unavailable',
    });
    await end();
    for (const id of chatIds) {
      const log = await logOf(id);
      expect(log.find(({ type }) => type === 'turn_finished')).toMatchObject({
        outcome: 'interrupted',
        error: { code: 'storage_unavailable' },
      });
      expect(JSON.stringify(log)).not.toContain('not stored');
      await untilWhole(id);
    }
  },
  180_000,
);
