import { existsSync } from 'node:fs';
import { mkdir, readFile, rename, rm, symlink, writeFile } from 'node:fs/promises';
import { join } from 'node:path';
import { afterAll, beforeAll, describe, expect, test } from 'vitest';
import { backendNames } from '../support/backend-names.ts';
import type { ChatTrust } from '../../src/protocol/trust.ts';
import { runCli } from '../../src/cli/run.ts';
import { createFakeTerminal } from '../support/fake-terminal.ts';
import { openServer, type TestServer } from '../support/server.ts';
import { eventsOf, nextEvent, readLog, runTurn } from '../support/turns.ts';

let server: TestServer;
let count = 0;
beforeAll(async () => {
  server = await openServer();
});
afterAll(() => server.close());

interface Project {
  cwd: string;
  settle(name: string, more?: object): Promise<void>;
  /** Which hooks have run, in order. */
  ran(): Promise<string[]>;
}

/** A directory whose settings have a hook that appends a name to a file. */
async function createProject(): Promise<Project> {
  const cwd = join(server.workDir, `project-${(count += 1)}`);
  await mkdir(join(cwd, '.claude'), { recursive: true });
  const notes = join(cwd, 'ran');
  const project: Project = {
    cwd,
    async settle(name, more = {}) {
      const hooks = { UserPromptSubmit: [{ hooks: [{ type: 'command', command: `echo ${name} >> '${notes}'` }] }] };
      await writeFile(join(cwd, '.claude', 'settings.json'), JSON.stringify({ hooks, ...more }));
    },
    ran: async () => (existsSync(notes) ? (await readFile(notes, 'utf8')).trim().split('\n') : []),
  };
  await project.settle('first');
  return project;
}

const changes = ({ files }: ChatTrust): string[] => files.map(({ path, change }) => `${path} ${change}`);

describe.each(backendNames)('trust of a directory, on %s', (backend) => {
  test('TRUST-5: a change requires a new review, which shows the difference, and does not run before', async () => {
    const { client } = server;
    const project = await createProject();
    const chat = await client.createChat({ cwd: project.cwd, backend, trusted: true });
    await runTurn(client, chat.id, 'think');
    expect(await project.ran()).toEqual(['first']);
    expect(await client.getTrust(chat.id)).toMatchObject({ trusted: true, holds: true });

    await project.settle('second');
    await mkdir(join(project.cwd, '.claude', 'commands'));
    await writeFile(join(project.cwd, '.claude', 'commands', 'new.md'), 'who are you');
    await runTurn(client, chat.id, 'what did I say');
    await runTurn(client, chat.id, 'think');
    expect(await project.ran()).toEqual(['first']);
    const notices = eventsOf(await readLog(client, chat.id), 'notice').filter(({ code }) => code === 'trust_changed');
    expect(notices).toHaveLength(1);
    expect(notices[0]!.message).toContain('.claude/settings.json (changed)');

    const asked = await client.getTrust(chat.id);
    expect(asked).toMatchObject({ trusted: true, holds: false, path: project.cwd });
    expect(changes(asked)).toEqual(['.claude/commands/new.md added', '.claude/settings.json changed']);
    const settings = asked.files.find(({ change }) => change === 'changed')!;
    expect(settings.before).toContain('echo first');
    expect(settings.after).toContain('echo second');

    await client.giveTrust(chat.id, { digest: asked.digest });
    await runTurn(client, chat.id, 'think');
    expect(await project.ran()).toEqual(['first', 'second']);
  });

  test('TRUST-5: a rule that a person has the agent remember requires no new review', async () => {
    const { client } = server;
    const project = await createProject();
    const chat = await client.createChat({ cwd: project.cwd, backend, trusted: true });
    await runTurn(client, chat.id, 'list the files here', { answer: () => ({ outcome: 'allow_always' }) });
    expect(existsSync(join(project.cwd, '.claude', 'settings.local.json'))).toBe(true);
    await runTurn(client, chat.id, 'think');
    expect(await project.ran()).toEqual(['first', 'first']);
    expect(await client.getTrust(chat.id)).toMatchObject({ holds: true });
  });
});

