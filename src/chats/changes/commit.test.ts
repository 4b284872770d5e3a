// Commits in real repositories.
import { chmodSync, existsSync, mkdirSync, readdirSync, readFileSync, rmSync, writeFileSync } from 'node:fs';
import { join } from 'node:path';
import { afterEach, beforeEach, describe, expect, test } from 'vitest';
import { ChangingRepository } from '../../../test/support/changing-repository.ts';
import { git } from '../../../test/support/git-repository.ts';
import type { CommitChanges } from '../../protocol/changes.ts';

let repository: ChangingRepository;
beforeEach(() => {
  repository = new ChangingRepository();
  repository.git('config', 'user.name', 'Ann');
  repository.git('config', 'user.email', 'ann@example.com');
});
afterEach(() => repository.close());

const commit = (request: Partial<CommitChanges>, isTrusted = false, chat = repository.chat) =>
  repository.changes.commit(chat, { message: 'Subject', ...request }, isTrusted);
const refusal = (request: Partial<CommitChanges>, isTrusted = false) => repository.reasonOf(commit(request, isTrusted));
const named = (...paths: string[]) => ({ paths: paths.map((path) => ({ path })) });
const status = () => repository.git('status', '--porcelain', '-uall').split('\n').filter(Boolean);
const committed = () =>
  repository.git('show', '--format=', '--name-status', '--no-renames', 'HEAD').split('\n').toSorted();

/** Hooks that say that they ran. */
function addHooks(names: Record<string, string>, directory = join(repository.top, '.git/hooks')): void {
  mkdirSync(directory, { recursive: true });
  for (const [name, script] of Object.entries(names)) {
    writeFileSync(join(directory, name), `#!/bin/sh\necho ${name} >> '${repository.root}/ran'\n${script}\n`);
    chmodSync(join(directory, name), 0o755);
  }
}
const ran = (): string[] => {
  const path = join(repository.root, 'ran');
  return existsSync(path) ? readFileSync(path, 'utf8').split('\n').filter(Boolean) : [];
};

