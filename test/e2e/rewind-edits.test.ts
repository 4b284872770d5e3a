// Going back with files in a directory without a repository, by the backups of the real program, on both engines.
import {
  chmodSync,
  existsSync,
  mkdirSync,
  readdirSync,
  readFileSync,
  realpathSync,
  rmSync,
  statSync,
  writeFileSync,
} from 'node:fs';
import { join } from 'node:path';
import { afterAll, beforeAll, describe, expect, test } from 'vitest';
import { runCli } from '../../src/cli/run.ts';
import { backendNames } from '../support/backend-names.ts';
import { createFakeTerminal } from '../support/fake-terminal.ts';
import { git, initRepository } from '../support/git-repository.ts';
import { openServer, type TestServer } from '../support/server.ts';
import { eventsOf, readLog, runTurn } from '../support/turns.ts';

let server: TestServer;
beforeAll(async () => {
  server = await openServer();
});
afterAll(() => server.close());

function openDirectory(name: string): string {
  mkdirSync(join(server.workDir, name));
  return realpathSync(join(server.workDir, name));
}

/** The id of the prompt. */
async function say(id: string, text: string): Promise<string> {
  const { events } = await runTurn(server.client, id, text);
  return eventsOf(events, 'prompt_accepted')[0]!.promptId;
}

async function dryRun(id: string, prompt: string) {
  const terminal = createFakeTerminal({});
  const env = { BOOCODE_URL: server.url, BOOCODE_TOKEN: server.token, HOME: '/nonexistent' };
  const cli = { terminal, env, exitCode: 0 };
  await runCli(cli, ['rewind', id, '--prompt', prompt, '--what', 'both', '--dry-run']);
  return { out: terminal.stdout, err: terminal.stderr };
}

const contents = (cwd: string): Record<string, string> =>
  Object.fromEntries(readdirSync(cwd).map((name) => [name, readFileSync(join(cwd, name), 'utf8')]));

const backups = async (id: string): Promise<string[]> => {
  const log = await readLog(server.client, id);
  const sessions = eventsOf(log, 'session_started').map(({ sessionId }) => sessionId);
  return sessions.map((sessionId) => join(server.agent.configDir, 'file-history', sessionId));
};

describe.each(backendNames)('on %s', (backend) => {
  test('REWIND-12 REWIND-13 REWIND-15: conversation and files go back together, and the files return', async () => {
    const { client } = server;
    const cwd = openDirectory(`both-${backend}`);
    const at = (name: string): string => join(cwd, name);
    writeFileSync(at('script.sh'), 'echo hi\n');
    chmodSync(at('script.sh'), 0o744);
    const { id } = await client.createChat({ cwd, backend, permissionMode: 'bypassPermissions' });
    await say(id, 'write notes.txt: hello');
    const before = await say(id, 'edit script.sh: hi => ho');
    await say(id, 'edit notes.txt: hello => goodbye');
    await say(id, 'write new.txt: new');
    await say(id, 'run: touch by-bash; echo more >> new.txt');
    writeFileSync(at('notes.txt'), 'goodbye\nby a person\n');
    const later = contents(cwd);

    const told = await dryRun(id, before);
    expect(told.out).toBe(
      'D new.txt  +0 -2\nM notes.txt  +1 -2\nM script.sh  +1 -1\n3 files, +2 -5\nThe agent would forget 4 prompts.\n',
    );
    expect(told.err).toBe(
      '· notes.txt was written after the last turn had ended.\n' +
        '· There is no git repository, so only files that the agent has edited with its own tools are known. ' +
        'What commands, sub-agents and people have changed in others stays.\n',
    );
    const plan = await client.rewind(id, { before, what: 'both', dryRun: true });
    expect(plan.files).toMatchObject({ covers: 'edits', root: cwd, commits: 0, kept: [], writtenSince: ['notes.txt'] });
    writeFileSync(at('notes.txt'), 'changed since\n');
    const { tree } = plan.files!;
    await expect(client.rewind(id, { before, what: 'both', tree })).rejects.toMatchObject({ code: 'files_changed' });
    expect(eventsOf(await readLog(client, id), 'session_rewound')).toEqual([]);
    writeFileSync(at('notes.txt'), later['notes.txt']!);
    expect(contents(cwd)).toEqual(later);

    const done = await client.rewind(id, { before, what: 'both', tree });
    expect(done).toMatchObject({ promptIds: plan.promptIds, files: { count: 3, keptCount: 0 } });
    expect(contents(cwd)).toEqual({ 'by-bash': '', 'notes.txt': 'hello\n', 'script.sh': 'echo hi\n' });
    expect(statSync(at('script.sh')).mode & 0o777).toBe(0o744);
    expect((await runTurn(client, id, 'what did I say')).text).toBe('You said: "write notes.txt: hello".');
    const [rewound] = eventsOf(await readLog(client, id), 'files_rewound');
    expect(rewound).toMatchObject({ promptId: before, changed: 3, kept: 0, added: 2, removed: 5 });

    // The next turns have backups of their own, in another session.
    const again = await say(id, 'write notes.txt: again');
    expect(contents(cwd)['notes.txt']).toBe('again\n');
    await client.rewind(id, { before: again, what: 'files' });
    expect(contents(cwd)['notes.txt']).toBe('hello\n');
    await client.rewind(id, { undo: rewound!.rewindId });
    expect(contents(cwd)).toEqual(later);
    expect(statSync(at('script.sh')).mode & 0o777).toBe(0o744);
    // Also to before a prompt that the agent has forgotten.
    await client.rewind(id, { before, what: 'files' });
    expect(contents(cwd)).toMatchObject({ 'notes.txt': 'hello\n', 'script.sh': 'echo hi\n' });

    const kept = await backups(id);
    expect(kept.some((directory) => existsSync(directory))).toBe(true);
    await client.deleteChat(id);
    expect(kept.filter((directory) => existsSync(directory))).toEqual([]);
    expect(existsSync(join(server.dataDir, 'changes', id))).toBe(false);
  });

  test('REWIND-14 REWIND-16: backups come along to other hosts and into forks; a missing one is told', async () => {
    const { client } = server;
    const cwd = openDirectory(`elsewhere-${backend}`);
    writeFileSync(join(cwd, 'large.txt'), `${'x'.repeat(99)}\n`.repeat(30_000));
    const { id } = await client.createChat({ cwd, backend, permissionMode: 'bypassPermissions' });
    await say(id, 'write a.txt: one');
    const before = await say(id, 'edit a.txt: one => two');
    await say(id, `call Write: {"file_path":"${cwd}/large.txt","content":"x"}`);
    const fork = await client.fork(id, {});
    // What a host that never had this chat would have of it: the database.
    await server.restart();
    rmSync(join(server.agent.configDir, 'file-history'), { recursive: true });
    for (const chatId of [id, fork.id]) {
      writeFileSync(join(cwd, 'a.txt'), 'two\n');
      const { files } = await server.client.rewind(chatId, { before, what: 'files' });
      expect(files).toMatchObject({ count: 1, kept: [{ path: 'large.txt', reason: 'no_backup' }] });
      expect(contents(cwd)).toMatchObject({ 'a.txt': 'one\n', 'large.txt': 'x' });
    }
  });
});

