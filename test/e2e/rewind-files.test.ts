// Going back with files that real programs have changed in real repositories, on both engines.
import { existsSync, mkdirSync, readdirSync, readFileSync, realpathSync, writeFileSync } from 'node:fs';
import { join } from 'node:path';
import { afterAll, beforeAll, describe, expect, test } from 'vitest';
import { runCli } from '../../src/cli/run.ts';
import { backendNames } from '../support/backend-names.ts';
import { createFakeTerminal, type FakeInput } from '../support/fake-terminal.ts';
import { git, initRepository } from '../support/git-repository.ts';
import { openServer, type TestServer } from '../support/server.ts';
import type { EventOf } from '../../src/protocol/event.ts';
import { eventsOf, followUntil, readLog, runTurn } from '../support/turns.ts';

let server: TestServer;
beforeAll(async () => {
  server = await openServer();
});
afterAll(() => server.close());

function openRepository(name: string): string {
  mkdirSync(join(server.workDir, name));
  const cwd = realpathSync(join(server.workDir, name));
  initRepository(cwd);
  return cwd;
}

async function rewind(args: readonly string[], options: FakeInput = {}) {
  const terminal = createFakeTerminal(options);
  const env = { BOOCODE_URL: server.url, BOOCODE_TOKEN: server.token, HOME: '/nonexistent' };
  const cli = { terminal, env, exitCode: 0 };
  await runCli(cli, ['rewind', ...args]);
  return { out: terminal.stdout, err: terminal.stderr, code: cli.exitCode };
}

const filesIn = (cwd: string): string[] => readdirSync(cwd).filter((name) => name !== '.git');

describe.each(backendNames)('on %s', (backend) => {
  test('REWIND-1 REWIND-9 CLI-32: conversation and files go back together, and the files return', async () => {
    const { client } = server;
    const cwd = openRepository(`both-${backend}`);
    writeFileSync(join(cwd, 'mine.txt'), 'mine\n');
    const { id } = await client.createChat({ cwd, backend, permissionMode: 'bypassPermissions' });
    await runTurn(client, id, 'write notes.txt: hello');
    const second = await runTurn(client, id, 'run: rm notes.txt mine.txt; touch by-bash');
    await runTurn(client, id, 'write more.txt: more');
    const [before] = eventsOf(second.events, 'prompt_accepted').map(({ promptId }) => promptId);
    const args = [id, '--prompt', before!, '--what', 'both'];

    const dry = await rewind([...args, '--dry-run']);
    expect(dry).toMatchObject({ code: 0, err: '· Files that git ignores stay as they are.\n' });
    expect(dry.out).toBe(
      'D by-bash  +0 -0\nA mine.txt  +1 -0\nD more.txt  +0 -1\nA notes.txt  +1 -0\n4 files, +2 -1\nThe agent would forget 2 prompts.\n',
    );
    expect(filesIn(cwd)).toEqual(['by-bash', 'more.txt']);
    const refused = await rewind(args);
    expect(refused).toMatchObject({ code: 1 });
    expect(refused.err).toContain('Nobody is here to answer: use --yes');
    const unwilling = await rewind(args, { isInteractive: true, lines: ['n'] });
    expect(unwilling.out).toContain('Nothing has changed.');
    expect(filesIn(cwd)).toEqual(['by-bash', 'more.txt']);

    const done = await rewind(args, { isInteractive: true, lines: ['y'] });
    expect(done.out).toContain('The agent has forgotten 2 prompts.\nFiles are rewound.\nUndo it with: boocode rewind');
    expect(filesIn(cwd)).toEqual(['mine.txt', 'notes.txt']);
    expect((await runTurn(client, id, 'what did I say')).text).toBe('You said: "write notes.txt: hello".');
    const log = await readLog(client, id);
    const [started] = eventsOf(log, 'files_rewind_started');
    const [rewound] = eventsOf(log, 'files_rewound');
    expect(started).toMatchObject({ promptId: before, count: 4, principal: { id: 'owner' } });
    expect(rewound).toMatchObject({ rewindId: started!.rewindId, changed: 4, kept: 0, added: 2, removed: 1 });

    const undo = await rewind([id, '--undo', started!.rewindId, '--yes', '--json']);
    const { promptIds, files } = JSON.parse(undo.out) as { promptIds: string[]; files: { rewindId: string } };
    expect(promptIds).toEqual([]);
    expect(filesIn(cwd)).toEqual(['by-bash', 'more.txt']);
    const again = eventsOf(await readLog(client, id), 'files_rewound').at(-1);
    expect(again).toMatchObject({ rewindId: files.rewindId, undoes: started!.rewindId, changed: 4 });
    // Files go back also to before a prompt that the agent has forgotten; it cannot be forgotten twice.
    await client.rewind(id, { before: before!, what: 'files' });
    expect(filesIn(cwd)).toEqual(['mine.txt', 'notes.txt']);
    await expect(client.rewind(id, { before: before!, what: 'both' })).rejects.toMatchObject({
      code: 'invalid_request',
    });
    await client.deleteChat(id);
    expect(git(cwd, 'for-each-ref', 'refs/boocode')).toBe('');
  });
});

