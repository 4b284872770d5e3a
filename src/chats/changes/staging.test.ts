// What is staged and taken out again, in real repositories.
import {
  chmodSync,
  existsSync,
  mkdirSync,
  readFileSync,
  rmSync,
  symlinkSync,
  utimesSync,
  writeFileSync,
} from 'node:fs';
import { join } from 'node:path';
import { afterEach, beforeEach, describe, expect, test } from 'vitest';
import { ChangingRepository } from '../../../test/support/changing-repository.ts';
import { git, initRepository } from '../../../test/support/git-repository.ts';

let repository: ChangingRepository;
beforeEach(() => {
  repository = new ChangingRepository();
});
afterEach(() => repository.close());

const named = (...paths: string[]) => ({ paths: paths.map((path) => ({ path })) });
const stage = (paths: { paths: object[] }, isTrusted = false) =>
  repository.changes.stage(repository.chat, paths, isTrusted);
const unstage = (paths: { paths: object[] }, isTrusted = false) =>
  repository.changes.unstage(repository.chat, paths, isTrusted);
const status = () => repository.git('status', '--porcelain', '--no-renames').split('\n').filter(Boolean);

describe('CHANGE-16: files are staged', () => {
  test.each([false, true])('in the person’s own index, and taken out again (trusted: %s)', async (isTrusted) => {
    repository.commit({ 'a.txt': 'a\n', 'gone.txt': 'x\n', 'was.txt': 'was\n'.repeat(9), 'mode.sh': 'x\n' });
    repository.write('a.txt', 'other\n');
    rmSync(join(repository.top, 'gone.txt'));
    repository.write('new.txt', 'new\n');
    repository.git('mv', 'was.txt', 'is.txt');
    repository.git('reset', '-q');
    symlinkSync('a.txt', join(repository.top, 'link'));
    chmodSync(join(repository.top, 'mode.sh'), 0o755);
    const files = (await repository.changes.list(repository.chat, 'head')).files;
    expect(files.every((file) => file.staged === 'none')).toBe(true);
    const paths = files.map(({ path, oldPath }) => ({ path, ...(oldPath !== undefined && { oldPath }) }));
    await stage({ paths }, isTrusted);
    expect(repository.git('diff', '--name-only')).toBe('');
    expect(repository.git('diff', '--cached', '--name-status', '-M').split('\n')).toEqual([
      'M\ta.txt',
      'D\tgone.txt',
      'R100\twas.txt\tis.txt',
      'A\tlink',
      'M\tmode.sh',
      'A\tnew.txt',
    ]);
    expect(new Set((await repository.staged()).map((each) => each.split(': ')[1]))).toEqual(new Set(['all']));
    await unstage({ paths }, isTrusted);
    expect(repository.git('diff', '--cached', '--name-only')).toBe('');
    expect(readFileSync(join(repository.top, 'a.txt'), 'utf8')).toBe('other\n');
  });

  test('and the list says of each what is staged since the last commit, also without any', async () => {
    repository.commit({ 'a.txt': '1\n', 'b.txt': '1\n', 'c.txt': '1\n' });
    for (const name of ['a.txt', 'b.txt', 'c.txt']) repository.write(name, '2\n');
    await stage(named('a.txt', 'b.txt'));
    repository.write('b.txt', '3\n');
    expect(await repository.staged()).toEqual(['a.txt: all', 'b.txt: part', 'c.txt: none']);
    // The working tree has it as in the last commit, and yet it would be committed.
    repository.write('a.txt', '1\n');
    const list = await repository.changes.list(repository.chat, 'head');
    expect(list.onlyStaged).toEqual([{ path: 'a.txt' }]);
    await repository.turn();
    expect((await repository.changes.list(repository.chat, 'start')).onlyStaged).toBeUndefined();
    const empty = join(repository.root, 'empty');
    mkdirSync(empty);
    git(empty, 'init', '-q');
    writeFileSync(join(empty, 'x'), 'x\n');
    const chat = repository.newChat(empty);
    await repository.changes.stage(chat, named('x'), false);
    expect((await repository.changes.list(chat, 'head')).files.map(({ staged }) => staged)).toEqual(['all']);
    await repository.changes.unstage(chat, named('x'), false);
    expect(git(empty, 'status', '--porcelain')).toBe('?? x');
  });

  test.each([false, true])(
    'whatever their path is: none is a pattern or an option (trusted: %s)',
    async (isTrusted) => {
      const paths = ['*', '--all', ':', ':(glob)**', 'a\nb', '"q"', 'ä', ' '];
      for (const path of [...paths, 'other.txt']) repository.write(path, 'x\n');
      await stage(named(...paths), isTrusted);
      expect(await repository.staged()).toEqual(
        [...paths, 'other.txt']
          .toSorted((one, other) => Buffer.compare(Buffer.from(one), Buffer.from(other)))
          .map((path) => `${path}: ${path === 'other.txt' ? 'none' : 'all'}`),
      );
      await unstage(named('*'), isTrusted);
      expect((await repository.staged()).filter((each) => each.endsWith('none'))).toEqual([
        '*: none',
        'other.txt: none',
      ]);
      const bytes = Buffer.from([0x66, 0xff]);
      writeFileSync(Buffer.concat([Buffer.from(`${repository.top}/`), bytes]), 'x\n');
      await stage({ paths: [{ path: 'f\u{fffd}', pathBytes: bytes.toString('base64url') }] }, isTrusted);
      expect(await repository.staged()).toContain('f\u{fffd}: all');
    },
  );

  test.each(['../outside', '/etc/passwd', 'a/../../b', '.git/config', 'sub/.GIT/x', 'a//b', './a'])(
    'but %j is no path in the working tree',
    async (path) => {
      await expect((async () => stage(named(path)))()).rejects.toMatchObject({ code: 'invalid_request' });
    },
  );

  test('not beside a lock, which stays', async () => {
    repository.write('a.txt', 'x\n');
    const lock = join(repository.top, '.git/index.lock');
    writeFileSync(lock, '');
    for (const isTrusted of [false, true]) {
      expect(await repository.reasonOf(stage(named('a.txt'), isTrusted))).toBe('index_locked');
      expect(
        await repository.reasonOf(
          repository.changes.commit(repository.chat, { message: 'x', ...named('a.txt') }, isTrusted),
        ),
      ).toBe('index_locked');
    }
    expect(existsSync(lock)).toBe(true);
    rmSync(lock);
    await stage(named('a.txt'));
    expect(status()).toEqual(['A  a.txt']);
  });

  test('in a linked working tree and in a submodule, each in its own index', async () => {
    const linked = join(repository.root, 'linked');
    repository.git('worktree', 'add', '-q', linked);
    writeFileSync(join(linked, 'a'), 'x\n');
    await repository.changes.stage(repository.newChat(linked), named('a'), false);
    expect(git(linked, 'status', '--porcelain')).toBe('A  a');
    const other = join(repository.root, 'other');
    mkdirSync(other);
    initRepository(other);
    repository.git('-c', 'protocol.file.allow=always', 'submodule', '--quiet', 'add', other, 'sub');
    writeFileSync(join(repository.top, 'sub/x'), 'x\n');
    await repository.changes.stage(repository.newChat(join(repository.top, 'sub')), named('x'), false);
    expect(git(join(repository.top, 'sub'), 'status', '--porcelain')).toBe('A  x');
    expect(status()).not.toContain('A  a');
  });

  test('in a conflict, which that resolves', async () => {
    repository.commit({ 'a.txt': '1\n' });
    repository.git('checkout', '-q', '-b', 'other');
    repository.commit({ 'a.txt': '2\n' });
    repository.git('checkout', '-q', 'main');
    repository.commit({ 'a.txt': '3\n' });
    expect(() => repository.git('merge', 'other')).toThrow('Command failed');
    await unstage(named('a.txt'));
    expect(repository.git('ls-files', '-u')).toBe('');
    repository.write('a.txt', '23\n');
    await stage(named('a.txt'));
    expect(repository.git('show', ':a.txt')).toBe('23');
  });
});

