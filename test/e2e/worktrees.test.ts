// Chats with a worktree of their own, from the command line, with the real program and real git.
import { existsSync, mkdirSync, readFileSync, realpathSync, writeFileSync } from 'node:fs';
import { join } from 'node:path';
import { afterAll, beforeAll, expect, test } from 'vitest';
import type { Chat, ListedWorktree } from '../../src/client/client.ts';
import { runCli } from '../../src/cli/run.ts';
import { createFakeTerminal } from '../support/fake-terminal.ts';
import { git, initRepository } from '../support/git-repository.ts';
import { openServer, type TestServer } from '../support/server.ts';
import { runTurn } from '../support/turns.ts';
import { until } from '../support/until.ts';

let server: TestServer;
let top: string;
let number = 0;
beforeAll(async () => {
  server = await openServer();
});
afterAll(() => server.close());

function newRepository(): void {
  const path = join(server.workDir, `repo-${(number += 1)}`);
  mkdirSync(path);
  top = realpathSync(path);
  initRepository(top);
  git(top, 'config', 'user.name', 'Test');
  git(top, 'config', 'user.email', 'test@example.com');
}

function start(...words: string[]) {
  const terminal = createFakeTerminal();
  const env = { BOOCODE_URL: server.url, BOOCODE_TOKEN: server.token, HOME: '/nonexistent' };
  const cli = { terminal, env, exitCode: 0 };
  const done = runCli(cli, words).then(() => ({ code: cli.exitCode, out: terminal.stdout, err: terminal.stderr }));
  return { terminal, done };
}
const boocode = (...words: string[]) => start(...words).done;
const free = ['--permission-mode', 'bypassPermissions'];

test('CLI-29: a chat works on its own branch, which is merged and removed', async () => {
  newRepository();
  // It goes on once its line was shown.
  const go = join(server.workDir, `go-${number}`);
  git(top, 'config', 'boocode.setup', `echo installing; until test -e '${go}'; do sleep 0.1; done; touch from-setup`);
  const { terminal, done } = start(
    'chat',
    'write notes.txt: hello',
    '--cwd',
    top,
    '--worktree',
    'login',
    '--trust',
    '--confirm-bypass',
    ...free,
  );
  await until(() => terminal.stderr.includes('· setup installing\n'));
  writeFileSync(go, '');
  const begun = await done;
  expect(begun).toMatchObject({ code: 0 });
  expect(begun.err).toContain(`boocode/login in ${top}.worktrees/login`);
  expect(existsSync(join(top, 'notes.txt'))).toBe(false);
  const at = `${top}.worktrees/login`;
  expect(readFileSync(join(at, 'notes.txt'), 'utf8')).toBe('hello\n');

  const listed = JSON.parse((await boocode('worktree', 'ls', '--json')).out) as ListedWorktree[];
  const { chatId } = listed.find(({ worktree }) => worktree.path === at)!;
  const table = (await boocode('worktree', 'ls')).out;
  expect(table).toMatch(new RegExp(`${chatId.slice(0, 8)} +active +boocode/login .*from-setup, notes\\.txt`));

  const refused = await boocode('worktree', 'merge', chatId);
  expect(refused.code).not.toBe(0);
  expect(refused.err).toContain('No commit has the changes of 2 files: from-setup, notes.txt.');
  expect((await boocode('worktree', 'rm', chatId)).code).not.toBe(0);
  expect((await boocode('worktree', 'merge', chatId, '--commit', 'Notes')).out).toMatch(
    /^Merged boocode\/login into main: 1 commit, now at [0-9a-f]{10}\.\n$/,
  );
  expect(readFileSync(join(top, 'notes.txt'), 'utf8')).toBe('hello\n');
  expect((await boocode('worktree', 'rebase', chatId)).err).toContain('already based on');
  const removed = await boocode('worktree', 'rm', chatId);
  expect(removed.out).toMatch(
    /^The worktree is gone, and so is the branch boocode\/login \(it was at [0-9a-f]{10}\)\.\n$/,
  );
  expect(existsSync(at)).toBe(false);
  // The chat goes on in the repository, and its agent remembers.
  const goesOn = await boocode('chat', 'what did I say', '--resume', chatId);
  expect(goesOn).toMatchObject({ code: 0, out: expect.stringContaining('write notes.txt: hello') });
  expect(await server.client.getChat(chatId)).toMatchObject({ cwd: top, worktree: null } satisfies Partial<Chat>);
});

