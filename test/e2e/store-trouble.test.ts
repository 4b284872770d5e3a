// Both engines of a real server, whose database does not answer for longer than the leases may be trusted.
import { readdirSync, readFileSync } from 'node:fs';
import { join } from 'node:path';
import { afterAll, beforeAll, expect, test } from 'vitest';
import { type DemoModel, startDemoModel } from '../../src/demo/demo-model.ts';
import { createTestDatabase, type TestDatabase } from '../support/postgres.ts';
import { openPostgresProxy, type PostgresProxy } from '../support/postgres-proxy.ts';
import { openProgramHome, type ProgramHome, warmEnv } from '../support/program.ts';
import { readLog } from '../support/turns.ts';
import { until } from '../support/until.ts';

let model: DemoModel;
let home: ProgramHome;
let database: TestDatabase;
let proxy: PostgresProxy;
beforeAll(async () => {
  model = await startDemoModel();
  database = await createTestDatabase();
  proxy = await openPostgresProxy(database.url);
  home = await openProgramHome({ env: warmEnv(model, { url: proxy.url }) });
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

async function linesInStore(chatId: string, sessionId: string): Promise<string[]> {
  const rows = await database.sql<{ entry: string }[]>`
    select entry from boocode.claude_session_entries
    where project_key = ${chatId} and session_id = ${sessionId} and subpath = ''`;
  return rows.map(({ entry }) => normal(entry)).toSorted();
}

const normal = (json: string): string => JSON.stringify(JSON.parse(json));

test('DATA-23 DATA-22 DATA-21: after the database was away during a turn, each engine’s transcript is whole in the store', async () => {
  const { client, url } = await home.serve('serve');
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
      select count(*) from boocode.chats where lease_until < clock_timestamp() + interval '4 seconds'`;
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
    const [session] = await database.sql<{ id: string }[]>`
      select session_id as id from boocode.agent_sessions where chat_id = ${id}`;
    const sessionId = session!.id;
    await until(async () => (await linesInStore(id, sessionId)).length >= linesOfFile(sessionId).length, {
      timeoutMs: 60_000,
      what: 'the transcript in the store',
    });
    expect(await linesInStore(id, sessionId)).toEqual(linesOfFile(sessionId));
  }
}, 180_000);