test('AGENT-39: nor does one that is allowed for good once the process that asked is gone', async () => {
  const project = await createProject();
  const chat = await server.client.createChat({ cwd: project.cwd, backend: 'claude_sdk', trusted: true });
  await server.client.prompt(chat.id, { content: 'list the files here' });
  const asked = await nextEvent(server.client, chat.id, 'decision_requested');
  await server.restart();
  const { client } = server;
  const left = await nextEvent(client, chat.id, 'turn_finished', { after: asked.seq });
  expect(left.openDecisionIds).toEqual([asked.decisionId]);
  await client.decide(asked.decisionId, { outcome: 'allow_always' });
  await nextEvent(client, chat.id, 'turn_finished', { after: left.seq });
  expect(existsSync(join(project.cwd, '.claude', 'settings.local.json'))).toBe(true);
  await runTurn(client, chat.id, 'think');
  const notices = eventsOf(await readLog(client, chat.id), 'notice');
  expect(notices.filter(({ code }) => code === 'trust_changed')).toEqual([]);
  expect(await client.getTrust(chat.id)).toMatchObject({ holds: true });
  expect((await project.ran()).at(-1)).toBe('first');
});

test.each([
  ['another rule', { permissions: { allow: ['Bash'] } }],
  ['another setting', { permissions: { allow: [] }, env: { A: 'b' } }],
])('TRUST-5: %s next to the remembered rules requires a new review', async (_, more) => {
  const { client } = server;
  const project = await createProject();
  const chat = await client.createChat({ cwd: project.cwd, trusted: true });
  await runTurn(client, chat.id, 'list the files here', { answer: () => ({ outcome: 'allow_always' }) });
  const file = join(project.cwd, '.claude', 'settings.local.json');
  const kept = JSON.parse(await readFile(file, 'utf8')) as { permissions: { allow: string[] } };
  const allow = [...kept.permissions.allow, ...more.permissions.allow];
  await writeFile(file, JSON.stringify({ ...kept, ...more, permissions: { allow } }));
  await runTurn(client, chat.id, 'think');
  expect(await client.getTrust(chat.id)).toMatchObject({ holds: false });
  expect(await project.ran()).toEqual(['first']);
});

test('TRUST-5: a remembered rule does not allow changes to other files', async () => {
  const { client } = server;
  const project = await createProject();
  const chat = await client.createChat({ cwd: project.cwd, trusted: true });
  await runTurn(client, chat.id, 'list the files here', { answer: () => ({ outcome: 'allow_always' }) });
  await project.settle('first', { permissions: { allow: ['Bash(env ls -la)'] } });
  await runTurn(client, chat.id, 'think');
  expect(await client.getTrust(chat.id)).toMatchObject({ holds: false });
});

test('TRUST-5: a hook that rewrites the same content at every start does not affect trust', async () => {
  const { client } = server;
  const project = await createProject();
  const command = `mkdir -p '${project.cwd}/.claude/skills'; touch '${project.cwd}/.claude/settings.json'`;
  const hooks = {
    SessionStart: [{ hooks: [{ type: 'command', command }] }],
    UserPromptSubmit: [{ hooks: [{ type: 'command', command: `echo first >> '${project.cwd}/ran'` }] }],
  };
  await project.settle('first', { hooks });
  const chat = await client.createChat({ cwd: project.cwd, trusted: true });
  await runTurn(client, chat.id, 'think');
  await runTurn(client, chat.id, 'think');
  expect(await project.ran()).toEqual(['first', 'first']);
});