test('CLI-30 BRANCH-13: one prompt is tried several times, and one attempt is kept', async () => {
  newRepository();
  const tried = await boocode('chat', 'write notes.txt: hello', '--cwd', top, '--attempts', '2', ...free);
  expect(tried).toMatchObject({ code: 0 });
  const rows = tried.out.trim().split('\n').slice(1);
  expect(rows).toHaveLength(2);
  for (const row of rows)
    expect(row).toMatch(/^[0-9a-f]{8} +completed +1 +\+1 -0 .* boocode\/attempt-[0-9a-f]{8}-[12]$/);
  const [first = '', second = ''] = rows.map((row) => row.slice(0, 8));
  expect((await boocode('attempts', second)).out).toBe(tried.out);
  const kept = await boocode('attempts', second, '--keep', '--commit', 'Notes', '--discard-others');
  expect(kept.out).toMatch(/^Merged boocode\/attempt-.*-2 into main\.\n/);
  expect(readFileSync(join(top, 'notes.txt'), 'utf8')).toBe('hello\n');
  expect(git(top, 'branch', '--list', 'boocode/*').split('\n')).toHaveLength(1);
  const { group, archived } = (await server.client.listChats()).items.find(({ id }) => id.startsWith(first))!;
  expect(archived).toBe(true);
  expect((await server.client.listChats({ group: group! })).items).toHaveLength(2);
  expect((await boocode('chat', 'x', '--cwd', top, '--worktree', 'two words')).err).toContain('a name without spaces');
});

test('FORK-1 FORK-12: a fork with a worktree has the files of its answer, and the agent knows no later ones', async () => {
  newRepository();
  const { client } = server;
  const { id } = await client.createChat({ cwd: top, permissionMode: 'bypassPermissions' });
  await runTurn(client, id, 'write notes.txt: one');
  git(top, 'add', 'notes.txt');
  git(top, 'commit', '-q', '-m', 'One');
  const { finished } = await runTurn(client, id, 'write notes.txt: two');
  await runTurn(client, id, 'write notes.txt: three');
  git(top, 'commit', '-q', '-a', '-m', 'Three');
  const forked = await boocode('fork', id, '--at', String(finished.seq), '--worktree', 'again', '--json');
  const fork = JSON.parse(forked.out) as Chat;
  const at = `${top}.worktrees/again`;
  expect(fork).toMatchObject({
    cwd: at,
    worktree: { branch: 'boocode/again', base: 'main', path: at },
    forkedFrom: { chatId: id, seq: finished.seq },
  });
  expect(readFileSync(join(at, 'notes.txt'), 'utf8')).toBe('two\n');
  expect(git(at, 'log', '--format=%s')).toBe('One\nFirst');
  expect(git(at, 'status', '--porcelain')).toBe('M notes.txt');
  expect(readFileSync(join(top, 'notes.txt'), 'utf8')).toBe('three\n');
  expect((await runTurn(client, fork.id, 'what did I say')).text).toBe(
    'You said: "write notes.txt: one", "write notes.txt: two".',
  );
  await runTurn(client, fork.id, 'run: touch more.txt');
  expect([existsSync(join(at, 'more.txt')), existsSync(join(top, 'more.txt'))]).toEqual([true, false]);
  // Nothing is left of one that cannot be made.
  const chats = (await client.listChats()).items.length;
  const taken = await boocode('fork', id, '--at', String(finished.seq), '--worktree', 'again');
  expect(taken.err).toContain('There is a branch boocode/again already.');
  expect((await client.listChats()).items).toHaveLength(chats);
});