describe.each([false, true])('CHANGE-20: a commit (trusted: %s)', (isTrusted) => {
  test('has what is staged, as the person who runs the server, and says where it went', async () => {
    repository.commit({ 'a.txt': '1\n' });
    repository.write('a.txt', '2\n');
    repository.write('b.txt', '1\n');
    await repository.changes.stage(repository.chat, named('a.txt'), isTrusted);
    const made = await commit({ message: 'One\n\n\n# kept\n  Two  \n\n' }, isTrusted);
    expect(made).toEqual({ commit: repository.git('rev-parse', 'HEAD'), branch: 'main', subject: 'One', skipped: [] });
    expect(repository.git('log', '-1', '--format=%an <%ae>|%cn|%B')).toBe(
      'Ann <ann@example.com>|Ann|One\n\n# kept\n  Two',
    );
    expect([committed(), status()]).toEqual([['M\ta.txt'], ['?? b.txt']]);
    expect(repository.git('reflog', '-1', '--format=%gs')).toBe('commit: One');
    expect(await refusal({}, isTrusted)).toBe('nothing_staged');
    repository.git('checkout', '-q', '--detach');
    expect((await commit({ all: true, message: '--amend' }, isTrusted)).branch).toBeNull();
    expect(repository.git('log', '-1', '--format=%s %p')).toBe(`--amend ${made.commit.slice(0, 7)}`);
  });

  test('has exactly the files that are named, and leaves what is staged of others', async () => {
    repository.commit({ 'a.txt': '1\n', 'b.txt': '1\n', 'gone.txt': '1\n' });
    repository.write('a.txt', '2\n');
    repository.write('b.txt', '2\n');
    repository.write('new *.txt', '1\n');
    repository.write('new 1.txt', '1\n');
    rmSync(join(repository.top, 'gone.txt'));
    repository.git('add', 'b.txt', 'a.txt');
    repository.write('a.txt', '3\n');
    await commit(named('a.txt', 'new *.txt', 'gone.txt'), isTrusted);
    expect(committed()).toEqual(['A\tnew *.txt', 'D\tgone.txt', 'M\ta.txt']);
    expect(status()).toEqual(['M  b.txt', '?? "new 1.txt"']);
    expect(repository.git('show', 'HEAD:a.txt')).toBe('3');
  });

  test('has everything, or is the first one', async () => {
    repository.write('a.txt', '1\n');
    repository.write('.gitignore', 'ignored\n');
    repository.write('ignored', 'x\n');
    await commit({ all: true }, isTrusted);
    expect([committed(), status()]).toEqual([['A\t.gitignore', 'A\ta.txt'], []]);
    const empty = join(repository.root, 'empty');
    mkdirSync(empty);
    git(empty, 'init', '-q', '-b', 'first');
    git(empty, 'config', 'user.name', 'Ann');
    git(empty, 'config', 'user.email', 'ann@example.com');
    writeFileSync(join(empty, 'x'), 'x\n');
    const chat = repository.newChat(empty);
    expect(await repository.reasonOf(commit({}, isTrusted, chat))).toBe('nothing_staged');
    const { branch } = await commit(named('x'), isTrusted, chat);
    expect([branch, git(empty, 'log', '--format=%s'), git(empty, 'status', '--porcelain')]).toEqual([
      'first',
      'Subject',
      '',
    ]);
  });

  test('is refused without a name, and then nothing is committed', async () => {
    repository.git('config', '--unset', 'user.name');
    repository.git('config', '--unset', 'user.email');
    repository.git('config', 'user.useConfigOnly', 'true');
    const changes = repository.open({}, { PATH: process.env['PATH'], HOME: repository.root });
    repository.write('a.txt', '1\n');
    const work = changes.commit(repository.chat, { message: 'x', ...named('a.txt') }, isTrusted);
    expect(await repository.reasonOf(work)).toBe('identity_missing');
    expect([repository.git('log', '--format=%s'), status()]).toEqual(['First', ['?? a.txt']]);
    await changes.close();
  });

  test('of everything that is refused leaves what is staged as it was', async () => {
    repository.commit({ 'a.txt': '1\n', 'b.txt': '1\n' });
    repository.write('b.txt', '2\n');
    repository.git('add', 'b.txt');
    repository.write('a.txt', '2\n');
    repository.write('new.txt', '1\n');
    const before = status();
    repository.git('config', '--unset', 'user.name');
    repository.git('config', '--unset', 'user.email');
    repository.git('config', 'user.useConfigOnly', 'true');
    const changes = repository.open({}, { PATH: process.env['PATH'], HOME: repository.root });
    const work = changes.commit(repository.chat, { message: 'x', all: true }, isTrusted);
    expect(await repository.reasonOf(work)).toBe('identity_missing');
    await changes.close();
    expect(status()).toEqual(before);
    writeFileSync(join(repository.top, '.git/index.lock'), '');
    expect(await refusal({ all: true }, isTrusted)).toBe('index_locked');
    rmSync(join(repository.top, '.git/index.lock'));
    expect(status()).toEqual(before);
    repository.git('config', 'user.name', 'Ann');
    repository.git('config', 'user.email', 'ann@example.com');
    await commit({ all: true }, isTrusted);
    expect([committed(), status()]).toEqual([['A\tnew.txt', 'M\ta.txt', 'M\tb.txt'], []]);
    expect(readdirSync(join(repository.top, '.git')).filter((name) => name.includes('.lock'))).toEqual([]);
  });

  test('of everything takes no conflict for resolved, however often it is asked for', async () => {
    repository.commit({ 'a.txt': '1\n' });
    repository.git('checkout', '-q', '-b', 'other');
    repository.commit({ 'a.txt': '2\n' });
    repository.git('checkout', '-q', 'main');
    repository.commit({ 'a.txt': '3\n' });
    expect(() => repository.git('merge', 'other')).toThrow('Command failed');
    const unmerged = repository.git('ls-files', '--unmerged');
    for (const _time of [1, 2]) {
      expect(await refusal({ all: true, during: 'merge' }, isTrusted)).toBe('conflicts');
      expect(repository.git('ls-files', '--unmerged')).toBe(unmerged);
    }
    repository.write('a.txt', '23\n');
    repository.git('add', 'a.txt');
    repository.write('b.txt', '1\n');
    const before = status();
    expect(await refusal({ all: true }, isTrusted)).toBe('in_progress');
    expect(status()).toEqual(before);
    if (!isTrusted) return;
    await commit({ all: true, during: 'merge' }, true);
    expect(repository.git('log', '-1', '--format=%p').split(' ')).toHaveLength(2);
    expect(status()).toEqual([]);
  });

  test('is refused with conflicts, and in the middle of a rebase or a merge unless that was said', async () => {
    repository.commit({ 'a.txt': '1\n' });
    repository.git('checkout', '-q', '-b', 'other');
    repository.commit({ 'a.txt': '2\n' });
    repository.git('checkout', '-q', 'main');
    repository.commit({ 'a.txt': '3\n' });
    expect(() => repository.git('merge', 'other')).toThrow('Command failed');
    expect(await refusal({ during: 'merge' }, isTrusted)).toBe('conflicts');
    repository.write('a.txt', '23\n');
    repository.git('add', 'a.txt');
    expect(await refusal({}, isTrusted)).toBe('in_progress');
    expect(await refusal({ during: 'rebase' }, isTrusted)).toBe('in_progress');
    expect(await refusal({ during: 'merge', ...named('a.txt') }, isTrusted)).toBe('in_progress');
    // Without what the repository configures it is not continued.
    expect(await refusal({ during: 'merge' }, isTrusted)).toBe(isTrusted ? null : 'untrusted');
    expect(repository.git('log', '-1', '--format=%p').split(' ')).toHaveLength(isTrusted ? 2 : 1);
    expect(existsSync(join(repository.top, '.git/MERGE_HEAD'))).toBe(!isTrusted);
    if (!isTrusted) repository.git('merge', '--abort');
    repository.git('checkout', '-q', '-b', 'third', 'main~1');
    repository.commit({ 'a.txt': '4\n' });
    expect(() => repository.git('rebase', 'main')).toThrow('Command failed');
    repository.git('checkout', '-q', '--theirs', 'a.txt');
    repository.git('add', 'a.txt');
    await expect(commit({}, isTrusted)).rejects.toMatchObject({
      details: { reason: 'in_progress', operation: 'rebase' },
    });
  });
});