test('TRUST-5: trust without a digest does not cover changes since the last review', async () => {
  const { client } = server;
  const project = await createProject();
  const first = await client.createChat({ cwd: project.cwd, trusted: true });
  await project.settle('second');
  const next = await client.createChat({ cwd: project.cwd, trusted: true });
  await client.patchChat(first.id, { trusted: true });
  for (const { id } of [first, next]) {
    await runTurn(client, id, 'think');
    expect(await client.getTrust(id)).toMatchObject({ trusted: true, holds: false });
    expect(eventsOf(await readLog(client, id), 'notice')).toMatchObject([
      { code: 'trust_changed', message: expect.stringContaining(`boocode trust ${id}`) },
    ]);
  }
  expect(await project.ran()).toEqual([]);
});

test('TRUST-5: only reviewed content is trusted', async () => {
  const { client } = server;
  const project = await createProject();
  const chat = await client.createChat({ cwd: project.cwd });
  const { digest, holds, trustedAt } = await client.getTrust(chat.id);
  expect({ holds, trustedAt }).toEqual({ holds: false, trustedAt: null });
  await project.settle('second');
  await expect(client.giveTrust(chat.id, { digest })).rejects.toMatchObject({ code: 'trust_refused' });
  expect(await client.getChat(chat.id)).toMatchObject({ trusted: false });
});

test('TRUST-5: trust belongs to the real path; another directory at the same path is not covered', async () => {
  const { client } = server;
  const [one, other] = [await createProject(), await createProject()];
  const link = join(server.workDir, `link-${count}`);
  await symlink(one.cwd, link);
  const chat = await client.createChat({ cwd: link, trusted: true });
  expect(chat.cwd).toBe(one.cwd);
  await rename(one.cwd, `${one.cwd}-moved`);
  await symlink(other.cwd, one.cwd);
  await runTurn(client, chat.id, 'think');
  expect(await other.ran()).toEqual([]);
  expect(await client.getTrust(chat.id)).toMatchObject({ path: other.cwd, holds: false });
  await rm(one.cwd);
});

test('TRUST-5: a chat that was trusted before contents were recorded requires one review', async () => {
  const { client } = server;
  const project = await createProject();
  const chat = await client.createChat({ cwd: project.cwd, trusted: true });
  await server.sql`delete from boocode.directory_trusts`;
  await runTurn(client, chat.id, 'think');
  expect(await project.ran()).toEqual([]);
  await client.patchChat(chat.id, { trusted: true });
  await runTurn(client, chat.id, 'think');
  expect(await project.ran()).toEqual(['first']);
});

test('TRUST-5: `boocode trust` shows the current content and what has changed, and trusts exactly that', async () => {
  const { client } = server;
  const project = await createProject();
  const chat = await client.createChat({ cwd: project.cwd });
  const run = async (...words: string[]): Promise<{ code: number; out: string; err: string }> => {
    const terminal = createFakeTerminal();
    const env = { HOME: '/nonexistent', BOOCODE_URL: server.url, BOOCODE_TOKEN: server.token };
    const cli = { terminal, env, exitCode: 0 };
    await runCli(cli, ['trust', chat.id, ...words]);
    return { code: cli.exitCode, out: terminal.stdout, err: terminal.stderr };
  };
  expect(await run()).toMatchObject({ code: 1, err: expect.stringContaining('use --yes') as string });
  expect(await client.getChat(chat.id)).toMatchObject({ trusted: false });
  expect(await run('--yes')).toMatchObject({ code: 0, out: expect.stringContaining('+ {"hooks":') as string });
  expect(await client.getTrust(chat.id)).toMatchObject({ trusted: true, holds: true });
  await project.settle('\u202esecond');
  const asked = await run('--json');
  expect(JSON.parse(asked.out)).toMatchObject({ trusted: true, holds: false });
  const { out } = await run('--yes');
  expect(out).toContain('- {"hooks":');
  expect(out).toContain('⟨U+202E⟩second');
  expect(await client.getTrust(chat.id)).toMatchObject({ holds: true });
});
