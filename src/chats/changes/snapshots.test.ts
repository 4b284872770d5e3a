// Snapshots of real working trees.
import {
  chmodSync,
  existsSync,
  mkdirSync,
  readdirSync,
  realpathSync,
  renameSync,
  rmSync,
  symlinkSync,
  writeFileSync,
} from 'node:fs';
import { randomUUID } from 'node:crypto';
import { join } from 'node:path';
import { afterEach, beforeEach, describe, expect, test } from 'vitest';
import { ChangingRepository } from '../../../test/support/changing-repository.ts';
import { git, initRepository } from '../../../test/support/git-repository.ts';

let repository: ChangingRepository;
beforeEach(() => {
  repository = new ChangingRepository();
});
afterEach(() => repository.close());

/** Another repository than the usual one. */
async function reopen(options: ConstructorParameters<typeof ChangingRepository>[0]): Promise<ChangingRepository> {
  await repository.close();
  return (repository = new ChangingRepository(options));
}

describe('CHANGE-1: a snapshot', () => {
  test('covers tracked and untracked files, not ignored ones, and touches nothing of the person’s', async () => {
    repository.commit({ 'kept.txt': 'one\n', 'changed.txt': 'one\n', '.gitignore': 'ignored\n', staged: 'one\n' });
    repository.write('staged', 'two\n');
    repository.git('stash');
    repository.write('staged', 'three\n');
    repository.git('add', 'staged');
    repository.write('changed.txt', 'two\n');
    repository.write('ignored', 'x\n');
    repository.write('new/file.txt', 'x\n');
    const before = repository.state();
    const turnId = await repository.turn();
    // The list waits for what is under way.
    expect(await repository.list()).toEqual([]);
    expect(repository.snapshots().toSorted()).toEqual([turnId, 'start'].toSorted());
    const files = repository
      .git('ls-tree', '-r', '--name-only', `refs/boocode/${repository.chat.id}/start`)
      .split('\n');
    expect(files).toEqual(['.gitignore', 'changed.txt', 'kept.txt', 'new/file.txt', 'staged']);
    expect(repository.git('show', `refs/boocode/${repository.chat.id}/start:staged`)).toBe('three');
    expect(repository.git('rev-parse', `refs/boocode/${repository.chat.id}/start^`)).toBe(
      repository.git('rev-parse', 'HEAD'),
    );
    expect(repository.state()).toBe(before);
  });

  test('CHANGE-10: is taken for each turn; only the first one is the start', async () => {
    const first = await repository.turn();
    repository.write('a', '1\n');
    const second = await repository.turn();
    repository.write('b', '1\n');
    expect(await repository.list('start')).toEqual(['added a +1 -0', 'added b +1 -0']);
    expect(await repository.list(`turn:${first}`)).toEqual(['added a +1 -0', 'added b +1 -0']);
    expect(await repository.list(`turn:${second}`)).toEqual(['added b +1 -0']);
    const { base } = await repository.changes.list(repository.chat, `turn:${second}`);
    expect(base).toMatchObject({ turnId: second, commit: repository.git('rev-parse', 'HEAD') });
  });

  test('is not taken for a turn that is not stored', async () => {
    await repository.changes.atTurn(repository.chat, randomUUID(), Promise.resolve(false));
    await repository.changes.atTurn(repository.chat, randomUUID(), Promise.reject(new Error('no database')));
    await expect(repository.list()).rejects.toMatchObject({ details: { reason: 'no_snapshot' } });
    expect(repository.snapshots()).toEqual([]);
  });

  test('holds what a file was, also if its size and its time are the same since', async () => {
    repository.commit({ a: 'one\n' });
    await repository.turn();
    repository.write('a', 'two\n');
    expect(await repository.list()).toEqual(['modified a +1 -1']);
    await repository.turn();
    repository.write('a', 'six\n');
    expect(await repository.list()).toEqual(['modified a +1 -1']);
    expect(await repository.diff('a')).toContain('+six');
  });

  test('leaves no entry in a reflog, even where everything is to have one', async () => {
    repository.git('config', 'core.logAllRefUpdates', 'always');
    const before = repository.state();
    await repository.turn();
    await repository.list();
    expect(repository.state()).toBe(before);
  });
});