describe('CHANGE-21: hooks and signatures', () => {
  const all = { 'pre-commit': '', 'commit-msg': 'echo "\nSigned-off-by: hook" >> "$1"', 'post-commit': '' };

  test('run where the directory is trusted', async () => {
    addHooks(all);
    repository.write('a.txt', '1\n');
    expect((await commit(named('a.txt'), true)).skipped).toEqual([]);
    expect(ran()).toEqual(['pre-commit', 'commit-msg', 'post-commit']);
    expect(repository.git('log', '-1', '--format=%b')).toBe('Signed-off-by: hook');
  });

  test('and nowhere else: which ones did not is told', async () => {
    const directory = join(repository.top, 'hooks');
    addHooks({ ...all, 'reference-transaction': '', 'post-index-change': '', 'pre-push': '' }, directory);
    addHooks({ 'pre-commit': '' });
    repository.git('config', 'core.hooksPath', 'hooks');
    repository.git('config', 'commit.gpgSign', 'true');
    repository.git('config', 'gpg.program', `${repository.root}/sign`);
    writeFileSync(join(repository.root, 'sign'), `#!/bin/sh\necho sign >> '${repository.root}/ran'\nexit 1\n`, {
      mode: 0o755,
    });
    repository.write('a.txt', '1\n');
    rmSync(join(repository.root, 'ran'), { force: true });
    const { skipped } = await commit(named('a.txt'));
    expect(skipped).toEqual([
      'commit-msg',
      'post-commit',
      'post-index-change',
      'pre-commit',
      'reference-transaction',
      'signature',
    ]);
    expect(ran()).toEqual([]);
    expect([committed(), status()]).toEqual([['A\ta.txt'], expect.not.arrayContaining(['?? a.txt'])]);
    repository.write('a.txt', '2\n');
    expect(await refusal(named('a.txt'), true)).toBe('hook_refused');
    expect(ran()).toContain('sign');
  });

  test('may refuse, and then nothing is committed', async () => {
    addHooks({ 'pre-commit': 'echo "lint: a.txt is ugly" >&2; exit 1' });
    repository.write('a.txt', '1\n');
    const work = commit(named('a.txt'), true);
    await expect(work).rejects.toThrow('lint: a.txt is ugly');
    expect(await repository.reasonOf(work)).toBe('hook_refused');
    expect([repository.git('log', '--format=%s'), status()]).toEqual(['First', ['?? a.txt']]);
    // Whatever is to be committed.
    expect(await refusal({ all: true }, true)).toBe('hook_refused');
    expect(status()).toEqual(['?? a.txt']);
    // The hook sees what would be committed.
    addHooks({ 'pre-commit': 'test "$(git diff --cached --name-only)" = a.txt && git rm -q --cached a.txt; exit 1' });
    expect(await refusal({ all: true }, true)).toBe('hook_refused');
    expect(status()).toEqual(['?? a.txt']);
  });

  test('may change what is committed, and what is staged follows', async () => {
    addHooks({ 'pre-commit': 'echo formatted > a.txt; git add a.txt' });
    repository.write('a.txt', '1\n');
    await commit({ all: true }, true);
    expect([repository.git('show', 'HEAD:a.txt'), status()]).toEqual(['formatted', []]);
  });

  test('a file that a filter stores as something else is committed only where the directory is trusted', async () => {
    repository.git('config', 'filter.big.clean', `echo clean >> '${repository.root}/ran'; tr a-z A-Z`);
    repository.commit({ '.gitattributes': '*.big filter=big\n' });
    repository.write('a.big', 'text\n');
    expect(await refusal(named('a.big'))).toBe('untrusted');
    repository.write('b.txt', '1\n');
    expect(await refusal({ all: true })).toBe('untrusted');
    expect(repository.git('diff', '--cached', '--name-only')).toBe('');
    rmSync(join(repository.top, 'b.txt'));
    expect(ran()).toEqual([]);
    await commit(named('a.big'), true);
    expect(repository.git('show', 'HEAD:a.big')).toBe('TEXT');
    // Once it is staged, nothing has to be filtered.
    repository.write('a.big', 'more\n');
    repository.git('add', 'a.big');
    rmSync(join(repository.root, 'ran'));
    await commit({});
    expect([repository.git('show', 'HEAD:a.big'), ran()]).toEqual(['MORE', []]);
  });
});
