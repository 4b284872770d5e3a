// Where chats' directories are on a host, with real repositories.
import { chmod, mkdir, mkdtemp, realpath, rename, rm, symlink, writeFile } from 'node:fs/promises';
import { existsSync, readdirSync } from 'node:fs';
import { tmpdir } from 'node:os';
import { join } from 'node:path';
import { afterEach, beforeEach, describe, expect, test } from 'vitest';
import { git, initRepository } from '../../../test/support/git-repository.ts';
import type { PlacedChat } from '../../store/workspaces.ts';
import type { WorkspaceMapping } from './workspace-map.ts';
import { Workspaces, type WorkspacesOptions } from './workspaces.ts';

const remote = 'https://example.org/a/repo.git';
let root: string;
beforeEach(async () => {
  root = await realpath(await mkdtemp(join(tmpdir(), 'boocode-workspaces-')));
});
afterEach(() => rm(root, { recursive: true, force: true }));

const there = () => new Workspaces({ dataDir: '/there', env: process.env });
const here = (mappings: WorkspaceMapping[] = [], more: Partial<WorkspacesOptions> = {}) =>
  new Workspaces({ dataDir: '/here', env: process.env, mappings, ...more });

async function directory(name: string): Promise<string> {
  const path = join(root, name);
  await mkdir(path, { recursive: true });
  return path;
}
async function repository(name: string, address: string | undefined = remote, branch = 'main'): Promise<string> {
  const path = await directory(name);
  initRepository(path, { branch, ...(address === undefined ? {} : { remote: address }) });
  return path;
}
/** A chat of the other host. */
async function chatIn(cwd: string, worktree: string | null = null): Promise<PlacedChat> {
  const { workspace } = (await there().look(cwd))!;
  return {
    id: 'x',
    cwd,
    workspace,
    agentDirectory: worktree === null ? null : { cwd: worktree, worktree },
    worktree: null,
  };
}
/** On another machine, the same path is another directory. */
const elsewhere = (chat: PlacedChat): PlacedChat => ({
  ...chat,
  workspace: { ...chat.workspace!, directoryId: 'another' },
});

describe('HOST-16: a workspace', () => {
  test('names the remote, the branch, and where the directory is in the repository', async () => {
    const top = await repository('repo', 'https://me:secret@example.org/a/repo.git', 'topic/x');
    await mkdir(join(top, 'packages/one'), { recursive: true });
    const looked = await here().look(join(top, 'packages/one'));
    expect(looked?.workspace).toEqual({
      remote,
      branch: 'topic/x',
      path: 'packages/one',
      directoryId: expect.stringMatching(/^\d+:\d+$/) as string,
      seenBy: here().here,
    });
    git(top, 'checkout', '-q', '--detach');
    git(top, 'remote', 'rename', 'origin', 'upstream');
    expect((await here().look(top))?.workspace).toMatchObject({ remote, branch: null, path: '' });
  });

  test('without a repository or a remote is the path', async () => {
    const plain = await directory('plain');
    expect((await here().look(plain))?.workspace).toMatchObject({ remote: null, branch: null, path: plain });
    const local = await repository('local', '');
    git(local, 'remote', 'remove', 'origin');
    expect((await here().look(local))?.workspace).toMatchObject({ remote: null, branch: 'main', path: local });
  });

  test('of a worktree and of a submodule is their own', async () => {
    const top = await repository('repo');
    git(top, 'worktree', 'add', '-q', '-b', 'side', join(root, 'side'));
    expect((await here().look(join(root, 'side')))?.workspace).toMatchObject({ remote, branch: 'side', path: '' });
    const sub = await repository('repo/sub', 'git@example.org:a/sub.git');
    expect((await here().look(sub))?.workspace).toMatchObject({ remote: 'git@example.org:a/sub.git', path: '' });
  });

  test('TRUST-1: looking at a repository runs nothing that it configures, and no address that names a program is kept', async () => {
    const top = await repository('repo', 'ext::sh -c id');
    const script = join(root, 'script');
    await writeFile(script, `#!/bin/sh\ntouch '${join(root, 'marker')}'\n`);
    await chmod(script, 0o755);
    const settings = [
      'core.fsmonitor',
      'core.pager',
      'core.sshCommand',
      'core.askPass',
      'credential.helper',
      'alias.config',
    ];
    for (const name of settings) git(top, 'config', name, script);
    expect((await here().look(top))?.workspace.remote).toBeNull();
    expect(existsSync(join(root, 'marker'))).toBe(false);
  });

  test('is the path if git cannot tell, and null if the directory is gone', async () => {
    const cwd = await repository('repo');
    const without = new Workspaces({ dataDir: '/here', env: { PATH: root } });
    expect(await without.look(cwd)).toMatchObject({ isSure: false, workspace: { remote: null, path: cwd } });
    expect((await without.locate(elsewhere(await chatIn(cwd)))).missing?.message).toContain('git cannot tell');
    await rm(cwd, { recursive: true });
    expect(await here().look(cwd)).toBeNull();
  });
});

