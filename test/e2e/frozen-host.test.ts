// A host that is frozen in the middle of a turn, while another one takes its chat.
import { existsSync, readFileSync } from 'node:fs';
import { join } from 'node:path';
import { afterAll, beforeAll, describe, expect, test } from 'vitest';
import { type DemoModel, startDemoModel } from '../../src/demo/demo-model.ts';
import { createTestDatabase, type TestDatabase } from '../support/postgres.ts';
import { markOf, processesWith } from '../support/processes.ts';
import { openProgramHome, type ProgramHome, type ServerProgram, warmEnv } from '../support/program.ts';
import { eventsOf, nextEvent, readLog } from '../support/turns.ts';
import { until } from '../support/until.ts';

let model: DemoModel;
let database: TestDatabase;
let homes: [ProgramHome, ProgramHome];
let frozen: ServerProgram;
let next: ServerProgram;
beforeAll(async () => {
  model = await startDemoModel();
  database = await createTestDatabase();
  const options = { env: warmEnv(model, database) };
  homes = [await openProgramHome(options), await openProgramHome(options)];
  [frozen, next] = await Promise.all([homes[0].serve('serve'), homes[1].serve('serve')]);
});
afterAll(async () => {
  await Promise.all(homes.map((home) => home.remove()));
  await database.drop();
  await model.close();
});

describe.runIf(process.platform === 'linux')('FENCE-8: the agents of a frozen host', () => {
  test('have ended before another host has its chat, and it goes on when it wakes', async () => {
    const cwd = homes[0].workDir;
    const file = join(cwd, 'ticks');
    const { id } = await frozen.client.createChat({ cwd, backend: 'claude_sdk', permissionMode: 'bypassPermissions' });
    await frozen.client.prompt(id, { content: `run: while sleep 0.2; do echo tick >> ${file}; done` });
    await until(() => existsSync(file), { what: 'the running tool' });
    const { pid } = frozen.program.identity;
    const mark = markOf(frozen.program.identity);
    process.kill(pid, 'SIGSTOP');
    try {
      // Refused while the lease lives.
      await until(
        () =>
          next.client.prompt(id, { content: 'stream 2 tokens' }).then(
            () => true,
            () => false,
          ),
        { timeoutMs: 40_000, what: 'the takeover' },
      );
      // The watcher itself carries no mark.
      expect(processesWith(mark).map(({ command }) => command)).toEqual([]);
      const ticks = readFileSync(file, 'utf8');
      const ended = await nextEvent(next.client, id, 'turn_finished');
      expect(ended).toMatchObject({ outcome: 'interrupted', error: { code: 'host_restarted' } });
      expect(await nextEvent(next.client, id, 'turn_finished', { after: ended.seq })).toMatchObject({
        outcome: 'completed',
      });
      expect(readFileSync(file, 'utf8')).toBe(ticks);
    } finally {
      process.kill(pid, 'SIGCONT');
    }
    await until(async () => (await frozen.client.health()).status === 'ok', { what: 'the host that woke' });
    const other = await frozen.client.createChat({ cwd, backend: 'claude_sdk' });
    await frozen.client.prompt(other.id, { content: 'stream 2 tokens' });
    expect(await nextEvent(frozen.client, other.id, 'turn_finished')).toMatchObject({ outcome: 'completed' });
    const log = await readLog(frozen.client, id);
    expect(log.map(({ seq }) => seq)).toEqual(log.map((_, index) => index + 1));
    expect(eventsOf(log, 'turn_finished')).toHaveLength(2);
  }, 120_000);
});
