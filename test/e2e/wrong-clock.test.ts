// Two hosts, one of them with a clock that is an hour ahead: only the database's clock counts.
import { join } from 'node:path';
import { afterAll, beforeAll, expect, test } from 'vitest';
import { type DemoModel, startDemoModel } from '../../src/demo/demo-model.ts';
import { createTestDatabase, type TestDatabase } from '../support/postgres.ts';
import { openProgramHome, type ProgramHome, type ServerProgram, warmEnv } from '../support/program.ts';
import { nextEvent, readLog, runTurn } from '../support/turns.ts';

const ahead = `--import=${join(import.meta.dirname, '..', 'support', 'wrong-clock.mjs')}`;
let model: DemoModel;
let database: TestDatabase;
let homes: [ProgramHome, ProgramHome];
let early: ServerProgram;
let right: ServerProgram;
beforeAll(async () => {
  model = await startDemoModel();
  database = await createTestDatabase();
  const env = { ...warmEnv(model, database), BOOCODE_ADVERTISE_URL: 'http://127.0.0.1:0' };
  homes = [await openProgramHome({ env }), await openProgramHome({ env })];
  early = await homes[0].serve('serve', [], { NODE_OPTIONS: ahead });
  right = await homes[1].serve('serve');
});
afterAll(async () => {
  await Promise.all(homes.map((home) => home.remove()));
  await database.drop();
  await model.close();
});

test('FENCE-4 HOST-1 HOST-5: hosts whose clocks are an hour apart hold, serve and take over each other’s chats', async () => {
  for (const [holder, other] of [
    [early, right],
    [right, early],
  ] as const) {
    const { id } = await holder.client.createChat({ cwd: homes[0].workDir, backend: 'claude_sdk' });
    await runTurn(holder.client, id, 'stream 2 tokens');
    expect((await runTurn(other.client, id, 'what did I say')).text).toContain('stream 2 tokens');
    const [chat] = await database.sql<{ owner_host: string }[]>`select owner_host from boocode.chats where id = ${id}`;
    expect(chat).toEqual({ owner_host: (await holder.client.info()).hostId });
    expect((await other.client.listHosts()).map(({ state }) => state)).toEqual(['up', 'up']);
  }
  // The one that is ahead neither takes a lease too early nor, once it is gone, leaves one for longer.
  const { id } = await early.client.createChat({ cwd: homes[0].workDir, backend: 'claude_sdk' });
  await early.client.prompt(id, { content: 'hold' });
  const started = await nextEvent(right.client, id, 'turn_started');
  const times = (await readLog(right.client, id)).map(({ at }) => Math.abs(Date.now() - new Date(at).getTime()));
  expect(Math.max(...times)).toBeLessThan(600_000);
  early.program.kill('SIGKILL');
  await right.client.prompt(id, { content: 'stream 2 tokens' });
  expect(await nextEvent(right.client, id, 'turn_finished', { after: started.seq })).toMatchObject({
    outcome: 'interrupted',
  });
}, 120_000);
