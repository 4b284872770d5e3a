// The program as it is built and as it is compiled.
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
let build: string | undefined;
beforeAll(async () => {
  model = await startDemoModel();
  database = await createTestDatabase();
  home = await openProgramHome({ env: warmEnv(model, database), build: () => build });
  server = await home.serve('serve');
});
afterAll(async () => {
  await home.remove();
  await database.drop();
  await model.close();
});

/** What a command says: as it is installed, or from this module. */
const says = async (words: readonly string[], main?: string) => {
  build = main;
  const { code, stdout, stderr } = await home.run(words);
  build = undefined;
  // Free memory changes from one run to the next.
  return { code, stdout: stdout.replace(/(memory: ).*/, '$1'), stderr };
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
])('CLI-23: the bundle says to %j what the modules say', async (words) => {
  const bundled = await says(words);
  expect(bundled).toEqual(await says(words, resolve('dist/cli/main.js')));
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
