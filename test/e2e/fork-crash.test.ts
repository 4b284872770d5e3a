// Forks of the built program: from the command line, in the middle of a SIGKILL, and in a backup.
import { join } from 'node:path';
import { afterAll, beforeAll, expect, test } from 'vitest';
import { type DemoModel, startDemoModel } from '../../src/demo/demo-model.ts';
import { createTestDatabase, type TestDatabase } from '../support/postgres.ts';
import { openProgramHome, type ProgramHome } from '../support/program.ts';
import { eventsOf, readLog, runTurn } from '../support/turns.ts';
import { until } from '../support/until.ts';

let model: DemoModel;
let home: ProgramHome;
let database: TestDatabase;

beforeAll(async () => {
  model = await startDemoModel();
  database = await createTestDatabase();
  home = await openProgramHome({
    env: {
      CLAUDE_SDK_BACKEND: '1',
      BOOCODE_LOG_LEVEL: 'error',
      ANTHROPIC_BASE_URL: model.url,
      ANTHROPIC_API_KEY: 'sk-demo-0000000000000000',
      DATABASE_URL: database.url,
    },
  });
});
afterAll(async () => {
  await home.remove();
  await database.drop();
  await model.close();
});

test('FORK-6: a server that is killed while it forks a long chat leaves the whole fork, or nothing', async () => {
  const { sql } = database;
  let server = await home.serve('serve');
  const { id } = await server.client.createChat({ cwd: home.workDir });
  const first = await runTurn(server.client, id, 'stream 3 tokens');
  server.program.kill('SIGKILL');
  await server.program.ended();
  // Long enough that the copy takes a moment.
  await sql`
    insert into boocode.events (chat_id, seq, type, payload)
    select ${id}, ${first.finished.seq} + n, 'notice',
      json_build_object('type', 'notice', 'level', 'info', 'code', 'x', 'message', repeat(n::text, 20))
    from generate_series(1, 20000) n`;
  await sql`update boocode.chats set next_seq = next_seq + 20000 where id = ${id}`;
  server = await home.serve('serve');
  const { finished } = await runTurn(server.client, id, 'stream 4 tokens');
  const started = performance.now();
  const { head } = await server.client.fork(id);
  const tookMs = performance.now() - started;
  const runningMs = async (): Promise<number> => {
    const [row] = await sql<{ ms: number }[]>`
      select extract(epoch from clock_timestamp() - query_start)::double precision * 1000 as ms from pg_stat_activity
      where state = 'active' and query like '%with parent as materialized%' and pid <> pg_backend_pid()
        and datname = current_database()`;
    return row?.ms ?? -1;
  };
  for (const part of [0.1, 0.4, 0.8]) {
    let isOver = false;
    const forking = server.client
      .fork(id)
      .catch(() => undefined)
      .finally(() => (isOver = true));
    await until(async () => isOver || (await runningMs()) >= tookMs * part * 0.5);
    server.program.kill('SIGKILL');
    await Promise.all([server.program.ended(), forking]);
    server = await home.serve('serve');
  }
  await until(async () => (await runningMs()) === -1);
  const forks = (await server.client.listChats()).items.filter((chat) => chat.forkedFrom !== null);
  expect(forks.length).toBeGreaterThanOrEqual(1);
  for (const fork of forks) {
    expect(fork).toMatchObject({ head, forkedFrom: { chatId: id, seq: finished.seq } });
    const [row] = await sql<{ events: number; entries: number; sessions: number }[]>`
      select (select count(*) from boocode.events where chat_id = ${fork.id}) as events,
        (select count(*) from boocode.claude_session_entries where project_key = ${fork.id} and entry::text like '%"type":"assistant"%') as entries,
        (select count(*) from boocode.agent_sessions where chat_id = ${fork.id}) as sessions`;
    expect(row).toEqual({ events: head, entries: 2, sessions: 1 });
  }
  // Nothing belongs to a chat that does not exist.
  const orphans = await sql`
    select from boocode.claude_session_entries where project_key not in (select id::text from boocode.chats)`;
  expect(orphans).toHaveLength(0);
  expect((await runTurn(server.client, forks[0]!.id, 'what did I say')).text).toBe(
    'You said: "stream 3 tokens", "stream 4 tokens".',
  );
  server.program.kill('SIGTERM');
  await server.program.ended();
});

test('FORK-11, FORK-12: `boocode fork` forks a chat, and a backup keeps the fork', async () => {
  const server = await home.serve('serve');
  const { id } = await server.client.createChat({ cwd: home.workDir, title: 'Pelicans' });
  const { finished } = await runTurn(server.client, id, 'my bird is a pelican');
  await runTurn(server.client, id, 'stream 3 tokens');
  const plain = await home.run(['fork', id.slice(0, 13)]);
  expect(plain).toMatchObject({ code: 0, stderr: '' });
  expect(plain.stdout).toMatch(/^Forked into chat [\da-f-]{36}: Pelicans \(fork\)\n$/);
  const told = await home.run(['fork', id, '--at', String(finished.seq), '--title', 'Only pelicans', '--json']);
  const fork = JSON.parse(told.stdout) as { id: string };
  expect(fork).toMatchObject({ title: 'Only pelicans', forkedFrom: { chatId: id, seq: finished.seq } });
  expect(await home.run(['fork', id, '--at', 'x'])).toMatchObject({
    code: 1,
    stderr: expect.stringContaining('--at must be the number of an event') as string,
  });
  expect(await home.run(['fork', id, '--at', '1'])).toMatchObject({
    code: 1,
    stderr: 'error: at: A chat can only be forked at the end of a turn: the seq of a `turn_finished`.\n',
  });

  const file = join(home.home, 'forks.gz');
  expect(await home.run(['backup', file])).toMatchObject({ code: 0 });
  await server.client.deleteChat(id);
  server.program.kill('SIGTERM');
  await server.program.ended();
  const dataDir = join(home.home, 'other');
  const embedded = { DATABASE_URL: '', BOOCODE_TOKEN: 'a-token-of-the-other-machine' };
  expect(await home.run(['restore', file, '--data-dir', dataDir], { env: embedded })).toMatchObject({ code: 0 });
  const other = await home.serve('serve', ['--data-dir', dataDir], embedded);
  expect(await other.client.getChat(fork.id)).toMatchObject({ forkedFrom: { chatId: id, seq: finished.seq } });
  expect(eventsOf(await readLog(other.client, fork.id), 'chat_forked')).toHaveLength(1);
  expect((await runTurn(other.client, fork.id, 'what did I say')).text).toBe('You said: "my bird is a pelican".');
  await other.client.deleteChat(fork.id);
  expect((await runTurn(other.client, id, 'what did I say')).text).toContain('"stream 3 tokens"');
  other.program.kill('SIGTERM');
  await other.program.ended();
});
