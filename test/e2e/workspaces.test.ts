// A chat whose directory is not on every host: real servers, programs and repositories.
import { execFileSync } from 'node:child_process';
import { rename } from 'node:fs/promises';
import { dirname, join } from 'node:path';
import { afterAll, beforeAll, expect, test } from 'vitest';
import { type DemoModel, startDemoModel } from '../../src/demo/demo-model.ts';
import { git, initRepository } from '../support/git-repository.ts';
import { createTestDatabase, type TestDatabase } from '../support/postgres.ts';
import { openProgramHome, type ProgramHome, warmEnv } from '../support/program.ts';
import { eventsOf, nextEvent, readLog, textIn } from '../support/turns.ts';
import { until } from '../support/until.ts';

let model: DemoModel;
let database: TestDatabase;
let homes: ProgramHome[];
beforeAll(async () => {
  model = await startDemoModel();
  database = await createTestDatabase();
  const options = { env: { ...warmEnv(model, database), BOOCODE_LOG_LEVEL: 'warn', BOOCODE_LOG_FORMAT: 'json' } };
  homes = await Promise.all([1, 2, 3].map(() => openProgramHome(options)));
});
afterAll(async () => {
  await Promise.all(homes.map((home) => home.remove()));
  await database.drop();
  await model.close();
});

test('HOST-17 HOST-18 HOST-19: a host takes a chat only where its directory is, or where it may clone it', async () => {
  const [first, second, third] = homes as [ProgramHome, ProgramHome, ProgramHome];
  const cwd = join(first.workDir, 'repo');
  const origin = join(first.workDir, 'origin.git');
  execFileSync('mkdir', [cwd]);
  initRepository(cwd, { branch: 'topic' });
  git(first.workDir, 'clone', '-q', '--bare', cwd, origin);
  git(cwd, 'remote', 'add', 'origin', origin);
  const commit = git(cwd, 'rev-parse', 'HEAD');

  const dead = await first.serve('serve');
  const { id, workspace } = await dead.client.createChat({ cwd, permissionMode: 'bypassPermissions' });
  expect(workspace).toEqual({ remote: origin, branch: 'topic', path: '' });
  await dead.client.prompt(id, { content: 'the first words' });
  await nextEvent(dead.client, id, 'turn_finished');
  const running = await dead.client.prompt(id, { content: 'run: sleep 600' });
  await nextEvent(dead.client, id, 'tool_call', { after: running.seq });
  await dead.client.prompt(id, { content: 'run: env pwd' });
  dead.program.kill('SIGKILL');
  await dead.program.ended();
  await rename(cwd, join(first.workDir, 'away'));

  // Without the directory.
  let host = await second.serve('serve');
  await until(() => host.program.stderr.includes('A chat with work is left to other hosts'), { what: 'the warning' });
  await expect(host.client.prompt(id, { content: 'x' })).rejects.toMatchObject({
    code: 'workspace_missing',
    message: expect.stringContaining(`${cwd} does not exist`) as string,
  });
  expect(await host.client.getChat(id)).toMatchObject({ waiting: 1, hold: null, cwd });
  expect(eventsOf(await readLog(host.client, id), 'turn_finished')).toHaveLength(1);
  host.program.kill('SIGTERM');
  await host.program.ended();

  // With the directory somewhere else.
  const mapped = join(second.workDir, 'mapped');
  git(second.workDir, 'clone', '-q', origin, mapped);
  host = await second.serve('serve', ['--workspaces', `${origin}=${mapped}`]);
  const log = await until(
    async () => {
      const events = await readLog(host.client, id);
      return eventsOf(events, 'turn_finished').length === 3 && events;
    },
    { timeoutMs: 60_000, what: 'the turn of the prompt that waited' },
  );
  expect(eventsOf(log, 'turn_finished').map(({ outcome }) => outcome)).toEqual([
    'completed',
    'interrupted',
    'completed',
  ]);
  expect(textIn(log)).toContain(`printed:\n\n${mapped}`);
  expect(await host.client.getChat(id)).toMatchObject({ cwd, currentDirectory: mapped });
  expect((await host.client.listHosts()).find(({ isThis }) => isThis)?.workspaces).toEqual([origin]);
  host.program.kill('SIGTERM');
  await host.program.ended();
  await rename(mapped, join(second.workDir, 'away'));

  // With a clone, and the whole conversation.
  const clone = join(third.workDir, 'deep/clone');
  host = await third.serve('serve', ['--clone', '--workspaces', `${dirname(cwd)}=${dirname(clone)},${cwd}=${clone}`]);
  const { seq } = await host.client.prompt(id, { content: 'what did I say' });
  await nextEvent(host.client, id, 'turn_finished', { after: seq });
  await host.client.prompt(id, { content: 'run: env pwd' });
  const words = await until(async () => {
    const events = (await readLog(host.client, id)).filter((event) => event.seq > seq);
    return eventsOf(events, 'turn_finished').length === 2 && events;
  });
  expect(textIn(words)).toContain('the first words');
  expect(textIn(words)).toContain(`printed:\n\n${clone}`);
  expect(eventsOf(words, 'notice').map(({ message }) => message)).toEqual([
    `The chat continues on another host, in a clone of ${origin} that was made for it in ${clone}, on branch topic at commit ${commit}. What was not committed and pushed in ${cwd} on the other host is not here.`,
  ]);
}, 180_000);