describe('CHANGE-2: a snapshot is taken', () => {
  test('CHANGE-10: without any commit', async () => {
    await reopen({ isEmpty: true });
    repository.write('a', '1\n');
    await repository.turn();
    repository.write('b', '1\n');
    expect(await repository.list()).toEqual(['added b +1 -0']);
    expect(await repository.list('head')).toEqual(['added a +1 -0', 'added b +1 -0']);
    expect((await repository.changes.list(repository.chat, 'head')).base.commit).toBeNull();
  });

  test('in the middle of a rebase with conflicts, beside an index.lock that was left behind', async () => {
    repository.commit({ a: 'base\n' });
    repository.git('checkout', '-q', '-b', 'side');
    repository.commit({ a: 'side\n' });
    repository.git('checkout', '-q', 'main');
    repository.commit({ a: 'main\n' });
    expect(() => repository.git('rebase', 'side')).toThrow('rebase');
    writeFileSync(join(repository.top, '.git/index.lock'), '');
    const before = repository.state();
    await repository.turn();
    repository.write('a', 'solved\n');
    expect(await repository.diff('a')).toContain('-<<<<<<<');
    expect(await repository.list()).toEqual(['modified a +1 -5']);
    expect(repository.state()).toBe(before);
    expect(repository.git('status')).toContain('rebase in progress');
  });

  test('in a linked working tree, and in one whose path has the end of a line', async () => {
    const linked = join(repository.root, 'linked\ntree');
    repository.git('worktree', 'add', '-q', '-b', 'side', linked);
    const chat = repository.newChat(linked);
    await repository.turn(chat);
    writeFileSync(join(linked, 'a'), '1\n');
    expect(await repository.list('start', chat)).toEqual(['added a +1 -0']);
    expect((await repository.changes.list(chat, 'start')).root).toBe(linked);
    expect(repository.snapshots(chat)).toContain('start');
  });

  test('with a detached HEAD, an index that is split, and sparse ones', async () => {
    repository.commit({ a: '1\n', 'in/b': '1\n', 'out/c': '1\n' });
    repository.git('checkout', '-q', '--detach');
    repository.git('update-index', '--split-index');
    await repository.turn();
    repository.write('a', '2\n');
    expect(await repository.list()).toEqual(['modified a +1 -1']);
    repository.git('update-index', '--no-split-index');
    repository.git('checkout', '-q', '--', 'a');
    repository.git('sparse-checkout', 'set', '--cone', '--sparse-index', 'in');
    const chat = repository.newChat();
    await repository.turn(chat);
    expect(existsSync(join(repository.top, 'out'))).toBe(false);
    repository.write('in/b', '2\n');
    expect(await repository.list('start', chat)).toEqual(['modified in/b +1 -1']);
    expect(await repository.list('head', chat)).toEqual(['modified in/b +1 -1']);
  });

  test('with SHA-256', async () => {
    rmSync(join(repository.top, '.git'), { recursive: true });
    repository.git('init', '-q', '--object-format=sha256');
    repository.write('a', '1\n');
    await repository.turn();
    rmSync(join(repository.top, 'a'));
    expect(await repository.list()).toEqual(['deleted a +0 -1']);
    expect(await repository.list('head')).toEqual([]);
  });

  test('from a directory below the top, of everything', async () => {
    repository.commit({ 'sub/a': '1\n', b: '1\n' });
    const chat = repository.newChat(join(repository.top, 'sub'));
    await repository.turn(chat);
    repository.write('b', '2\n');
    expect(await repository.list('start', chat)).toEqual(['modified b +1 -1']);
  });

  test('in the working tree that the agent has entered, as long as it is there', async () => {
    await repository.turn();
    const worktree = join(repository.root, 'entered');
    repository.git('worktree', 'add', '-q', '-b', 'side', worktree);
    writeFileSync(join(worktree, 'a'), '1\n');
    expect(await repository.list('start', { ...repository.chat, worktree })).toEqual(['added a +1 -0']);
    rmSync(worktree, { recursive: true });
    expect(await repository.list('start', { ...repository.chat, worktree })).toEqual([]);
  });
});

