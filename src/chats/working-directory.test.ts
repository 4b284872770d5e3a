import { randomUUID } from 'node:crypto';
import { mkdir, mkdtemp, realpath, rm, symlink, writeFile } from 'node:fs/promises';
import { tmpdir } from 'node:os';
import { join } from 'node:path';
import { afterAll, afterEach, beforeAll, beforeEach, describe, expect, test } from 'vitest';
import { type ChatsHost, openChatsHost } from '../../test/support/chats-host.ts';
import { createTestDatabase, type TestDatabase } from '../../test/support/postgres.ts';
import { WorkPlaces } from './work-places.ts';
import { Workspaces } from './workspaces/workspaces.ts';
import { resolveWorkingDirectory as resolveIn } from './working-directory.ts';

let database: TestDatabase;
let root: string;
let dataDir: string;
let host: ChatsHost;
const resolveWorkingDirectory = (cwd: string, data: string) => resolveIn(cwd, new WorkPlaces({ dataDir: data }));
beforeAll(async () => {
  database = await createTestDatabase();
  root = await realpath(await mkdtemp(join(tmpdir(), 'boocode-apart-')));
  dataDir = join(root, 'home', 'data');
  await mkdir(join(dataDir, 'deep'), { recursive: true });
  await mkdir(join(root, 'home', 'project'));
  await mkdir(join(root, 'links'));
  await symlink(dataDir, join(root, 'links', 'data'));
});
afterAll(async () => {
  await rm(root, { recursive: true, force: true });
  await database.drop();
});
beforeEach(async () => {
  host = await openChatsHost(database.url, { dataDir });
});
afterEach(() => host.close());

test('a working directory is an existing directory, by its absolute path', async () => {
  await writeFile(join(root, 'file'), '');
  for (const [path, message] of [
    ['relative', 'cwd: must be an absolute path'],
    [join(root, 'none'), 'cwd: does not exist'],
    [join(root, 'file'), 'cwd: is not a directory'],
    [`/${'x'.repeat(300)}`, 'cwd: cannot be used'],
    ['/\0', 'cwd: cannot be used'],
  ] as const) {
    const refused = resolveWorkingDirectory(path, dataDir);
    await expect(refused).rejects.toMatchObject({ code: 'cwd_invalid', message, details: { field: 'cwd' } });
  }
  await expect(resolveWorkingDirectory(join(root, 'none'), dataDir)).rejects.toMatchObject({
    cause: { code: 'ENOENT' },
  });
  expect(await resolveWorkingDirectory(join(root, 'links', '..', 'links'), dataDir)).toBe(join(root, 'links'));
});

describe('AGENT-15: a chat’s directory must not overlap the data directory', () => {
  test.each([
    ['it', 'home/data', /data is the server’s data directory, .*: choose another directory, or start .* --data-dir/],
    ['one in it', 'home/data/deep', /deep lies in the server’s data directory \/.*\/home\/data/],
    ['one in it, by a link', 'links/data/deep', /lies in the server’s data directory/],
    ['one that holds it', 'home', /home holds the server’s data directory .*: choose a directory further down, or/],
    ['the root', '/', /^cwd: \/ holds the server’s data directory/],
  ])('refuses %s', async (_what, path, message) => {
    const cwd = path === '/' ? '/' : join(root, path);
    const refusal = {
      code: 'cwd_invalid',
      details: { field: 'cwd' },
      message: expect.stringMatching(message) as string,
    };
    await expect(host.createChat({ cwd })).rejects.toMatchObject(refusal);
    await expect(host.chats.beginImport({ cwd, sessionId: randomUUID() })).rejects.toMatchObject(refusal);
  });

  test.each(['home/project', 'links'])('accepts %s, which is next to it', async (path) => {
    expect((await host.createChat({ cwd: join(root, path) })).cwd).toBe(join(root, path));
  });
});

test('AGENT-15: a chat that already has such a directory starts no agent, and says why', async () => {
  const before = await openChatsHost(database.url);
  const { id } = await before.createChat({ cwd: join(root, 'home') });
  await before.close();
  await host.chats.submitPrompt(id, { content: 'hello' });
  const [held] = await host.events(id, 'queue_held');
  expect(held?.reason).toBe('directory');
  expect(held?.message).toMatch(/home holds the server’s data directory .*: choose a directory further down/);
  expect(host.backend.opened).toEqual([]);
});

describe('ROOT-2 on a server with a root', () => {
  let roots: string;
  let bounded: ChatsHost;
  let workspaces: Workspaces;
  beforeEach(async () => {
    roots = join(root, `roots-${randomUUID()}`);
    for (const name of ['project', 'elsewhere']) await mkdir(join(roots, name), { recursive: true });
    const places = new WorkPlaces({ dataDir, roots: [roots] });
    const mappings = [
      { from: '/there', to: join(root, 'links') },
      { from: '/other', to: join(roots, 'project') },
    ];
    workspaces = new Workspaces({ dataDir, env: process.env, places, mappings });
    bounded = await openChatsHost(database.url, { dataDir, workspaces });
  });
  afterEach(() => bounded.close());

  const outside = {
    code: 'cwd_invalid',
    message: expect.stringMatching(/^cwd: .* is outside of .*--workspace-root/) as string,
  };

  test('chats, moves and imports are refused elsewhere, and nothing is said about what is there', async () => {
    const chat = await bounded.createChat({ cwd: join(roots, 'project') });
    for (const cwd of [join(root, 'links'), join(root, 'nothing')]) {
      await expect(bounded.createChat({ cwd })).rejects.toMatchObject(outside);
      await expect(bounded.chats.patchChat(chat.id, { cwd })).rejects.toMatchObject(outside);
      await expect(bounded.chats.beginImport({ cwd, sessionId: randomUUID() })).rejects.toMatchObject(outside);
    }
    expect((await bounded.chats.patchChat(chat.id, { cwd: join(roots, 'elsewhere') })).cwd).toBe(
      join(roots, 'elsewhere'),
    );
  });

  test('no agent starts where a link leads out of it by now, and neither changes nor settings are shown', async () => {
    const chat = await bounded.createChat({ cwd: join(roots, 'project') });
    await rm(join(roots, 'project'), { recursive: true });
    await symlink(join(root, 'links'), join(roots, 'project'));
    await bounded.chats.submitPrompt(chat.id, { content: 'hello' });
    const [held] = await bounded.events(chat.id, 'queue_held');
    expect(held).toMatchObject({ reason: 'directory', message: expect.stringMatching(/is outside of/) as string });
    expect(bounded.backend.opened).toEqual([]);
    await expect(bounded.chats.readTrust(chat.id)).rejects.toMatchObject(outside);
    await expect(bounded.chats.changes.list(chat.id, 'turn')).rejects.toMatchObject(outside);
  });

  test('a directory that is mapped to one elsewhere is not here', async () => {
    const chat = { cwd: '/there', workspace: null, agentDirectory: null };
    expect((await workspaces.locate(chat)).directory).not.toBe(join(root, 'links'));
    expect(await workspaces.locate({ ...chat, cwd: '/other' })).toEqual({ directory: join(roots, 'project') });
  });
});
