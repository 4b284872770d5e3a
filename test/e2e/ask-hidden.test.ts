// A secret's value is typed into a real terminal.
import { resolve } from 'node:path';
import { afterAll, beforeAll, expect, test } from 'vitest';
import { loadPseudoTerminals, openPseudoTerminal } from '../../src/terminal/pseudo-terminal.ts';
import { openProgramHome, type ProgramHome, type ServerProgram } from '../support/program.ts';
import { createTestDatabase, type TestDatabase } from '../support/postgres.ts';
import { until } from '../support/until.ts';

const program = resolve(process.env['BOOCODE_TEST_PROGRAM'] ?? 'dist/cli/boocode.js');
const question = 'Value of TYPED (not shown): ';

let database: TestDatabase;
let home: ProgramHome;
let server: ServerProgram;
beforeAll(async () => {
  await loadPseudoTerminals();
  database = await createTestDatabase();
  home = await openProgramHome({ env: { DATABASE_URL: database.url, BOOCODE_LOG_LEVEL: 'error' } });
  server = await home.serve('serve');
});
afterAll(async () => {
  await home.remove();
  await database.drop();
});

/** All that the terminal shows after these keys, with the exit code, and how the terminal is set afterwards. */
async function type(keys: readonly string[], more: readonly string[] = []): Promise<string> {
  const script = '"$@"; echo "exit $?"; stty -a';
  const words = [script, 'sh', process.execPath, program, 'secret', 'set', 'TYPED', ...more];
  const terminal = openPseudoTerminal('/bin/sh', ['-c', ...words], {
    cwd: home.workDir,
    env: { ...home.env, BOOCODE_URL: server.url, BOOCODE_TOKEN: server.token },
    size: { columns: 200, rows: 50 },
  });
  let shown = '';
  const decoder = new TextDecoder();
  terminal.onData((data) => (shown += decoder.decode(data, { stream: true })));
  await until(() => shown.includes(question), { what: 'the question' });
  for (const key of keys) terminal.write(key);
  await terminal.exited;
  return shown;
}

/** Keys are shown again. */
function expectUsual(shown: string): void {
  expect(shown).toMatch(/(^|[\s;])echo[\s;]/);
  expect(shown).toMatch(/(^|[\s;])icanon[\s;]/);
}

const isSet = async (): Promise<boolean> => (await server.client.listSecrets()).some(({ name }) => name === 'TYPED');

test('SECRET-9: what is given up, with ctrl-C, or at the end of input, sets nothing', async () => {
  for (const keys of [['hidden-words', '\x03'], ['\x04'], ['hid', 'den', '\x7f'.repeat(6), '\x04']]) {
    const shown = await type(keys);
    expect(shown).toContain('Nothing was set.');
    expect(shown).toMatch(/exit [1-9]/);
    expect(shown).not.toContain('hid');
    expectUsual(shown);
  }
  expect(await isSet()).toBe(false);
});

test('SECRET-9: a value that is typed or pasted is not shown, and is set as it was typed', async () => {
  const shown = await type(['hi', 'x\x7f', 'dden-', '\x1b[200~and-past\x1b[201~', 'é', '🙂', '\x7f', '\r'], ['--json']);
  const [, after = ''] = shown.split(question);
  expect(after).toContain('exit 0');
  expect(after).not.toMatch(/hi|dden|past|é/);
  expectUsual(after);
  expect(await isSet()).toBe(true);
  // Only an agent is told what it is.
  const chat = await server.client.createChat({ cwd: home.workDir });
  expect(await server.client.useSecret(chat.id, 'TYPED')).toMatchObject([{ name: 'TYPED' }]);
  const [row] = await database.sql<{ sealed: string }[]>`select sealed from boocode.secrets where name = 'TYPED'`;
  expect(Buffer.from(row!.sealed, 'base64').length - 12 - 16).toBe(Buffer.byteLength('hidden-and-pasté'));
});