describe('CHANGE-3: nothing that a repository or its owner configures is run', () => {
  test('by a snapshot, a list or a diff', async () => {
    const script = join(repository.root, 'script');
    const marker = join(repository.root, 'marker');
    writeFileSync(script, `#!/bin/sh\necho "$0 $*" >> '${marker}'\ncat\n`);
    chmodSync(script, 0o755);
    const sub = join(repository.top, 'sub');
    mkdirSync(sub);
    initRepository(sub);
    repository.commit({
      '.gitattributes': '*.x filter=one diff=one merge=one\n*.y filter=two diff=two\n',
      'a.x': '1\n',
      'a.y': '1\n',
    });
    const settings = [
      'filter.one.clean',
      'filter.one.smudge',
      'filter.two.process',
      'diff.one.textconv',
      'diff.one.command',
      'diff.two.command',
      'diff.external',
      'merge.one.driver',
      'core.fsmonitor',
      'core.pager',
      'core.sshCommand',
      'core.askPass',
      'core.editor',
      'core.alternateRefsCommand',
      'gpg.program',
      'credential.helper',
    ];
    const hooks = join(repository.root, 'hooks');
    mkdirSync(hooks);
    for (const name of [
      'reference-transaction',
      'post-index-change',
      'post-checkout',
      'pre-auto-gc',
      'fsmonitor-watchman',
    ])
      symlinkSync(script, join(hooks, name));
    for (const where of [repository.top, sub]) {
      for (const name of settings) git(where, 'config', name, script);
      git(where, 'config', 'filter.one.required', 'true');
      git(where, 'config', 'commit.gpgSign', 'true');
      git(where, 'config', 'core.hooksPath', hooks);
    }
    // The same again, as the owner’s own configuration.
    const home = join(repository.root, 'home');
    mkdirSync(home);
    writeFileSync(
      join(home, '.gitconfig'),
      `[filter "one"]\n\tclean = ${script}\n\tprocess = ${script}\n[diff]\n\texternal = ${script}\n`,
    );
    const changes = repository.open({}, { ...process.env, HOME: home });
    rmSync(marker, { force: true });
    const { chat } = repository;
    for (const round of ['2', '3']) {
      await repository.turn(chat, changes);
      repository.write('a.x', `${round}\n`);
      repository.write('a.y', `${round}\n`);
      repository.write(`new${round}.x`, 'new\n');
      writeFileSync(join(sub, 'a.x'), round);
      for (const since of ['start', 'head']) {
        const { files } = await changes.list(chat, since);
        expect(files.map(({ path }) => path)).toEqual(expect.arrayContaining(['a.x', 'a.y', `new${round}.x`]));
        for (const { path } of files) await changes.diff(chat, { since, path });
        await changes.diff(chat, { since });
      }
    }
    await changes.erase(chat.id);
    await changes.close();
    expect(existsSync(marker)).toBe(false);
    // They would have been: the guard is not that they cannot be.
    writeFileSync(join(repository.top, 'other.x'), 'x');
    repository.git('hash-object', 'other.x');
    expect(existsSync(marker)).toBe(true);
  });

  test('and a file that a filter stores as something else counts as unchanged until it is written', async () => {
    repository.git('config', 'filter.case.clean', 'tr a-z A-Z');
    repository.git('config', 'filter.case.smudge', 'tr A-Z a-z');
    repository.commit({ '.gitattributes': '*.x filter=case\n', 'a.x': 'text\n' });
    expect(repository.git('show', 'HEAD:a.x')).toBe('TEXT');
    // As after any later use of git: within the same second its time says nothing.
    const past = '2020-01-01T00:00:00Z';
    git(repository.top, '-c', 'core.trustctime=false', 'status');
    const { utimesSync } = await import('node:fs');
    utimesSync(join(repository.top, 'a.x'), new Date(past), new Date(past));
    repository.git('update-index', '--refresh');
    await repository.turn();
    expect(await repository.list('head')).toEqual([]);
    repository.write('a.x', 'text!\n');
    expect(await repository.list('head')).toEqual(['modified a.x +1 -1']);
    expect(await repository.diff('a.x', 'head')).toContain('+text!');
  });
});

describe('CHANGE-4: a turn', () => {
  test('starts after a bounded time, without a snapshot, and that is said; the next one has one', async () => {
    await reopen({ limits: { firstWaitMs: 0 } });
    const first = await repository.turn();
    const refused = { code: 'changes_unavailable', details: { reason: 'too_slow' } };
    await expect(repository.list()).rejects.toMatchObject(refused);
    await expect(repository.list(`turn:${first}`)).rejects.toMatchObject(refused);
    const second = await repository.turn();
    repository.write('a', '1\n');
    expect(await repository.list(`turn:${second}`)).toEqual(['added a +1 -0']);
    // What the first turn has changed would be missing.
    await expect(repository.list('start')).rejects.toMatchObject(refused);
    expect(await repository.list('head')).toEqual(['added a +1 -0']);
  });

  test('starts if the snapshot fails, and the reason is kept', async () => {
    await repository.turn();
    await repository.list();
    repository.write('a', '1\n');
    const turnId = randomUUID();
    writeFileSync(join(repository.top, '.git/refs/boocode', repository.chat.id, `${turnId}.lock`), '');
    await repository.changes.atTurn(repository.chat, turnId, Promise.resolve(true));
    await expect(repository.list(`turn:${turnId}`)).rejects.toMatchObject({
      code: 'changes_unavailable',
      message: expect.stringContaining('The snapshot failed') as string,
      details: { reason: 'git_failed' },
    });
    expect(await repository.list()).toEqual(['added a +1 -0']);
  });

  test('starts without git, whose absence is told to those who ask', async () => {
    const without = repository.open({}, { PATH: repository.root });
    await repository.turn(repository.chat, without);
    await expect(without.list(repository.chat, 'head')).rejects.toMatchObject({ details: { reason: 'git_failed' } });
  });
});