describe('HOST-17: the directory of a chat from another host', () => {
  test('is the one at its path if that is the very same, whatever its remote is called now', async () => {
    const cwd = await repository('repo');
    const chat = await chatIn(cwd);
    git(cwd, 'remote', 'set-url', 'origin', 'https://example.org/renamed.git');
    expect(await here().locate(chat)).toEqual({ directory: cwd });
  });

  test('is the one at its path without a repository, and with the same one', async () => {
    const plain = await directory('plain');
    expect(await here().locate(elsewhere(await chatIn(plain)))).toEqual({ directory: plain });
    const cwd = await repository('repo', 'git@example.org:a/repo');
    expect(await here().locate(elsewhere(await chatIn(cwd)))).toEqual({ directory: cwd });
  });

  test('is not one of another repository, of none, or of another part of it', async () => {
    const cwd = await repository('repo');
    const chat = elsewhere(await chatIn(cwd));
    const problem = async () => (await here().locate(chat)).missing;
    git(cwd, 'remote', 'set-url', 'origin', 'https://x:secret@example.org/a/other.git');
    const error = await problem();
    expect(error).toMatchObject({ code: 'workspace_missing', details: { field: 'cwd', cwd, remote, branch: 'main' } });
    expect(error?.message).toContain(
      `This host does not have the chat’s directory ${cwd} (${remote}, branch main): ${cwd} is a checkout of https://example.org/a/other.git.`,
    );
    git(cwd, 'remote', 'remove', 'origin');
    expect((await problem())?.message).toContain('is a repository without a remote');
    await rm(join(cwd, '.git'), { recursive: true });
    expect((await problem())?.message).toContain('is not in a git repository');
    initRepository(root, { remote });
    expect((await problem())?.message).toContain('is another directory of that repository');
    await rm(cwd, { recursive: true });
    expect((await problem())?.message).toContain(`${cwd} does not exist`);

    const plain = await directory('plain');
    await rm(join(root, '.git'), { recursive: true });
    const path = elsewhere(await chatIn(plain));
    initRepository(plain, { remote });
    expect((await here().locate(path)).missing?.message).toContain(`is a checkout of ${remote}`);
  });

  test('that is gone from the host that had it is left to the agent to report, and so is one of an earlier version', async () => {
    const cwd = await repository('repo');
    const chat = await chatIn(cwd);
    await rm(cwd, { recursive: true });
    expect(await there().locate(chat)).toEqual({ directory: cwd });
    expect((await here().locate(chat)).missing).toBeDefined();
    expect(await here().locate({ ...chat, workspace: null })).toEqual({ directory: cwd });
  });

  test('is where the longest path that is mapped says', async () => {
    const cwd = await directory('elsewhere/home/a/work');
    const chat = await chatIn(cwd);
    await rename(join(root, 'elsewhere'), join(root, 'gone'));
    const mapped = await directory('srv/work');
    const from = join(root, 'elsewhere/home');
    const located = await here([
      { from, to: join(root, 'nowhere') },
      { from: join(from, 'a'), to: join(root, 'srv') },
      { from: join(from, 'a/wor'), to: root },
    ]).locate(chat);
    expect(located).toEqual({ directory: mapped });
  });

  test('is where its remote is mapped to, and never another repository there', async () => {
    const top = await repository('elsewhere');
    await mkdir(join(top, 'sub'));
    const chat = await chatIn(join(top, 'sub'));
    await rename(top, join(root, 'moved'));
    const to = join(root, 'moved');
    const mapping = { from: 'git@example.org:a/repo.git', to };
    expect(await here([mapping]).locate(chat)).toEqual({ directory: join(to, 'sub') });
    await symlink(to, join(root, 'link'));
    expect(await here([{ ...mapping, to: join(root, 'link') }]).locate(chat)).toEqual({ directory: join(to, 'sub') });
    git(to, 'remote', 'set-url', 'origin', 'https://example.org/a/other.git');
    const { missing } = await here([mapping]).locate(chat);
    expect(missing?.message).toContain(
      `${join(to, 'sub')} is a checkout of https://example.org/a/other.git, and ${join(top, 'sub')} does not exist`,
    );
    git(to, 'remote', 'add', 'upstream', remote);
    expect(await here([mapping]).locate(chat)).toEqual({ directory: join(to, 'sub') });
  });

  test('is not here while the agent would resume in a worktree of another repository', async () => {
    const cwd = await repository('elsewhere');
    const worktree = await repository('tree', 'https://example.org/a/other.git');
    const chat = await chatIn(cwd, worktree);
    await rename(cwd, join(root, 'moved'));
    const host = here([{ from: cwd, to: join(root, 'moved') }]);
    expect((await host.locate(chat)).missing?.message).toContain(`${worktree} is not the chat’s worktree`);
    git(worktree, 'remote', 'set-url', 'origin', remote);
    expect(await host.locate(chat)).toEqual({ directory: join(root, 'moved') });
    await rm(worktree, { recursive: true });
    expect(await host.locate(chat)).toEqual({ directory: join(root, 'moved') });
  });

  test('HOST-1: of the mapped ones a host shows those that exist', async () => {
    const to = await directory('srv');
    const host = here([
      { from: remote, to },
      { from: '/a', to: join(root, 'none') },
    ]);
    expect(await host.present()).toEqual([remote]);
  });
});

