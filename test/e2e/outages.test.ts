import { existsSync } from 'node:fs';
import { join } from 'node:path';
import { afterAll, afterEach, beforeAll, beforeEach, describe, expect, test } from 'vitest';
import { type DemoModel, startDemoModel } from '../../src/demo/demo-model.ts';
import { createTestDatabase, type TestDatabase } from '../support/postgres.ts';
import { openPostgresProxy, type PostgresProxy } from '../support/postgres-proxy.ts';
import { openProgramHome, type ProgramHome } from '../support/program.ts';
import { nextEvent } from '../support/turns.ts';
import { until } from '../support/until.ts';

let model: DemoModel;
let home: ProgramHome;
let database: TestDatabase;
let proxy: PostgresProxy;

beforeAll(async () => {
  model = await startDemoModel();
  home = await openProgramHome({
    env: {
      CLAUDE_SDK_BACKEND: '1',
      BOOCODE_LOG_LEVEL: 'silent',
      ANTHROPIC_BASE_URL: model.url,
      ANTHROPIC_API_KEY: 'sk-demo-0000000000000000',
    },
  });
  database = await createTestDatabase();
});
beforeEach(async () => {
  proxy = await openPostgresProxy(database.url);
});
afterEach(async () => {
  await home.endAll();
  await proxy.close();
});
afterAll(async () => {
  await home.remove();
  await database.drop();
  await model.close();
});

describe('CLI-8: a stop is clean', () => {
  test.each(['down', 'half-open'])('while the database is %s, in the middle of a turn', async (how) => {
    const server = await home.serve('serve', [], { DATABASE_URL: proxy.url });
    const chat = await server.client.createChat({ cwd: home.workDir });
    await server.client.prompt(chat.id, { content: 'hold' });
    await nextEvent(server.client, chat.id, 'turn_started');
    if (how === 'down') await proxy.goDown();
    else proxy.isFrozen = true;
    server.program.kill('SIGTERM');
    expect(await server.program.ended()).toEqual({ code: 0, signal: null });
    expect(server.program.stderr).toBe('');
  });

  test('while a migration waits for another host', async () => {
    const holder = database.sql.unsafe('select pg_advisory_lock(712460915243), pg_sleep(60)');
    holder.catch(() => undefined);
    await database.sql`delete from boocode.migrations where version = (select max(version) from boocode.migrations)`;
    const waits = () => database.sql`select from pg_locks where locktype = 'advisory' and not granted`;
    const dataDir = join(home.workDir, 'fresh');
    const starting = home.start(['serve', '--data-dir', dataDir], { env: { DATABASE_URL: database.url } });
    try {
      await until(async () => (await waits()).length > 0);
      starting.kill('SIGTERM');
      expect(await starting.ended()).toEqual({ code: 0, signal: null });
      expect(starting.stderr).toBe('');
      expect(existsSync(dataDir)).toBe(false);
    } finally {
      await database.sql`select pg_terminate_backend(pid) from pg_stat_activity where pid <> pg_backend_pid() and datname = current_database()`;
    }
  });
});
