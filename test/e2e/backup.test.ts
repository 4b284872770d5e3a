// A chat moves to another machine in a file: the real program, the demo model, a turn that is running, a prompt that waits.
import { readFile } from 'node:fs/promises';
import { join } from 'node:path';
import { afterAll, afterEach, beforeAll, beforeEach, expect, test } from 'vitest';
import { type DemoModel, startDemoModel } from '../../src/demo/demo-model.ts';
import type { Event } from '../../src/protocol/event.ts';
import { openDatabase } from '../../src/store/database.ts';
import { schemaLock } from '../../src/store/migrate.ts';
import { createTestDatabase, type TestDatabase } from '../support/postgres.ts';
import { openProgramHome, type ProgramHome, type ServerProgram } from '../support/program.ts';
import { followUntil, readLog, runTurn } from '../support/turns.ts';
import { until } from '../support/until.ts';

let model: DemoModel;
let home: ProgramHome;
beforeAll(async () => {
  model = await startDemoModel();
});
afterAll(() => model.close());
beforeEach(async () => {
  home = await openProgramHome({
    env: {
      CLAUDE_SDK_BACKEND: '1',
      BOOCODE_LOG_LEVEL: 'error',
      ANTHROPIC_BASE_URL: model.url,
      ANTHROPIC_API_KEY: 'sk-demo-0000000000000000',
    },
  });
});
afterEach(() => home.remove());

/** A chat whose turn holds while another prompt waits. */
async function openBusyChat({ client }: ServerProgram): Promise<string> {
  const { id } = await client.createChat({ cwd: home.workDir });
  await runTurn(client, id, 'my bird is a pelican');
  await client.prompt(id, { content: 'hold', id: 'held' });
  await followUntil(client, id, (item) => item.kind === 'delta');
  await client.prompt(id, { content: 'what did I say', id: 'waiting' });
  return id;
}

/** The restored chat's log begins as the old one did, its turn ends as after a crash, and the agent goes on from there. */
async function expectToGoOn({ client }: ServerProgram, chatId: string, before: readonly Event[]): Promise<void> {
  expect((await client.listChats()).items.map(({ id }) => id)).toEqual([chatId]);
  let waitingTurn: string | undefined;
  await followUntil(client, chatId, ({ kind, ...item }) => {
    if (kind !== 'event') return false;
    const { event } = item as { event: Event };
    if (event.type === 'turn_started' && event.promptIds.includes('waiting')) waitingTurn = event.turnId;
    return event.type === 'turn_finished' && event.turnId === waitingTurn;
  });
  const log = await readLog(client, chatId);
  expect(log.slice(0, before.length)).toEqual(before);
  const finished = log.filter((event) => event.type === 'turn_finished');
  expect(finished.map(({ outcome }) => outcome)).toEqual(['completed', 'interrupted', 'completed']);
  expect(finished[1]?.error?.code).toBe('host_restarted');
  expect(JSON.stringify(log.slice(before.length))).toContain('You said: \\"my bird is a pelican\\"');
}

test('BACKUP-7: the embedded database of a running server goes on in another data directory', async () => {
  const server = await home.serve('serve');
  const chatId = await openBusyChat(server);
  const file = join(home.home, 'chats.gz');
  const backedUp = await home.run(['backup', file, '--json']);
  expect(backedUp).toMatchObject({ code: 0, stderr: '' });
  expect(JSON.parse(backedUp.stdout)).toMatchObject({ file, tables: expect.arrayContaining([]) as unknown });
  expect((await readFile(file)).includes(server.token)).toBe(false);
  const before = await readLog(server.client, chatId);
  // The server was not disturbed: its turn still runs, and its chats can still be written to.
  await server.client.patchChat(chatId, { title: 'after the backup' });
  server.program.kill('SIGKILL');
  await server.program.ended();

  const checked = await home.run(['backup', '--verify', file]);
  expect(checked).toMatchObject({
    code: 0,
    stdout: expect.stringContaining('a complete backup of 1 chat with') as string,
  });
  const dataDir = join(home.home, 'other');
  const restored = await home.run(['restore', file, '--data-dir', dataDir]);
  expect(restored).toMatchObject({ code: 0, stderr: '' });
  expect(restored.stdout).toMatch(
    /other: restored 1 chat with \d+ events, [\d.]+ kB, of \S+ \S+ UTC \(BooCode \S+, schema version \d+\)\.\n$/,
  );
  const token = 'a-token-of-the-other-machine';
  const other = await home.serve('serve', ['--data-dir', dataDir], { BOOCODE_TOKEN: token });
  await expectToGoOn(other, chatId, before);
  other.program.kill('SIGTERM');
  expect(await other.program.ended()).toMatchObject({ code: 0 });

  expect(await home.run(['restore', file, '--data-dir', dataDir])).toMatchObject({
    code: 1,
    stderr: `error: The data directory ${dataDir} has a database already: choose another directory with --data-dir.\n`,
  });
});

test('BACKUP-6 BACKUP-7: your own database goes on in another one, also when the first restore was killed', async () => {
  const databases: TestDatabase[] = [await createTestDatabase(), await createTestDatabase()];
  const [source, target] = databases as [TestDatabase, TestDatabase];
  try {
    await target.sql`drop schema boocode cascade`;
    const server = await home.serve('serve', [], { DATABASE_URL: source.url });
    const chatId = await openBusyChat(server);
    const before = await readLog(server.client, chatId);
    server.program.kill('SIGKILL');
    await server.program.ended();
    const file = join(home.home, 'chats.gz');
    expect(await home.run(['backup', file], { env: { DATABASE_URL: source.url } })).toMatchObject({
      code: 0,
      stdout: expect.stringMatching(/chats\.gz: backed up 1 chat with /) as string,
    });

    const env = { DATABASE_URL: target.url };
    const killed = home.start(['restore', file], { env });
    await until(async () => (await target.sql`select to_regclass('boocode.chats') as it`)[0]?.['it'] !== null);
    // It waits for the lock before its next migration.
    const blocker = openDatabase(target.url, { max: 1 });
    await blocker`select pg_advisory_lock(${schemaLock})`;
    killed.kill('SIGKILL');
    expect(await killed.ended()).toMatchObject({ signal: 'SIGKILL' });
    await blocker.end();
    const refused = await home.run(['serve'], { env });
    expect(refused).toMatchObject({ code: 1 });
    expect(refused.stderr).toContain('run `boocode restore` with the backup again, which starts over.');
    expect(await home.run(['restore', file], { env })).toMatchObject({
      code: 0,
      stdout: expect.stringMatching(/^your database \(DATABASE_URL\): restored 1 chat with /) as string,
    });
    const other = await home.serve('serve', [], { ...env, BOOCODE_TOKEN: 'a-token-of-the-other-machine' });
    await expectToGoOn(other, chatId, before);
    await home.endAll();
  } finally {
    await home.endAll();
    for (const database of databases) await database.drop();
  }
});
