// Chats that a host gets from another one, which had their directory.
import { randomUUID } from 'node:crypto';
import { mkdir, mkdtemp, realpath, rename, rm } from 'node:fs/promises';
import { tmpdir } from 'node:os';
import { join } from 'node:path';
import { afterAll, afterEach, beforeAll, beforeEach, describe, expect, test, vi } from 'vitest';
import { type ChatsHost, type ChatsHostOptions, openChatsHost } from '../../test/support/chats-host.ts';
import { createGate } from '../../test/support/gate.ts';
import { git, initRepository } from '../../test/support/git-repository.ts';
import { ManualClock } from '../../test/support/manual-clock.ts';
import { finished, ScriptedBackend } from '../../test/support/scripted-backend.ts';
import { createTestDatabase, type TestDatabase } from '../../test/support/postgres.ts';
import { until } from '../../test/support/until.ts';
import { type Log, silentLog } from '../lib/log.ts';
import { stopHost } from '../store/hosts.ts';
import { findOrphanedWork } from '../store/leases.ts';
import { Workspaces, type WorkspacesOptions } from './workspaces/workspaces.ts';

const remote = 'https://example.org/a/repo.git';
let database: TestDatabase;
let root: string;
/** Where the other host had it. */
let cwd: string;
let toClose: ChatsHost[] = [];
let warnings: { facts: object; message: string }[];
beforeAll(async () => {
  database = await createTestDatabase();
});
afterAll(() => database.drop());
beforeEach(async () => {
  root = await realpath(await mkdtemp(join(tmpdir(), 'boocode-places-')));
  cwd = join(root, 'work');
  await mkdir(cwd);
  initRepository(cwd, { remote });
  warnings = [];
});
afterEach(async () => {
  for (const host of toClose.splice(0)) await host.close();
  await database.sql`delete from boocode.chats`;
  await rm(root, { recursive: true, force: true });
});

const logger: Log = { ...silentLog, warn: (facts, message) => void warnings.push({ facts, message }) };

async function openHost(name: string, options: Partial<WorkspacesOptions> & ChatsHostOptions = {}): Promise<ChatsHost> {
  const { mappings, clones, ...parts } = options;
  const workspaces = new Workspaces({
    dataDir: join('/nonexistent', name),
    env: process.env,
    ...(mappings && { mappings }),
    ...(clones !== undefined && { clones }),
  });
  const host = await openChatsHost(database.url, { logger, workspaces, ...parts });
  toClose.push(host);
  return host;
}

/** A chat whose prompts wait, because its host died before it could start an agent. */
async function leaveChat(prompts = 1): Promise<string> {
  const dead = await openChatsHost(database.url, {
    clock: new ManualClock(),
    workspaces: new Workspaces({ dataDir: '/nonexistent/dead', env: process.env }),
  });
  const gate = createGate();
  dead.backend.beforeOpen = () => gate.pass();
  const { id } = await dead.createChat({ cwd });
  for (let count = 1; count <= prompts; count += 1) await dead.chats.submitPrompt(id, { content: `prompt ${count}` });
  await gate.reached;
  await dead.kill();
  await stopHost(database.sql, dead.id);
  return id;
}

async function ownership(id: string) {
  const [row] = await database.sql<{ owner_host: string | null; epoch: number }[]>`
    select owner_host, epoch from boocode.chats where id = ${id}`;
  return row!;
}
const isFree = (id: string) => until(async () => (await ownership(id)).owner_host === null, { what: 'a free chat' });
const typesOf = async (host: ChatsHost, id: string) => (await host.log(id)).map(({ type }) => type);
const missing = { code: 'workspace_missing', details: { field: 'cwd', remote, branch: 'main' } };

