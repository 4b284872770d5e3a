import { writeFile } from 'node:fs/promises';
import { join } from 'node:path';
import { afterAll, beforeAll, describe, expect, test } from 'vitest';
import { openProgramHome, type ProgramHome, type ServerProgram } from '../support/program.ts';
import { markOf, processesWith } from '../support/processes.ts';
import { call } from '../support/server.ts';
import { until } from '../support/until.ts';

/** What a new user does according to the README, with the program alone: the embedded Postgres and the demo model. */
let home: ProgramHome;
let server: ServerProgram;
let chatId: string;

beforeAll(async () => {
  home = await openProgramHome({ usualDataDir: 'boocode-demo' });
  await writeFile(join(home.workDir, 'readme.txt'), 'hello\n');
});
afterAll(() => home.remove());

test('demo prints its address and a sign-in link, and says that its model is scripted', async () => {
  server = await home.serve('demo');
  const { program, url, signInLink } = server;
  const [ready, link, ...more] = program.stdout.trimEnd().split('\n');
  expect(ready).toBe(`BooCode is ready: ${url}`);
  expect(url).toMatch(/^http:\/\/127\.0\.0\.1:\d+$/);
  expect(link).toContain(signInLink);
  expect(signInLink).toMatch(new RegExp(`^${url}/#code=[\\w-]{20,}$`));
  expect(more).toEqual([]);
  await until(() => program.stderr.includes('scripted demo model'));
});

test('ACCESS-4 ACCESS-6: the sign-in link yields a token of the browser’s own, once', async () => {
  const code = new URL(server.signInLink).hash.replace('#code=', '');
  const page = await fetch(server.url);
  expect([page.status, page.headers.get('content-type')]).toEqual([200, 'text/html; charset=utf-8']);
  const redeem = () => call({ url: server.url, token: '' }, 'POST', '/v1/sign-in', { body: { code } });
  expect(await redeem()).toMatchObject({ status: 200, body: { token: expect.stringMatching(/^boo_/) as string } });
  expect(await redeem()).toMatchObject({ status: 401, body: { code: 'unauthorized', field: 'code' } });
  expect(`${server.program.stdout}${server.program.stderr}`).not.toContain(server.token);
});

test('chat creates a chat, streams the answer, shows the tool call, asks for permission, shows the cost, and exits', async () => {
  const { code, stdout, stderr } = await home.run(['chat', 'list the files here'], { input: 'y\n' });
  expect([code, stderr]).toEqual([0, 'Answers come from the scripted demo model.\n']);
  const told = [
    'I will look at what is in this directory.',
    'env ls -la',
    'Allow? [y]es / [a]lways / [n]o y',
    'readme.txt',
    'I see one entry',
    'cost $0.',
  ];
  let at = 0;
  for (const text of told) {
    const found = stdout.indexOf(text, at);
    expect(found, `${text} in\n${stdout}`).toBeGreaterThanOrEqual(at);
    at = found;
  }
  [, chatId = ''] = /chat ([0-9a-f-]{36})/.exec(stdout) ?? [];
  expect(await server.client.getChat(chatId)).toMatchObject({ cwd: home.workDir, title: 'list the files here' });
});

test('AGENT-2: chat --resume continues a chat', async () => {
  const { code, stdout } = await home.run(['chat', '--resume', chatId, 'what did I say']);
  expect([code, stdout]).toEqual([0, expect.stringContaining('You said: "list the files here".')]);
});

test('a denial reaches the agent, and nothing runs', async () => {
  const { code, stdout } = await home.run(['chat', 'run: touch refused'], { input: 'n\n' });
  expect(code).toBe(0);
  expect(stdout).toContain('That did not go through');
});

describe.each(['SIGTERM', 'SIGKILL'] as const)('after %s and a restart on the same data directory', (signal) => {
  test('AGENT-2 DATA-1: chat --resume still remembers, and the old server leaves no process behind', async () => {
    const { identity } = server.program;
    server.program.kill(signal);
    expect(await server.program.ended()).toEqual(
      signal === 'SIGTERM' ? { code: 0, signal: null } : { code: null, signal },
    );
    await until(() => processesWith(markOf(identity)).length === 0, { what: 'the end of every agent process' });
    server = await home.serve('demo');
    const { code, stdout } = await home.run(['chat', '--resume', chatId.slice(0, 8), 'what did I say']);
    expect([code, stdout]).toEqual([0, expect.stringContaining('"list the files here"')]);
    const listed = JSON.parse((await home.run(['ls', '--json'])).stdout) as { id: string }[];
    expect(listed.map((each) => each.id)).toContain(chatId);
  });
});

test('show --json prints the whole log, one event per line', async () => {
  const { stdout } = await home.run(['show', chatId, '--json']);
  const seqs = stdout
    .trimEnd()
    .split('\n')
    .map((line) => (JSON.parse(line) as { seq: number }).seq);
  const { head } = await server.client.getChat(chatId);
  expect(seqs).toEqual(Array.from({ length: head }, (_, index) => index + 1));
});