test('REWIND-10: files are not rewound while another chat works in them, and after a turn of the chat itself', async () => {
  const { client } = server;
  const cwd = openRepository('shared');
  mkdirSync(join(cwd, 'below'));
  const one = await client.createChat({ cwd, permissionMode: 'bypassPermissions' });
  const other = await client.createChat({ cwd: join(cwd, 'below'), title: 'Other', permissionMode: 'default' });
  const { events } = await runTurn(client, one.id, 'write notes.txt: hello');
  const [before] = eventsOf(events, 'prompt_accepted').map(({ promptId }) => promptId);
  const { head } = await client.getChat(other.id);
  await client.prompt(other.id, { content: 'run: touch asked' });
  const item = await followUntil(
    client,
    other.id,
    (each) => each.kind === 'event' && each.event.type === 'decision_requested',
    { after: head },
  );
  const chats = [{ chatId: other.id, title: 'Other' }];
  const dry = await client.rewind(one.id, { before: before!, what: 'files', dryRun: true });
  expect(dry.files?.workingChats).toEqual(chats);
  await expect(client.rewind(one.id, { before: before!, what: 'files' })).rejects.toMatchObject({
    code: 'chat_busy',
    details: { chats },
  });
  await client.decide((item as { event: EventOf<'decision_requested'> }).event.decisionId, { outcome: 'deny' });
  await followUntil(client, other.id, (each) => each.kind === 'event' && each.event.type === 'turn_finished', {
    after: head,
  });
  expect(existsSync(join(cwd, 'notes.txt'))).toBe(true);

  const running = runTurn(client, one.id, 'write late.txt: late');
  const done = await client.rewind(one.id, { before: before!, what: 'files' });
  await running;
  expect(done.files).toMatchObject({ workingChats: [] });
  expect(existsSync(join(cwd, 'notes.txt'))).toBe(false);
});

test('REWIND-11: where there is no snapshot, the reason is told, and the conversation can still go back', async () => {
  const { client } = server;
  mkdirSync(join(server.workDir, 'bare'));
  const cwd = realpathSync(join(server.workDir, 'bare'));
  git(cwd, 'init', '-q', '--bare');
  // What is in a git directory is not rewound by the agent’s backups either.
  const { id } = await client.createChat({ cwd, permissionMode: 'bypassPermissions' });
  const { events } = await runTurn(client, id, 'write description: mine');
  const [before] = eventsOf(events, 'prompt_accepted').map(({ promptId }) => promptId);
  for (const dryRun of [true, false]) {
    await expect(client.rewind(id, { before: before!, what: 'files', dryRun })).rejects.toMatchObject({
      code: 'changes_unavailable',
      details: { reason: 'bare_repository' },
    });
  }
  expect(readFileSync(join(cwd, 'description'), 'utf8')).toBe('mine\n');
  await expect(client.rewind(id, { before: 'nobody', what: 'files' })).rejects.toMatchObject({
    code: 'invalid_request',
    details: { field: 'before' },
  });
  expect(await client.rewind(id, { before: before!, dryRun: true })).toEqual({ promptIds: [before], files: null });
  expect(await client.rewind(id, { before: before! })).toEqual({ promptIds: [before], files: null });
});

test('REWIND-9: with both, nothing changes if one of them is refused', async () => {
  const { client } = server;
  const cwd = openRepository('refused');
  const { id } = await client.createChat({ cwd, permissionMode: 'bypassPermissions' });
  const { events } = await runTurn(client, id, 'write notes.txt: hello');
  const [before] = eventsOf(events, 'prompt_accepted').map(({ promptId }) => promptId);
  const { files } = await client.rewind(id, { before: before!, what: 'both', dryRun: true });
  writeFileSync(join(cwd, 'notes.txt'), 'by a person\n');
  await expect(client.rewind(id, { before: before!, what: 'both', tree: files!.tree })).rejects.toMatchObject({
    code: 'files_changed',
  });
  expect((await runTurn(client, id, 'what did I say')).text).toContain('"write notes.txt: hello"');
  expect(readFileSync(join(cwd, 'notes.txt'), 'utf8')).toBe('by a person\n');
  await client.rewind(id, { before: before! });
  await expect(client.rewind(id, { before: before!, what: 'both' })).rejects.toMatchObject({ code: 'invalid_request' });
  expect(readFileSync(join(cwd, 'notes.txt'), 'utf8')).toBe('by a person\n');
  expect(eventsOf(await readLog(client, id), 'files_rewind_started')).toEqual([]);
});