describe('HOST-18: a host without the directory', () => {
  test('leaves a chat’s waiting prompts to others, says so once, and looks again now and then', async () => {
    const id = await leaveChat(2);
    await rename(cwd, join(root, 'away'));
    const { epoch } = await ownership(id);
    // The end of a lease that another test has left would bring the next look forward.
    await database.sql`update boocode.chats set owner_host = null, lease_until = null`;
    const clock = new ManualClock();
    const looked = vi.spyOn(Workspaces.prototype, 'locate');
    const here = await openHost('here', { clock });
    // The lease keeper's and the look's: both come every five seconds.
    const timers = clock.pending;
    const rested = () => until(() => clock.pending === timers && clock.nextMs === 5_000);
    for (let looks = 0; looks < 12; looks += 1) {
      await rested();
      clock.advance(5_000);
    }
    await rested();
    expect(await ownership(id)).toEqual({ owner_host: null, epoch });
    expect(looked).toHaveBeenCalledTimes(1);
    looked.mockRestore();
    expect(warnings).toEqual([
      {
        facts: { chatId: id, cause: expect.stringContaining(`${cwd} does not exist`) as string },
        message: 'A chat with work is left to other hosts: its directory is not here.',
      },
    ]);
    expect(await typesOf(here, id)).not.toContain('turn_started');
    expect(await typesOf(here, id)).not.toContain('queue_held');
    // It may have come in the meantime.
    await rename(join(root, 'away'), cwd);
    clock.advance(5_000);
    await here.events(id, 'turn_finished', 2);
    expect(here.backend.opened).toMatchObject([{ cwd }]);
  });

  test('does not let the chats that it leaves hide others', async () => {
    const left = [await leaveChat(), await leaveChat()];
    const first = await findOrphanedWork(database.sql, randomUUID(), 1);
    const next = await findOrphanedWork(database.sql, randomUUID(), 1, first);
    expect(new Set([...first, ...next])).toEqual(new Set(left));
    expect(await findOrphanedWork(database.sql, randomUUID(), 1, left)).toEqual([]);
  });

  test('refuses a prompt with what to do, and takes nothing', async () => {
    const id = await leaveChat();
    await rename(cwd, join(root, 'away'));
    const here = await openHost('here');
    const { epoch } = await ownership(id);
    await expect(here.chats.submitPrompt(id, { content: 'x' })).rejects.toMatchObject(missing);
    await expect(here.chats.submitPrompt(id, { content: 'x' })).rejects.toThrow(
      /^This host does not have the chat’s directory .*--workspaces.*--clone.*boocode move/,
    );
    await expect(here.chats.openTerminal(id)).rejects.toMatchObject(missing);
    await expect(here.chats.readTrust(id)).rejects.toMatchObject(missing);
    await expect(here.chats.patchChat(id, { trusted: true })).rejects.toMatchObject(missing);
    expect(await ownership(id)).toEqual({ owner_host: null, epoch });
  });

  test('does what needs no directory, and gives the chat back at once', async () => {
    const id = await leaveChat(2);
    await rename(cwd, join(root, 'away'));
    const here = await openHost('here');
    await here.chats.patchChat(id, { title: 'Renamed', model: 'demo' });
    await isFree(id);
    const { items } = await here.chats.listPrompts(id);
    expect(items).toHaveLength(2);
    await here.chats.cancelPrompt(id, items[0]!.promptId);
    await isFree(id);
    expect(await here.chats.getChat(id)).toMatchObject({ title: 'Renamed', waiting: 1, hold: null, cwd });
    expect(await typesOf(here, id)).not.toContain('turn_started');
    expect(here.backend.opened).toEqual([]);
    await here.chats.deleteChat(id);
  });

  test('keeps the answer to a decision for a host that has it', async () => {
    const toolCallId = 'call';
    const withCall = (): ScriptedBackend => Object.assign(new ScriptedBackend(), { openCalls: new Set([toolCallId]) });
    const dead = await openHost('dead', { backend: withCall(), clock: new ManualClock() });
    dead.backend.script = async function* (turn) {
      yield* turn.ask({ toolName: 'Bash', toolCallId });
      yield finished();
    };
    const { id } = await dead.createChat({ cwd });
    await dead.chats.submitPrompt(id, { content: 'go' });
    const [asked] = await dead.events(id, 'decision_requested');
    toClose = [];
    await dead.kill();
    await stopHost(database.sql, dead.id);
    await rename(cwd, join(root, 'away'));

    const here = await openHost('here', { backend: withCall() });
    await here.chats.answerDecision(asked!.decisionId, { outcome: 'allow' });
    await isFree(id);
    expect(here.backend.opened).toEqual([]);
    await rename(join(root, 'away'), cwd);
    const next = await openHost('next', { backend: withCall() });
    await next.events(id, 'turn_finished', 2);
    expect(next.backend.continued).toEqual([{ outcome: 'allow' }]);
  });

  test('runs what waits once the chat is moved to a directory that it has', async () => {
    const id = await leaveChat();
    await rename(cwd, join(root, 'away'));
    const here = await openHost('here');
    const moved = await here.chats.patchChat(id, { cwd: here.cwd });
    expect(moved).toMatchObject({ cwd: here.cwd, workspace: { remote: null, branch: null, path: here.cwd } });
    await here.events(id, 'turn_finished');
    expect(here.backend.opened).toMatchObject([{ cwd: here.cwd }]);
  });

  test('never starts in another repository at the same path, unless a person moves the chat there', async () => {
    const id = await leaveChat();
    await rm(cwd, { recursive: true });
    await mkdir(cwd);
    initRepository(cwd, { remote: 'https://example.org/a/other.git' });
    const here = await openHost('here');
    await expect(here.chats.submitPrompt(id, { content: 'x' })).rejects.toMatchObject(missing);
    expect(here.backend.opened).toEqual([]);
    await here.chats.patchChat(id, { cwd });
    await here.events(id, 'turn_finished');
    expect((await here.chats.getChat(id)).workspace?.remote).toBe('https://example.org/a/other.git');
  });

  test('says which host has the chat while one does', async () => {
    const other = await openHost('other');
    const { id } = await other.createChat({ cwd });
    await other.chats.patchChat(id, { title: 'Held' });
    await rename(cwd, join(root, 'away'));
    const here = await openHost('here');
    await expect(here.chats.submitPrompt(id, { content: 'x' })).rejects.toMatchObject({ code: 'chat_elsewhere' });
    // Whoever had it says that it is gone, as ever.
    await other.chats.submitPrompt(id, { content: 'x' });
  });
});

