// Both engines of a real server, in trouble with its database: for a moment, and for longer than leases may be trusted.
import { readdirSync, readFileSync } from 'node:fs';
import { join } from 'node:path';
import { afterAll, beforeAll, expect, test } from 'vitest';
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
    const chats = await Promise.all(
      (['claude_sdk', 'claude_pty'] as const).map((backend) =>
        server.client.createChat({ cwd: home.workDir, backend, permissionMode: 'bypassPermissions' }),
      ),
    );
    for (const { id } of chats) await server.client.prompt(id, { content: 'hold' });
    await until(() => model.held === chats.length, { timeoutMs: 60_000, what: 'both engines to be answered' });
    const over = troubles[kind]!();
    model.release();
    await over;
    for (const { id } of chats) {
      const log = await until(
        async () => {
          const events = await readLog(server.client, id).catch(() => []);
          return events.some(({ type }) => type === 'turn_finished') && events;
        },
        { timeoutMs: 60_000, what: 'the end of the turn' },
      );
      expect(log.map(({ seq }) => seq)).toEqual(log.map((_, at) => at + 1));
      expect(log.at(-1)).toMatchObject({ type: 'turn_finished', outcome: 'completed' });
      expect(log.filter(({ type }) => type === 'agent_message')).toHaveLength(1);
      await untilWhole(id);
    }
  },
  120_000,
);

test('DATA-23 DATA-22 DATA-21: after the database was away during a turn, each engine’s transcript is whole in the store', async () => {
  const { client, url } = server;
  const chats = await Promise.all(
    (['claude_sdk', 'claude_pty'] as const).map((backend) => client.createChat({ cwd: home.workDir, backend })),
  );
  for (const { id } of chats) await client.prompt(id, { content: 'hold' });
  await until(() => model.held === chats.length, { timeoutMs: 60_000, what: 'both engines to be answered' });
  proxy.isFrozen = true;
  const health = async () => (await fetch(`${url}/healthz`)).json() as Promise<{ reason?: string; message?: string }>;
  await until(async () => (await health()).message?.includes('check that Postgres is running') === true);
  // Leases last fifteen seconds, and are trusted for nine.
  const left = async (): Promise<number> => {
    const [row] = await database.sql<{ count: number }[]>`
      select count(*)::int from boocode.chats
      where id = any(${chats.map(({ id }) => id)}::uuid[]) and lease_until < clock_timestamp() + interval '4 seconds'`;
    return row!.count;
  };
  await until(async () => (await left()) === chats.length, { timeoutMs: 60_000, what: 'the server to drop its chats' });
  // The network is back, and has forgotten the connections.
  proxy.forgetAll();
  proxy.isFrozen = false;
  for (const { id } of chats) {
    const log = await until(
      async () => {
        const events = await readLog(client, id).catch(() => []);
        return events.some(({ type }) => type === 'turn_finished') && events;
      },
      { timeoutMs: 60_000, what: 'the end of the turn' },
    );
    const end = log.find((event) => event.type === 'turn_finished');
    expect(end).toMatchObject({ outcome: 'interrupted', error: { code: 'storage_unavailable' } });
    await untilWhole(id);
  }
}, 180_000);
