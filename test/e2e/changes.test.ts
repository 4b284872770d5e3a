// What real programs change in real repositories, on both engines.
import { mkdirSync, readFileSync, realpathSync, writeFileSync } from 'node:fs';
import { join } from 'node:path';
import { afterAll, beforeAll, describe, expect, test } from 'vitest';
import { runCli } from '../../src/cli/run.ts';
import { backendNames } from '../support/backend-names.ts';
import { createFakeTerminal, type FakeInput } from '../support/fake-terminal.ts';
import { git, initRepository } from '../support/git-repository.ts';
import { openServer, type TestServer } from '../support/server.ts';
import { runTurn } from '../support/turns.ts';

let server: TestServer;
beforeAll(async () => {
  server = await openServer();
});
afterAll(() => server.close());

describe.each(backendNames)('on %s', (backend) => {
  test('CHANGE-1 CHANGE-7 CHANGE-15: what the agent changes by any tool is told, since the start and since each turn', async () => {
    const { client } = server;
    mkdirSync(join(server.workDir, backend));
    const cwd = realpathSync(join(server.workDir, backend));
    initRepository(cwd);
    writeFileSync(join(cwd, 'before.txt'), 'by a person\n');
    const chat = await client.createChat({ cwd, backend, permissionMode: 'bypassPermissions' });
    await runTurn(client, chat.id, 'write notes.txt: hello');
    const { finished } = await runTurn(client, chat.id, 'run: touch by-bash');
    const paths = async (since?: string) =>
      (await client.changes(chat.id, { since })).files.map(({ status, path }) => `${status} ${path}`);
    expect(await paths()).toEqual(['added by-bash', 'added notes.txt']);
    expect(await paths(`turn:${finished.turnId}`)).toEqual(['added by-bash']);
    expect(await paths('head')).toEqual(['added before.txt', 'added by-bash', 'added notes.txt']);
    expect((await client.changesDiff(chat.id, { path: 'notes.txt' })).diff).toContain('\n+hello');
    const terminal = createFakeTerminal();
    const cli = {
      terminal,
      env: { BOOCODE_URL: server.url, BOOCODE_TOKEN: server.token, HOME: '/nonexistent' },
      exitCode: 0,
    };
    await runCli(cli, ['diff', chat.id, '--stat']);
    expect(terminal.stdout).toBe('A by-bash  +0 -0\nA notes.txt  +1 -0\n2 files, +1 -0\n');
    expect(git(cwd, 'status', '--porcelain').split('\n')).toEqual(['?? before.txt', '?? by-bash', '?? notes.txt']);
    await client.deleteChat(chat.id);
    expect(git(cwd, 'for-each-ref', 'refs/boocode')).toBe('');
  });
});

test('CLI-28 CHANGE-14 CHANGE-16 CHANGE-18 CHANGE-22: people stage, discard and commit over the API and the command line', async () => {
  const { client } = server;
  const cwd = realpathSync(server.workDir);
  mkdirSync(join(cwd, 'by-people'));
  const top = join(cwd, 'by-people');
  initRepository(top);
  git(top, 'config', 'user.name', 'Ann');
  git(top, 'config', 'user.email', 'ann@example.com');
  for (const name of ['a.txt', 'b.txt', 'c.txt']) writeFileSync(join(top, name), 'x\n');
  mkdirSync(join(top, '.git/hooks'), { recursive: true });
  writeFileSync(join(top, '.git/hooks/pre-commit'), '#!/bin/sh\necho ran >> hook-ran\n', { mode: 0o755 });
  const chat = await client.createChat({ cwd: top });
  const stop = new AbortController();
  const news = client.watchChanges(chat.id, { signal: stop.signal })[Symbol.asyncIterator]();
  const first = await news.next();
  await client.stageChanges(chat.id, { paths: [{ path: 'a.txt' }, { path: 'b.txt' }] });
  expect(await news.next()).toEqual(first);
  stop.abort();
  expect(await news.next()).toMatchObject({ done: true });
  await client.unstageChanges(chat.id, { paths: [{ path: 'b.txt' }] });
  const list = await client.changes(chat.id, { since: 'head' });
  expect(list.files.map(({ path, staged }) => `${path} ${staged}`)).toEqual(['a.txt all', 'b.txt none', 'c.txt none']);
  const { undo } = await client.discardChange(chat.id, { path: 'c.txt', tree: list.tree });
  expect(git(top, 'status', '--porcelain')).not.toContain('c.txt');
  expect(await client.undoDiscard(chat.id, { undo })).toEqual({ chatId: chat.id, files: [{ path: 'c.txt' }] });

  const run = async (words: string[], input: FakeInput = {}, env: NodeJS.ProcessEnv = {}) => {
    const terminal = createFakeTerminal(input);
    const own = { BOOCODE_URL: server.url, BOOCODE_TOKEN: server.token, HOME: '/nonexistent', ...env };
    const cli = { terminal, env: own, exitCode: 0 };
    await runCli(cli, ['commit', chat.id, ...words]);
    return { code: cli.exitCode, out: terminal.stdout, err: terminal.stderr };
  };
  expect(await run([])).toMatchObject({ err: expect.stringContaining('Pass the message: -m <text>.') as string });
  const staged = await run(['-m', 'One', '-m', 'Two']);
  const [oid = '', ...message] = git(top, 'log', '-1', '--format=%H%n%B').split('\n');
  expect(message).toEqual(['One', '', 'Two']);
  expect(staged).toEqual({
    code: 0,
    out: `[main ${oid.slice(0, 8)}] One\n`,
    err: `· Not run, because the directory is not trusted: pre-commit. See boocode trust ${chat.id}\n`,
  });
  const { digest } = await client.getTrust(chat.id);
  await client.giveTrust(chat.id, { digest });
  const editor = join(cwd, 'editor');
  writeFileSync(editor, '#!/bin/sh\ncp "$1" "$0.saw"; echo "From the editor" > "$1"\n', { mode: 0o755 });
  const edited = await run(['b.txt'], { isInteractive: true }, { EDITOR: editor });
  expect(edited.out).toMatch(/^\[main [0-9a-f]{8}\] From the editor\n$/);
  expect(readFileSync(`${editor}.saw`, 'utf8')).toContain('#\tadded: b.txt\n');
  expect(git(top, 'show', '--format=', '--name-only')).toBe('b.txt');
  expect(readFileSync(join(top, 'hook-ran'), 'utf8')).toBe('ran\n');
  const all = await run(['--all', '-m', 'Rest', '--json']);
  expect(JSON.parse(all.out)).toMatchObject({ branch: 'main', subject: 'Rest', skipped: [] });
  expect(await run(['-m', 'Nothing'])).toMatchObject({ code: 1 });
  git(top, 'checkout', '-q', '-f', '-b', 'other', 'HEAD~1');
  git(top, 'commit', '-q', '--allow-empty', '-m', 'Other');
  git(top, 'checkout', '-q', '-f', 'main');
  git(top, 'merge', '-q', '--no-commit', '--no-ff', 'other');
  expect((await run(['-m', 'Both'])).err).toContain('A merge is not finished');
  expect(await run(['-m', 'Both', '--during', 'merge'])).toMatchObject({ code: 0 });
  expect(git(top, 'log', '-1', '--format=%s %p').split(' ')).toHaveLength(3);
});