describe('HOST-17: a host with the directory somewhere else', () => {
  test('starts the agent there, and the log says where and what was left behind', async () => {
    const id = await leaveChat();
    const to = join(root, 'mapped');
    git(root, 'clone', '-q', cwd, to);
    git(to, 'remote', 'set-url', 'origin', 'git@example.org:a/repo');
    git(to, 'checkout', '-q', '-b', 'other');
    await rm(cwd, { recursive: true });
    const here = await openHost('here', { mappings: [{ from: remote, to }] });
    await here.events(id, 'turn_finished');
    expect(here.backend.opened).toMatchObject([{ cwd: to, agentDirectory: { cwd, worktree: null } }]);
    expect(await here.chats.getChat(id)).toMatchObject({
      cwd,
      currentDirectory: to,
      workspace: { remote, branch: 'other', path: '' },
    });
    expect(await here.events(id, 'notice')).toMatchObject([
      {
        level: 'warning',
        code: 'workspace_changed',
        message: `The chat continues on another host, in ${to}, on branch other. There, branch main was checked out. What was not committed in ${cwd} on the other host is not here.`,
        data: { directory: to, branch: 'other', commit: null },
      },
    ]);
    // The next start says nothing again.
    here.backend.lose(id);
    await here.chats.submitPrompt(id, { content: 'again' });
    await here.events(id, 'turn_finished', 2);
    expect(await here.events(id, 'notice')).toHaveLength(1);
  });

  test('says nothing in a shared directory', async () => {
    const id = await leaveChat();
    const here = await openHost('here');
    await here.events(id, 'turn_finished');
    expect(await typesOf(here, id)).not.toContain('notice');
  });

  test('reviews and trusts the directory that is here', async () => {
    const id = await leaveChat();
    const to = join(root, 'mapped');
    await rename(cwd, to);
    const here = await openHost('here', { mappings: [{ from: cwd, to }] });
    const read: string[] = [];
    here.agent.readDirectory = (path) => {
      read.push(path);
      return Promise.resolve({ path, digest: 'd', files: [], isCurrent: () => true });
    };
    expect(await here.chats.readTrust(id)).toMatchObject({ path: to });
    await here.chats.giveTrust(id, { digest: 'd' });
    await here.chats.submitPrompt(id, { content: 'x' });
    await here.events(id, 'turn_finished', 2);
    expect(new Set(read)).toEqual(new Set([to]));
  });

  test('HOST-16: stores the branch that the agent has checked out by the end of a turn', async () => {
    const here = await openHost('here');
    const { id } = await here.createChat({ cwd });
    const { script } = here.backend;
    here.backend.script = async function* (turn) {
      git(cwd, 'checkout', '-q', '-b', 'topic');
      yield* script(turn);
    };
    await here.chats.submitPrompt(id, { content: 'x' });
    await here.events(id, 'turn_finished');
    const stored = await until(async () => {
      const { workspace } = await here.chats.getChat(id);
      return workspace?.branch === 'main' ? null : workspace;
    });
    expect(stored).toEqual({ remote, branch: 'topic', path: '' });
  });
});

test('HOST-19: a clone runs what waits, and the log says what it is and what was left', async () => {
  const origin = join(root, 'origin.git');
  git(root, 'clone', '-q', '--bare', cwd, origin);
  git(cwd, 'remote', 'set-url', 'origin', origin);
  const commit = git(cwd, 'rev-parse', 'HEAD');
  const id = await leaveChat();
  await rename(cwd, join(root, 'away'));
  const to = join(root, 'clones/repo');
  const here = await openHost('here', { clones: true, mappings: [{ from: origin, to }] });
  await here.events(id, 'turn_finished');
  expect(here.backend.opened).toMatchObject([{ cwd: to }]);
  const [notice] = await here.events(id, 'notice');
  expect(notice?.message).toBe(
    `The chat continues on another host, in a clone of ${origin} that was made for it in ${to}, on branch main at commit ${commit}. What was not committed and pushed in ${cwd} on the other host is not here.`,
  );
  expect(notice?.data).toMatchObject({ commit });
});