describe('CHANGE-17: what a repository configures', () => {
  /** Says that it ran. */
  const filter = () => {
    const ran = join(repository.root, 'ran');
    repository.git('config', 'filter.big.clean', `touch '${ran}'; tr a-z A-Z`);
    repository.git('config', 'filter.big.smudge', `touch '${ran}'; tr A-Z a-z`);
    repository.git('config', 'filter.big.required', 'true');
    repository.git('config', 'core.fsmonitor', `touch '${ran}'; false`);
    writeFileSync(join(repository.top, '.gitattributes'), '*.big filter=big\n');
    return { ran: () => existsSync(ran), reset: () => rmSync(ran, { force: true }) };
  };

  test('runs where the directory is trusted, and nowhere else: such files are refused then', async () => {
    const { ran, reset } = filter();
    repository.commit({ 'old.big': 'old\n' });
    reset();
    repository.write('a.big', 'text\n');
    repository.write('a.txt', 'text\n');
    expect(await repository.reasonOf(stage(named('a.big', 'a.txt')))).toBe('untrusted');
    await stage(named('a.txt'));
    await unstage(named('a.txt'));
    expect(ran()).toBe(false);
    expect(status()).toEqual(['?? a.big', '?? a.txt']);
    await stage(named('a.big'), true);
    expect(ran()).toBe(true);
    expect(repository.git('show', ':a.big')).toBe('TEXT');
    expect(await repository.staged()).toEqual(['a.big: all', 'a.txt: none']);
  });

  test('does not make files count as changed that were written in the second of the index', async () => {
    filter();
    // One that is to come, because nobody can set the time of the last change of a file's times.
    const now = Math.floor(Date.now() / 1_000) + 60;
    repository.write('old.big', 'old\n');
    repository.write('other.big', 'old\n');
    repository.git('add', '-A');
    repository.git('commit', '-q', '-m', 'More');
    const index = join(repository.top, '.git/index');
    utimesSync(join(repository.top, 'other.big'), now, now + 0.1);
    utimesSync(join(repository.top, 'old.big'), now, now + 0.1);
    repository.git('update-index', '--refresh');
    utimesSync(index, now, now + 0.9);
    expect(await repository.staged()).toEqual([]);
    repository.write('other.big', 'new\n');
    utimesSync(join(repository.top, 'other.big'), now, now + 0.2);
    utimesSync(index, now, now + 0.9);
    expect(await repository.staged()).toEqual(['other.big: none']);
    // Nor does one count as unchanged whose times somebody has set back.
    utimesSync(join(repository.top, 'other.big'), now, now + 0.1);
    utimesSync(index, now, now + 0.9);
    expect(await repository.staged()).toEqual(['other.big: none']);
  });

  test('a split index is written by nothing but git as it is configured', async () => {
    repository.git('config', 'core.splitIndex', 'true');
    repository.commit({ 'a.txt': '1\n' });
    repository.git('update-index', '--split-index');
    repository.write('a.txt', '2\n');
    expect(await repository.reasonOf(stage(named('a.txt')))).toBe('untrusted');
    await stage(named('a.txt'), true);
    expect(await repository.staged()).toEqual(['a.txt: all']);
  });

  test('ends of lines are stored as it says', async () => {
    repository.git('config', 'core.autocrlf', 'true');
    writeFileSync(join(repository.top, '.git/info/attributes'), '*.raw -text\n');
    repository.write('a.txt', 'one\r\ntwo\r\n');
    repository.write('a.raw', 'one\r\ntwo\r\n');
    await stage(named('a.txt', 'a.raw'));
    expect(repository.git('cat-file', '-s', ':a.txt')).toBe('8');
    expect(repository.git('cat-file', '-s', ':a.raw')).toBe('10');
    expect(status()).toEqual(['A  a.raw', 'A  a.txt']);
  });
});
