// The built program is killed at the moment when a schedule is due.
import { afterAll, beforeAll, expect, test } from 'vitest';
import { type DemoModel, startDemoModel } from '../../src/demo/demo-model.ts';
import type { BooClient } from '../../src/client/client.ts';
import type { Event } from '../../src/protocol/event.ts';
import { createTestDatabase, type TestDatabase } from '../support/postgres.ts';
import { openProgramHome, type ProgramHome, type ServerProgram } from '../support/program.ts';
import { eventsOf, readLog, runTurn } from '../support/turns.ts';
import { until } from '../support/until.ts';

let model: DemoModel;
let homes: ProgramHome[];
let database: TestDatabase;

beforeAll(async () => {
  model = await startDemoModel();
  database = await createTestDatabase();
  const env = {
    CLAUDE_SDK_BACKEND: '1',
    BOOCODE_LOG_LEVEL: 'error',
    ANTHROPIC_BASE_URL: model.url,
    ANTHROPIC_API_KEY: 'sk-demo-0000000000000000',
    DATABASE_URL: database.url,
  };
  homes = await Promise.all([openProgramHome({ env }), openProgramHome({ env })]);
});
afterAll(async () => {
  await Promise.all(homes.map((home) => home.remove()));
  await database.drop();
  await model.close();
});

async function kill({ program }: ServerProgram): Promise<void> {
  program.kill('SIGKILL');
  await program.ended();
}

const given = (log: readonly Event[]) => eventsOf(log, 'prompt_accepted').flatMap(({ schedule }) => schedule ?? []);

/** The log, once as many scheduled prompts have been given and no turn runs. */
function settled(client: BooClient, id: string, count: number): Promise<Event[]> {
  const read = async () => {
    const log = await readLog(client, id);
    const rests = eventsOf(log, 'turn_started').length === eventsOf(log, 'turn_finished').length;
    const { items } = await client.listPrompts(id);
    return given(log).length >= count && rests && items.length === 0 && log;
  };
  return until(read, { what: `${count} scheduled prompts`, timeoutMs: 60_000 });
}

test('SCHEDULE-1: a server that is killed as a schedule is due has given its prompt, or the next one does: once', async () => {
  let server = await homes[0]!.serve('serve');
  const { id } = await server.client.createChat({ cwd: homes[0]!.workDir });
  // Before, at and after the moment at which it is due.
  const momentsMs = [-20, 0, 3, 8, 15, 30];
  for (const [round, momentMs] of momentsMs.entries()) {
    const at = Date.now() + 1_000;
    await server.client.createSchedule(id, { at: new Date(at).toISOString(), content: `stream ${round + 2} tokens` });
    await until(() => Date.now() >= at + momentMs);
    await kill(server);
    server = await homes[0]!.serve('serve');
    const log = await settled(server.client, id, round + 1);
    expect(given(log)).toHaveLength(round + 1);
    expect(new Set(given(log).map(({ scheduleId }) => scheduleId)).size).toBe(round + 1);
  }
  expect((await server.client.listChatSchedules(id)).items).toEqual([]);
  await kill(server);
}, 180_000);

test('SCHEDULE-11: what an agent has scheduled is given after its host was killed, by another host, once', async () => {
  const first = await homes[0]!.serve('serve');
  const { id } = await first.client.createChat({ cwd: homes[0]!.workDir, permissionMode: 'bypassPermissions' });
  const hour = (new Date().getHours() + 6) % 24;
  const cron = { cron: `0 ${hour} * * *`, prompt: 'stream 3 tokens', recurring: true };
  await runTurn(first.client, id, `call CronCreate: ${JSON.stringify(cron)}`);
  await until(async () => (await first.client.listChatSchedules(id)).items.length === 1);
  await kill(first);
  await database.sql`update boocode.schedules set next_at = clock_timestamp()`;
  const second = await homes[1]!.serve('serve');
  const log = await settled(second.client, id, 1);
  expect(given(log)).toMatchObject([{ madeBy: 'agent' }]);
  expect(eventsOf(log, 'turn_finished').at(-1)).toMatchObject({ outcome: 'completed' });
  // Its process knows the prompt again, and is due with its pattern only.
  await runTurn(second.client, id, 'stream 1 tokens');
  expect(given(await readLog(second.client, id))).toHaveLength(1);
  await kill(second);
}, 120_000);
