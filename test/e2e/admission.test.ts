// Agents that may not start yet, with the real program: their prompts survive the server, and run once there is room.
import { afterAll, beforeAll, expect, test } from 'vitest';
import { type DemoModel, startDemoModel } from '../../src/demo/demo-model.ts';
import { createTestDatabase, type TestDatabase } from '../support/postgres.ts';
import { openProgramHome, type ProgramHome, warmEnv } from '../support/program.ts';
import { eventsOf, nextEvent, readLog } from '../support/turns.ts';
import { until } from '../support/until.ts';

/** More than there is on any machine: nothing starts. */
const noRoom = ['--reserve-memory-mb', '100000000'];
let model: DemoModel;
let database: TestDatabase;
let home: ProgramHome;
beforeAll(async () => {
  model = await startDemoModel();
  database = await createTestDatabase();
  home = await openProgramHome({ env: warmEnv(model, database) });
});
afterAll(async () => {
  await home.remove();
  await database.drop();
  await model.close();
});

test('AGENT-43 AGENT-44: prompts that wait for memory say so, survive SIGKILL, and run on both engines where there is room', async () => {
  const short = await home.serve('serve', noRoom);
  const ids: string[] = [];
  for (const backend of ['claude_sdk', 'claude_pty']) {
    const { id } = await short.client.createChat({ cwd: home.workDir, backend });
    ids.push(id);
    await short.client.prompt(id, { content: 'stream 2 tokens' });
    const place = ids.length;
    const waits = await until(async () => (await short.client.getChat(id)).waitsFor);
    expect(waits).toMatchObject({ for: 'memory', place });
    expect(await short.client.getChat(id)).toMatchObject({ state: 'warming', waiting: 1, hold: null });
  }
  expect(await short.client.info()).toMatchObject({ warmChats: 0, startingAgents: 0, waitingStarts: 2 });
  short.program.kill('SIGKILL');
  await short.program.ended();
  expect(model.requests).toHaveLength(0);

  // One after the other.
  const { client } = await home.serve('serve', ['--starts-at-once', '1', '--agent-memory-mb', '1']);
  for (const id of ids) expect(await nextEvent(client, id, 'turn_finished')).toMatchObject({ outcome: 'completed' });
  for (const id of ids) expect(eventsOf(await readLog(client, id), 'turn_started')).toHaveLength(1);
  expect(await client.info()).toMatchObject({ startingAgents: 0, waitingStarts: 0 });
});