test('REWIND-16: in a repository the SDK’s program keeps no backups, and a directory that becomes one goes on', async () => {
  const { client } = server;
  const repository = openDirectory('repository');
  initRepository(repository);
  const one = await client.createChat({ cwd: repository, backend: 'claude_sdk', permissionMode: 'bypassPermissions' });
  await say(one.id, 'write a.txt: one');
  expect(
    await server.sql`
    select from boocode.claude_session_entries
    where project_key = ${one.id} and entry ->> 'type' like 'file-history%'`,
  ).toHaveLength(0);

  const cwd = openDirectory('becomes');
  const { id } = await client.createChat({ cwd, backend: 'claude_sdk', permissionMode: 'bypassPermissions' });
  await say(id, 'write a.txt: one');
  const before = await say(id, 'edit a.txt: one => two');
  initRepository(cwd);
  git(cwd, 'add', 'a.txt');
  git(cwd, 'commit', '-q', '-m', 'two');
  const { files } = await client.rewind(id, { before, what: 'files' });
  expect(files).toMatchObject({ covers: 'edits', count: 1 });
  expect(git(cwd, 'diff', '--name-only')).toBe('a.txt');
  expect(git(cwd, 'diff', '--name-only', '--cached')).toBe('');
  const next = await say(id, 'write a.txt: three');
  expect((await client.rewind(id, { before: next, what: 'files' })).files).toMatchObject({ covers: 'tree', count: 1 });
  expect(readFileSync(join(cwd, 'a.txt'), 'utf8')).toBe('one\n');
});

test('REWIND-16: files of before a move to another directory are not touched', async () => {
  const { client } = server;
  const [cwd, other] = [openDirectory('moved-from'), openDirectory('moved-to')];
  const { id } = await client.createChat({ cwd, permissionMode: 'bypassPermissions' });
  const before = await say(id, 'write a.txt: one');
  writeFileSync(join(other, 'a.txt'), 'mine\n');
  await client.patchChat(id, { cwd: other });
  await expect(client.rewind(id, { before, what: 'files' })).rejects.toMatchObject({
    code: 'changes_unavailable',
    details: { reason: 'no_snapshot' },
  });
  expect(contents(other)).toEqual({ 'a.txt': 'mine\n' });
  const since = await say(id, 'edit a.txt: mine => yours');
  await client.rewind(id, { before: since, what: 'files' });
  expect(contents(other)).toEqual({ 'a.txt': 'mine\n' });
});
