// Servers that are killed around the moment at which the real program has spent a budget.
import { existsSync } from 'node:fs';
import { join } from 'node:path';
import { afterAll, beforeAll, expect, test } from 'vitest';
import { type DemoModel, startDemoModel } from '../../src/demo/demo-model.ts';
import { createTestDatabase, type TestDatabase } from '../support/postgres.ts';
import { openProgramHome, type ProgramHome, type ServerProgram, warmEnv } from '../support/program.ts';
import { eventsOf, readLog, runTurn } from '../support/turns.ts';
import { until } from '../support/until.ts';

let model: DemoModel;
let database: TestDatabase;
let home: ProgramHome;
let server: ServerProgram;
beforeAll(async () => {
  model = await startDemoModel();
  database = await createTestDatabase();
  home = await openProgramHome({ env: warmEnv(model, database) });
  server = await home.serve('serve');
});
afterAll(async () => {
  await home.remove();
  await database.drop();
  await model.close();
});

async function kill(): Promise<void> {
  server.program.kill('SIGKILL');
  await server.program.ended();
  server = await home.serve('serve');
}

/** A chat that has had a turn, and whose budget the next request exceeds. */
async function openChat(): Promise<string> {
  const { client } = server;
  const { id } = await client.createChat({
    cwd: home.workDir,
    backend: 'claude_sdk',
    permissionMode: 'bypassPermissions',
  });
  await runTurn(client, id, 'who are you');
  const { costUsd } = await client.getChat(id);
  await client.patchChat(id, { budgetUsd: costUsd + 0.0001 });
  return id;
}

const held = (id: string) =>
  until(async () => (await server.client.getChat(id)).hold, { timeoutMs: 40_000, what: 'the hold' });
const completed = (id: string, count: number) =>
  until(
    async () =>
      eventsOf(await readLog(server.client, id), 'turn_finished').filter(({ outcome }) => outcome === 'completed')
        .length === count,
    { timeoutMs: 40_000, what: `${count} completed turns` },
  );

test('BUDGET-13: killed after the stop, the turn continues once, when there is more', async () => {
  const id = await openChat();
  await server.client.prompt(id, { content: 'run: echo o""ne' });
  await held(id);
  await kill();
  expect(await held(id)).toMatchObject({ reason: 'budget_spent' });
  expect((await server.client.getChat(id)).waiting).toBe(1);
  await server.client.patchChat(id, { budgetUsd: null });
  await completed(id, 2);
  const log = await readLog(server.client, id);
  expect(eventsOf(log, 'prompt_accepted').filter(({ principal }) => !principal)).toHaveLength(1);
  expect(eventsOf(log, 'queue_held')).toHaveLength(1);
}, 120_000);

test('BUDGET-13: killed before it, what was spent holds what waits', async () => {
  const id = await openChat();
  const file = join(home.workDir, 'runs');
  await server.client.prompt(id, { content: `run: touch ${file}; exec tail -f /dev/null` });
  await server.client.prompt(id, { content: 'think' });
  await until(() => existsSync(file), { what: 'the command' });
  await kill();
  expect(await held(id)).toMatchObject({ reason: 'budget_spent' });
  expect((await server.client.getChat(id)).waiting).toBe(1);
  await server.client.patchChat(id, { budgetUsd: null });
  await completed(id, 2);
}, 120_000);
