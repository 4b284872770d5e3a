// The program as it is built and as it is compiled.
import { spawnSync } from 'node:child_process';
import { readFileSync } from 'node:fs';
import { resolve } from 'node:path';
import { afterAll, beforeAll, expect, test } from 'vitest';
import { type DemoModel, startDemoModel } from '../../src/demo/demo-model.ts';
import { createTestDatabase, type TestDatabase } from '../support/postgres.ts';
import { openProgramHome, type ProgramHome, type ServerProgram, warmEnv } from '../support/program.ts';

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

const says = (program: string, words: readonly string[]) => {
  const { status, stdout, stderr } = spawnSync(process.execPath, [resolve(program), ...words], {
    encoding: 'utf8',
    env: home.env,
    cwd: home.workDir,
  });
  // Free memory changes from one run to the next.
  return { status, stdout: stdout.replace(/(memory: ).*/, '$1'), stderr };
};

test.each([
  [['--help']],
  [['--version']],
  [['help', 'send']],
  [['chat', '--help']],
  [['lss']],
  [['ls', '--bogus']],
  [['--bogus']],
  [['ls']],
  [['doctor']],
])('CLI-23: the bundle says to %j what the modules say', (words) => {
  const bundled = says('dist/cli/boocode.js', words);
  expect(bundled).toEqual(says('dist/cli/main.js', words));
  expect(bundled.stdout + bundled.stderr).not.toBe('');
});

test('CLI-23: its modules are in it', () => {
  expect(readFileSync(resolve('dist/cli/boocode.js'), 'utf8')).toContain('../chunks/');
  expect(readFileSync(resolve('dist/cli/main.js'), 'utf8')).not.toContain('../chunks/');
});

test('CLI-23: the bundle finds the web app and the API’s description, and runs both engines', async () => {
  expect(await (await fetch(server.url)).text()).toContain('./assets/');
  const { version } = JSON.parse(readFileSync('package.json', 'utf8')) as { version: string };
  const document = (await (
    await fetch(`${server.url}/v1/openapi.json`, { headers: { authorization: `Bearer ${server.token}` } })
  ).json()) as { info: { version: string } };
  expect(document.info.version).toBe(version);
  for (const backend of ['claude_sdk', 'claude_pty'] as const) {
    const { id } = await server.client.createChat({ cwd: home.workDir, backend });
    expect(await server.client.run(id, 'stream 2 tokens')).toMatchObject({ outcome: 'completed' });
  }
}, 120_000);