describe('CHANGE-5: of files', () => {
  test('those over the bound are left out, and that is said', async () => {
    await reopen({ limits: { maxFileBytes: 10 } });
    repository.commit({ grows: '1\n', shrinks: 'x'.repeat(11) });
    repository.write('large', 'x'.repeat(11));
    await repository.turn();
    repository.write('grows', 'x'.repeat(12));
    repository.write('large', 'x'.repeat(13));
    repository.write('small', '1\n');
    const { files, leftOut } = await repository.changes.list(repository.chat, 'start');
    expect(files.map(({ path }) => path)).toEqual(['small']);
    expect(leftOut).toEqual([
      { path: 'grows', bytes: 12, reason: 'too_large' },
      { path: 'large', bytes: 13, reason: 'too_large' },
    ]);
    rmSync(join(repository.top, 'large'));
    // It was too large then.
    const later = await repository.changes.list(repository.chat, 'start');
    expect(later.leftOut).toContainEqual({ path: 'large', bytes: 11, reason: 'too_large' });
  });

  test('the server’s own, and those of a repository inside, are never part of it', async () => {
    renameSync(repository.dataDir, join(repository.top, 'data'));
    symlinkSync(join(repository.top, 'data'), repository.dataDir);
    repository.write('data/token', 'secret\n');
    const inside = join(repository.top, 'inside');
    mkdirSync(inside);
    initRepository(inside);
    writeFileSync(join(inside, 'a'), '1\n');
    mkdirSync(join(repository.top, 'hollow'));
    git(join(repository.top, 'hollow'), 'init', '-q');
    await repository.turn();
    expect(await repository.list()).toEqual([]);
    const names = repository.git('ls-tree', '-r', '--name-only', `refs/boocode/${repository.chat.id}/start`);
    expect(names.split('\n')).toEqual(['inside']);
    git(inside, 'commit', '-q', '--allow-empty', '-m', 'Second');
    expect(await repository.list()).toEqual(['modified inside submodule']);
  });
});

describe('CHANGE-13: when a chat is deleted', () => {
  test('its snapshots and what is kept beside them go, and nothing of other chats', async () => {
    const other = repository.newChat();
    const linked = join(repository.root, 'linked');
    repository.git('worktree', 'add', '-q', '-b', 'side', linked);
    await repository.turn();
    await repository.turn({ ...repository.chat, worktree: linked });
    await repository.turn(other);
    await repository.list();
    await repository.list('start', other);
    rmSync(linked, { recursive: true });
    await repository.changes.erase(repository.chat.id);
    expect(repository.snapshots()).toEqual([]);
    expect(repository.snapshots(other)).toHaveLength(2);
    expect(readdirSync(join(repository.dataDir, 'changes'))).toEqual([other.id]);
    // A chat that another host has deleted.
    await repository.changes.sweep((ids) => Promise.resolve(ids), 0);
    expect(repository.snapshots(other)).toEqual([]);
    expect(readdirSync(join(repository.dataDir, 'changes'))).toEqual([]);
    expect(realpathSync(repository.top)).toBe(repository.top);
  });

  test('what cannot be removed now is removed later', async () => {
    await repository.turn();
    const lock = join(repository.top, '.git/packed-refs.lock');
    writeFileSync(lock, '');
    await repository.changes.erase(repository.chat.id);
    rmSync(lock);
    expect(repository.snapshots()).toHaveLength(2);
    await repository.changes.sweep((ids) => Promise.resolve(ids), 0);
    expect(repository.snapshots()).toEqual([]);
    expect(readdirSync(join(repository.dataDir, 'changes'))).toEqual([]);
  });

  test('a repository that is gone does not matter', async () => {
    await repository.turn();
    rmSync(repository.top, { recursive: true });
    await repository.changes.erase(repository.chat.id);
    expect(readdirSync(join(repository.dataDir, 'changes'))).toEqual([]);
  });
});