describe('HOST-19: a host that may clone', () => {
  /** A chat in a clone of a bare repository, which is then gone. */
  async function lost(inside = ''): Promise<{ chat: PlacedChat; origin: string; commit: string; cwd: string }> {
    const source = await repository('source', '', 'topic');
    if (inside !== '') {
      await mkdir(join(source, inside), { recursive: true });
      await writeFile(join(source, inside, 'file'), 'x');
      git(source, 'add', '.');
      git(source, 'commit', '-q', '-m', 'Second');
    }
    const origin = join(root, 'origin.git');
    git(root, 'clone', '-q', '--bare', source, origin);
    git(origin, 'branch', 'other');
    git(root, 'clone', '-q', '--branch', 'topic', origin, join(root, 'cwd'));
    const chat = await chatIn(join(root, 'cwd', inside));
    await rm(join(root, 'cwd'), { recursive: true });
    return { chat, origin, commit: git(source, 'rev-parse', 'HEAD'), cwd: join(root, 'cwd') };
  }
  const bring = async (host: Workspaces, chat: PlacedChat) => host.bring(chat, (await host.locate(chat)).missing!);

  test('clones to where the mapping says, once, with the branch checked out', async () => {
    const { chat, origin, commit } = await lost('packages/one');
    git(origin, 'symbolic-ref', 'HEAD', 'refs/heads/other');
    const to = join(root, 'clones/deep/repo');
    const host = here([{ from: origin, to }], { clones: true });
    await Promise.all([bring(host, chat), bring(host, chat)]);
    expect(await host.locate(chat)).toEqual({ directory: join(to, 'packages/one') });
    expect((await host.look(to))?.workspace).toMatchObject({ remote: origin, branch: 'topic' });
    expect(host.cloneOf(to)).toEqual({ commit });
    expect(readdirSync(join(root, 'clones/deep'))).toEqual(['repo']);
    await host.close();
  });

  test('clones to the chat’s own path without a mapping', async () => {
    const { chat, cwd } = await lost();
    const host = here([], { clones: true });
    await bring(host, chat);
    expect(await host.locate(chat)).toEqual({ directory: cwd });
  });

  test('says why it cannot, and leaves nothing', async () => {
    const { chat, origin, cwd } = await lost();
    git(origin, 'branch', '-m', 'topic', 'renamed');
    const to = join(root, 'clones/deep/repo');
    const host = here([{ from: origin, to }], { clones: true });
    await expect(bring(host, chat)).rejects.toMatchObject({
      code: 'workspace_missing',
      message: expect.stringMatching(/could not clone .* \(branch topic\) .*Remote branch topic not found/) as string,
    });
    expect(existsSync(join(root, 'clones'))).toBe(false);
    // Nor where something else is already, or where it may not.
    await mkdir(cwd);
    for (const each of [here([], { clones: true }), here()]) {
      await expect(bring(each, chat)).rejects.toThrow('This host does not have the chat’s directory');
    }
    expect(readdirSync(cwd)).toEqual([]);
  });

  test('ACCESS-1: never clones into the data directory', async () => {
    const { chat } = await lost();
    const dataDir = await directory('data');
    const host = new Workspaces({
      dataDir,
      env: process.env,
      clones: true,
      mappings: [{ from: chat.cwd, to: join(dataDir, 'x/repo') }],
    });
    await expect(bring(host, chat)).rejects.toThrow('lies in the server’s data directory');
    expect(readdirSync(dataDir)).toEqual([]);
  });

  test('says that it still clones, and ends that when it stops, with nothing left', async () => {
    const { chat, origin } = await lost();
    // Something that never answers.
    const slow = { ...chat, workspace: { ...chat.workspace!, remote: `ssh://example.org${origin}` } };
    const bin = await directory('bin');
    await writeFile(join(bin, 'ssh'), '#!/bin/sh\nsleep 600\n');
    await chmod(join(bin, 'ssh'), 0o755);
    const host = here([{ from: chat.cwd, to: join(root, 'clones/repo') }], {
      clones: true,
      cloneWaitMs: 1,
      env: { ...process.env, PATH: `${bin}:${process.env['PATH']}` },
    });
    // A request does not wait for long.
    await expect(bring(host, slow)).rejects.toMatchObject({
      code: 'workspace_missing',
      message: expect.stringContaining('is being cloned') as string,
      details: { isCloning: true },
    });
    await expect.poll(() => existsSync(join(root, 'clones'))).toBe(true);
    await host.close();
    expect(existsSync(join(root, 'clones'))).toBe(false);
  });
});
