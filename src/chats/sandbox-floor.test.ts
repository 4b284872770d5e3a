import { mkdir, mkdtemp, realpath, rm, symlink } from 'node:fs/promises';
import { tmpdir } from 'node:os';
import { join } from 'node:path';
import { afterAll, beforeAll, describe, expect, test } from 'vitest';
import { type ChatsHost, openChatsHost } from '../../test/support/chats-host.ts';
import { createTestDatabase, type TestDatabase } from '../../test/support/postgres.ts';
import { until } from '../../test/support/until.ts';
import type { ChatRow } from '../store/chats.ts';
import { directoriesOf, parseSandboxDirectory, SandboxFloor } from './sandbox-floor.ts';

let database: TestDatabase;
let host: ChatsHost;
beforeAll(async () => {
  database = await createTestDatabase();
  host = await openChatsHost(database.url, { sandbox: 'preferred', sandboxNetwork: 'limited' });
});
afterAll(async () => {
  await host.close();
  await database.drop();
});

test('SANDBOX-1: no chat asks for less than the server does, neither when it is created nor later', async () => {
  const refused = { code: 'invalid_request', message: expect.stringContaining('less than preferred') as string };
  await expect(host.createChat({ sandbox: 'off' })).rejects.toMatchObject(refused);
  const { id, sandbox } = await host.createChat();
  expect(sandbox).toBeNull();
  await expect(host.chats.patchChat(id, { sandbox: 'off' })).rejects.toMatchObject(refused);
  expect(await host.chats.patchChat(id, { sandbox: 'required' })).toMatchObject({ sandbox: 'required' });
  expect(await host.chats.patchChat(id, { sandbox: null })).toMatchObject({ sandbox: null });
});

test('SANDBOX-8: no chat asks for more of the network than the server allows', async () => {
  const refused = { code: 'invalid_request', message: expect.stringContaining('more than limited') as string };
  await expect(host.createChat({ sandboxNetwork: 'open' })).rejects.toMatchObject(refused);
  const { id, sandboxNetwork } = await host.createChat();
  expect(sandboxNetwork).toBeNull();
  await expect(host.chats.patchChat(id, { sandboxNetwork: 'open' })).rejects.toMatchObject(refused);
  for (const asked of ['limited', 'off', null] as const) {
    expect(await host.chats.patchChat(id, { sandboxNetwork: asked })).toMatchObject({ sandboxNetwork: asked });
  }
});

test('SANDBOX-1: what a chat asks for reaches its agent, from the next turn on', async () => {
  const { id } = await host.createChat({ sandbox: 'required', sandboxNetwork: 'off' });
  await host.chats.submitPrompt(id, { content: 'stream 1 tokens' });
  await until(() => host.backend.opened.length > 0, { what: 'a session' });
  expect(host.backend.opened.at(-1)).toMatchObject({ sandbox: 'required', sandboxNetwork: 'off' });
});

