import { randomUUID } from 'node:crypto';
import { mkdir, mkdtemp, realpath, rm, symlink, writeFile } from 'node:fs/promises';
import { tmpdir } from 'node:os';
import { join } from 'node:path';
import { afterAll, afterEach, beforeAll, beforeEach, describe, expect, test } from 'vitest';
import { type ChatsHost, openChatsHost } from '../../test/support/chats-host.ts';
import { createTestDatabase, type TestDatabase } from '../../test/support/postgres.ts';
import { resolveWorkingDirectory } from './working-directory.ts';

let database: TestDatabase;
let root: string;
let dataDir: string;
let host: ChatsHost;
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
