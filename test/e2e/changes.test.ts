// What real programs change in real repositories, on both engines.
import { mkdirSync, realpathSync, writeFileSync } from 'node:fs';
import { join } from 'node:path';
import { afterAll, beforeAll, describe, expect, test } from 'vitest';
import { runCli } from '../../src/cli/run.ts';
import { backendNames } from '../support/backend-names.ts';
import { createFakeTerminal } from '../support/fake-terminal.ts';
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