describe('SANDBOX-10: what is set for a directory', () => {
  let here: ChatsHost;
  let top: string;
  const at = (path: string): string => join(top, path);
  const opened = async (input: Parameters<ChatsHost['createChat']>[0]) => {
    const before = here.backend.opened.length;
    const { id } = await here.createChat(input);
    await here.chats.submitPrompt(id, { content: 'stream 1 tokens' });
    await until(() => here.backend.opened.length > before, { what: 'a session' });
    const { sandbox, sandboxNetwork } = here.backend.opened.at(-1)!;
    return `${sandbox}:${sandboxNetwork}`;
  };

  beforeAll(async () => {
    top = await realpath(await mkdtemp(join(tmpdir(), 'boocode-floor-')));
    await mkdir(at('real/deep/er'), { recursive: true });
    await mkdir(at('realm'));
    await symlink(at('real'), at('link'));
    await symlink(at('real/deep'), at('way-in'));
    const rules = [`${at('link')}=preferred:limited`, `${at('real/deep')}=required`, `${at('real/deep/er')}=off:off`];
    const sandboxDirectories = rules.map((rule) => parseSandboxDirectory(rule)!);
    here = await openChatsHost(database.url, { sandboxDirectories });
  });
  afterAll(async () => {
    await here.close();
    await rm(top, { recursive: true });
  });

  test.each([
    ['real', {}, 'preferred:limited'],
    ['link', {}, 'preferred:limited'],
    ['real/deep', {}, 'required:limited'],
    ['way-in', {}, 'required:limited'],
    ['real/deep/er', {}, 'required:off'],
    ['way-in/er', {}, 'required:off'],
    ['real', { sandbox: 'required', sandboxNetwork: 'off' }, 'required:off'],
    ['realm', {}, 'off:open'],
    ['', {}, 'off:open'],
  ] as const)('in "%s", a chat that asks for %j gets %s', async (path, asked, expected) => {
    expect(await opened({ cwd: at(path), ...asked })).toBe(expected);
  });

  test('no chat there asks for less, neither when it is created nor later', async () => {
    const less = {
      message: `sandbox: must not be less than required, which this server for ${at('real/deep')} requires.`,
    };
    await expect(here.createChat({ cwd: at('way-in'), sandbox: 'preferred' })).rejects.toMatchObject(less);
    const more = expect.stringContaining(
      `more than limited, which is all that this server for ${at('link')}`,
    ) as string;
    const { id } = await here.createChat({ cwd: at('real/deep') });
    await expect(here.chats.patchChat(id, { sandbox: 'off' })).rejects.toMatchObject(less);
    await expect(here.chats.patchChat(id, { sandboxNetwork: 'open' })).rejects.toMatchObject({ message: more });
  });

  test('it counts for a chat that moves there, whatever that asked for, and for a link that leads there by now', async () => {
    await mkdir(at('place'));
    const { id } = await here.createChat({ cwd: at('realm'), sandbox: 'off', sandboxNetwork: 'open' });
    await here.chats.patchChat(id, { cwd: at('way-in') });
    const before = here.backend.opened.length;
    await here.chats.submitPrompt(id, { content: 'stream 1 tokens' });
    await until(() => here.backend.opened.length > before, { what: 'a session' });
    expect(here.backend.opened.at(-1)).toMatchObject({ sandbox: 'required', sandboxNetwork: 'limited' });
    const moved = await here.createChat({ cwd: at('place') });
    await rm(at('place'), { recursive: true });
    await symlink(at('real/deep'), at('place'));
    await here.chats.submitPrompt(moved.id, { content: 'stream 1 tokens' });
    await until(() => here.backend.opened.length > before + 1, { what: 'a session' });
    expect(here.backend.opened.at(-1)).toMatchObject({ sandbox: 'required', sandboxNetwork: 'limited' });
  });

  test('links are followed in whatever the chat names', async () => {
    const directories = [parseSandboxDirectory(`${at('link')}=required:off`)!];
    const floor = new SandboxFloor({ mode: 'off', network: 'open', directories });
    const asks = { sandbox: null, sandboxNetwork: null };
    const inForce = await floor.inForce(asks, [at('realm'), at('way-in')]);
    expect(inForce).toEqual({ sandbox: 'required', sandboxNetwork: 'off' });
  });

  test('a worktree counts as the directory that it was made for, and so does where an agent went', () => {
    const worktree = { path: '/trees/one', directory: '/srv/real' } as ChatRow['worktree'];
    expect(directoriesOf({ cwd: '/trees/one/sub', worktree, agentDirectory: null })).toContain('/srv/real');
    expect(directoriesOf({ cwd: '/elsewhere', worktree, agentDirectory: null })).toEqual(['/elsewhere']);
    const agentDirectory = { cwd: '/srv/real', worktree: null };
    expect(directoriesOf({ cwd: '/a', worktree: null, agentDirectory }, '/b')).toEqual(['/b', '/a', '/srv/real']);
  });
});

test.each(['relative=required', '/a', '/a=', '/a=maybe', '/a=required:some', '=required', '/a=required:'])(
  'SANDBOX-10: %s is no rule for a directory',
  (text) => expect(parseSandboxDirectory(text)).toBeUndefined(),
);
