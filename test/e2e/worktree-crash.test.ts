// A server of the built program is killed while it makes a worktree.
import { existsSync, mkdirSync } from 'node:fs';
import { join } from 'node:path';
import { afterAll, beforeAll, expect, test } from 'vitest';
import { type DemoModel, startDemoModel } from '../../src/demo/demo-model.ts';
import { git, initRepository } from '../support/git-repository.ts';
import { createTestDatabase, type TestDatabase } from '../support/postgres.ts';
import { openProgramHome, type ProgramHome, warmEnv } from '../support/program.ts';
import { until } from '../support/until.ts';

let model: DemoModel;
let home: ProgramHome;
let database: TestDatabase;
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

test('BRANCH-4 BRANCH-6: a SIGKILL while the setup command runs leaves neither worktree nor branch nor chat after the next start', async () => {
  const top = join(home.workDir, 'repository');
  mkdirSync(top);
  initRepository(top);
  git(top, 'config', 'boocode.setup', 'echo started; touch started; exec sleep 600');
  let server = await home.serve('serve');
  const before = git(top, 'for-each-ref');
  const creating = server.client
    .createChat({ cwd: top, isolation: 'worktree', worktree: { name: 'x' }, trusted: true })
    .catch(() => 'cut off');
  await until(() => existsSync(`${top}.worktrees/x/started`), { what: 'the setup command' });
  expect((await server.client.listWorktrees({ making: true }))[0]).toMatchObject({ worktree: { branch: 'boocode/x' } });
  server.program.kill('SIGKILL');
  await server.program.ended();
  expect(await creating).toBe('cut off');
  expect(git(top, 'for-each-ref')).not.toBe(before);

  server = await home.serve('serve');
  await until(async () => (await server.client.listWorktrees()).length === 0, { what: 'the sweep' });
  expect(existsSync(`${top}.worktrees`)).toBe(false);
  expect(git(top, 'for-each-ref')).toBe(before);
  expect(git(top, 'worktree', 'list').split('\n')).toHaveLength(1);
  expect((await server.client.listChats()).items).toEqual([]);
  git(top, 'config', '--unset', 'boocode.setup');
  // The name is free again.
  expect(await server.client.createChat({ cwd: top, isolation: 'worktree', worktree: { name: 'x' } })).toMatchObject({
    worktree: { branch: 'boocode/x' },
  });
});
