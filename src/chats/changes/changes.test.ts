// What is told about changes in real working trees.
import { chmodSync, mkdirSync, readdirSync, rmSync, symlinkSync, writeFileSync } from 'node:fs';
import { dirname, join } from 'node:path';
import { afterEach, beforeEach, describe, expect, test } from 'vitest';
import { ChangingRepository } from '../../../test/support/changing-repository.ts';
import { git, initRepository } from '../../../test/support/git-repository.ts';

let repository: ChangingRepository;
beforeEach(() => {
  repository = new ChangingRepository();
});
afterEach(() => repository.close());

const lines = (count: number, word = 'line'): string =>
  Array.from({ length: count }, (_, at) => `${word} ${at}\n`).join('');

describe('CHANGE-6: changes cannot be told', () => {
  const reasonOf = (directory: string) =>
    repository.changes.list(repository.newChat(directory), 'head').then(
      () => null,
      (error: { code: string; details: { reason: string } }) => `${error.code}: ${error.details.reason}`,
    );

  test('without a repository, in a bare one, in a directory that is gone, and inside of git’s own', async () => {
    const plain = join(repository.root, 'plain');
    mkdirSync(plain);
    expect(await reasonOf(plain)).toBe('changes_unavailable: no_repository');
    const bare = join(repository.root, 'bare');
    git(repository.root, 'init', '-q', '--bare', bare);
    expect(await reasonOf(bare)).toBe('changes_unavailable: bare_repository');
    expect(await reasonOf(join(bare, 'refs'))).toBe('changes_unavailable: bare_repository');
    expect(await reasonOf(join(repository.root, 'gone'))).toBe('changes_unavailable: directory_missing');
    expect(await reasonOf(join(repository.top, '.git'))).toBe('changes_unavailable: no_working_tree');
    repository.git('config', 'core.worktree', dirname(repository.top));
    expect(await reasonOf(repository.top)).toBe('changes_unavailable: no_working_tree');
    const broken = join(repository.root, 'broken');
    mkdirSync(join(broken, '.git'), { recursive: true });
    expect(await reasonOf(broken)).toMatch(/^changes_unavailable: /);
    // A turn there starts all the same, and leaves nothing.
    for (const directory of [plain, bare, join(repository.root, 'gone')])
      await repository.turn(repository.newChat(directory));
    expect(readdirSync(repository.dataDir)).toEqual([]);
  });

  test('since a turn without a snapshot', async () => {
    await repository.turn();
    const since = 'turn:0b0c3b5e-3b7e-4a80-a0c5-8f2f3f9a6a01';
    await expect(repository.list(since)).rejects.toMatchObject({
      code: 'changes_unavailable',
      message: `No snapshot of ${repository.top} was taken at the start of that turn.`,
      details: { reason: 'no_snapshot' },
    });
  });

  test('until there is a repository', async () => {
    const plain = join(repository.root, 'plain');
    mkdirSync(plain);
    const chat = repository.newChat(plain);
    await repository.turn(chat);
    initRepository(plain);
    await repository.turn(chat);
    writeFileSync(join(plain, 'a'), '1\n');
    expect(await repository.list('start', chat)).toEqual(['added a +1 -0']);
  });
});

describe('CHANGE-7: the list', () => {
  test('has every kind of change, with counted lines', async () => {
    const sub = join(repository.top, 'sub');
    mkdirSync(sub);
    initRepository(sub);
    repository.commit({
      'text.txt': lines(10),
      'moved.txt': lines(20, 'moved'),
      'gone.txt': lines(3),
      'kind.txt': 'x\n',
      'mode.sh': 'x\n',
      'data.bin': Buffer.from([0, 1]),
      'dir/file': 'x\n',
      '.gitignore': 'ignored\n',
    });
    await repository.turn();
    repository.write('text.txt', `${lines(9)}other\nmore\n`);
    repository.git('mv', 'moved.txt', 'there.txt');
    repository.write('there.txt', `${lines(20, 'moved')}end\n`);
    rmSync(join(repository.top, 'gone.txt'));
    rmSync(join(repository.top, 'kind.txt'));
    symlinkSync('text.txt', join(repository.top, 'kind.txt'));
    chmodSync(join(repository.top, 'mode.sh'), 0o755);
    repository.write('data.bin', Buffer.from([0, 2]));
    rmSync(join(repository.top, 'dir'), { recursive: true });
    symlinkSync('/tmp', join(repository.top, 'dir'));
    repository.write('ignored', 'x\n');
    repository.write('new.txt', 'without an end of line');
    git(sub, 'commit', '-q', '--allow-empty', '-m', 'Second');
    expect(await repository.list()).toEqual([
      'modified data.bin binary',
      'added dir +1 -0',
      'deleted dir/file +0 -1',
      'deleted gone.txt +0 -3',
      'type_changed kind.txt +1 -1',
      'modified mode.sh +0 -0',
      'added new.txt +1 -0',
      'modified sub submodule',
      'modified text.txt +2 -1',
      'renamed moved.txt -> there.txt +1 -0',
    ]);
    expect(await repository.list('head')).toEqual(await repository.list());
    // What was committed meanwhile has changed as well.
    repository.git('add', '-A');
    repository.git('commit', '-q', '-m', 'Second');
    expect(await repository.list()).toHaveLength(10);
    expect(await repository.list('head')).toEqual([]);
  });

  test('says what it was compared with', async () => {
    const turnId = await repository.turn();
    const { root, base, count, isTruncated } = await repository.changes.list(repository.chat, 'start');
    expect({ root, count, isTruncated }).toEqual({ root: repository.top, count: 0, isTruncated: false });
    expect(base).toEqual({
      commit: repository.git('rev-parse', 'HEAD'),
      turnId,
      takenAt: expect.stringMatching(/^\d{4}-/) as string,
    });
  });

  test('ends after three thousand files, and then counts no lines', async () => {
    await repository.turn();
    for (let at = 0; at < 3_001; at += 1) repository.write(`f${at}`, 'x\n');
    const { files, count, isTruncated } = await repository.changes.list(repository.chat, 'start');
    expect({ length: files.length, count, isTruncated }).toEqual({ length: 3_000, count: 3_001, isTruncated: true });
    expect(files[0]).toMatchObject({ status: 'added', added: null, removed: null, isBinary: false });
  });

  test('counts what is only another end of line where the repository does', async () => {
    repository.git('config', 'core.autocrlf', 'true');
    repository.commit({ 'a.txt': 'one\r\ntwo\r\n' });
    await repository.turn();
    repository.write('a.txt', 'one\ntwo\n');
    expect(await repository.list()).toEqual([]);
    repository.git('config', 'core.autocrlf', 'false');
    repository.write('b.txt', 'one\r\n');
    repository.write('a.txt', 'one\r\ntwo\r\n');
    expect(await repository.list()).toEqual(['modified a.txt +2 -2', 'added b.txt +1 -0']);
    expect(await repository.diff('a.txt')).toContain('-one\n-two\n+one\r\n+two\r\n');
  });
});

describe('CHANGE-8: a path', () => {
  const odd = ['-rf', ':(top)x', 'a b\nc\td', '"quoted"', '*', 'back\\slash', '\u202egnp.ü'];

  test('may be anything', async () => {
    await repository.turn();
    for (const path of odd) repository.write(path, `${path.length}\n`);
    const { files, tree } = await repository.changes.list(repository.chat, 'start');
    expect(files.map(({ path }) => path).toSorted()).toEqual(odd.toSorted());
    for (const path of odd) {
      const found = await repository.changes.diff(repository.chat, { since: 'start', path, tree });
      expect(found.file).toMatchObject({ path, status: 'added', added: 1 });
      expect(found.diff).toContain(`+${path.length}\n`);
      expect(found.diff.match(/^diff --git/gm)).toHaveLength(1);
    }
  });

  test('that is not UTF-8 is given in bytes, too', async () => {
    await repository.turn();
    const bytes = Buffer.from([0x61, 0xff, 0x62]);
    writeFileSync(Buffer.concat([Buffer.from(`${repository.top}/`), bytes]), 'x\n');
    const { files } = await repository.changes.list(repository.chat, 'start');
    const pathBytes = bytes.toString('base64url');
    expect(files).toMatchObject([{ path: 'a\ufffdb', pathBytes, status: 'added' }]);
    const found = await repository.changes.diff(repository.chat, { since: 'start', pathBytes });
    expect(found.file).toMatchObject({ pathBytes, added: 1 });
    expect(found.isLossy).toBe(true);
  });
});

describe('CHANGE-9: the diff of one file', () => {
  test('shows renames, binary files, submodules and files that are new, and has nothing of others', async () => {
    const sub = join(repository.top, 'sub');
    mkdirSync(sub);
    initRepository(sub);
    repository.commit({ 'moved.txt': lines(20), 'data.bin': Buffer.from([0, 1]), path: 'x\n' });
    await repository.turn();
    repository.git('mv', 'moved.txt', 'there.txt');
    repository.write('there.txt', `${lines(20)}end\n`);
    repository.write('data.bin', Buffer.from([0, 2]));
    rmSync(join(repository.top, 'path'));
    repository.write('path/below', 'y\n');
    git(sub, 'commit', '-q', '--allow-empty', '-m', 'Second');
    const renamed = await repository.diff('there.txt');
    expect(renamed).toMatch(
      /^diff --git a\/moved.txt b\/there.txt\nsimilarity index \d+%\nrename from moved.txt\nrename to there.txt\n/,
    );
    expect(renamed).toContain('\n+end\n');
    expect(await repository.diff('data.bin')).toContain('Binary files a/data.bin and b/data.bin differ');
    expect(await repository.diff('sub')).toMatch(/-Subproject commit \w{40}\n\+Subproject commit \w{40}\n/);
    expect((await repository.diff('path')).match(/^diff --git.*$/gm)).toEqual(['diff --git a/path b/path']);
    expect(await repository.diff('path/below')).toContain('new file mode 100644');
    const none = await repository.changes.diff(repository.chat, { since: 'start', path: 'none' });
    expect(none).toMatchObject({ file: null, diff: '', isTruncated: false, isLossy: false });
    const all = await repository.changes.diff(repository.chat, { since: 'start' });
    expect(all.diff.match(/^diff --git/gm)).toHaveLength(5);
  });

  test('is bounded: cut after a whole line, and not made of files over ten megabytes', async () => {
    repository.write('large', 'x\n'.repeat(1_000_000));
    await repository.turn();
    rmSync(join(repository.top, 'large'));
    repository.write('huge', 'x\n'.repeat(6_000_000));
    const cut = await repository.changes.diff(repository.chat, { since: 'start', path: 'large' });
    expect(cut).toMatchObject({ isTruncated: true, file: { status: 'deleted', removed: 1_000_000 } });
    expect(cut.diff.length).toBeLessThanOrEqual(1024 * 1024);
    expect(cut.diff.endsWith('\n-x\n')).toBe(true);
    const huge = await repository.changes.diff(repository.chat, { since: 'start', path: 'huge' });
    expect(huge).toMatchObject({ isTruncated: false, file: { added: null, isBinary: true } });
    expect(huge.diff).toContain('Binary files /dev/null and b/huge differ');
  });

  test('is of what the list has shown, as long as that is known', async () => {
    await repository.turn();
    repository.write('a', '1\n');
    const { tree } = await repository.changes.list(repository.chat, 'start');
    repository.write('a', '2\n');
    const ask = (of: string) => repository.changes.diff(repository.chat, { since: 'start', path: 'a', tree: of });
    expect((await ask(tree)).diff).toContain('+1\n');
    expect((await ask('0'.repeat(40))).diff).toContain('+2\n');
    await repository.turn();
    expect((await ask(tree)).diff).toContain('+2\n');
  });

  test('contains what is not UTF-8 in another form, and says so', async () => {
    await repository.turn();
    repository.write('latin', Buffer.from([0x61, 0xe4, 0x0a]));
    const { diff, isLossy } = await repository.changes.diff(repository.chat, { since: 'start', path: 'latin' });
    expect(diff).toContain('+a\ufffd\n');
    expect(isLossy).toBe(true);
  });
});

describe('CHANGE-11: to list and compare', () => {
  test('writes nothing into the repository, and what it writes elsewhere does not grow forever', async () => {
    repository.write('a', '1\n');
    await repository.turn();
    await repository.list();
    const objects = () => repository.git('count-objects', '-v');
    const before = { state: repository.state(), objects: objects(), refs: repository.git('for-each-ref') };
    for (let round = 0; round < 3; round += 1) {
      repository.write('a', `${round} other\n`);
      repository.write(`new${round}`, `${round}\n`);
      await repository.list();
      await repository.diff('a');
    }
    expect({ state: repository.state(), objects: objects(), refs: repository.git('for-each-ref') }).toEqual(before);
    // The next turn's snapshot takes the place of what was read before.
    await repository.turn();
    expect(await repository.list()).toHaveLength(4);
  });
});

describe('CHANGE-12: two chats in one directory', () => {
  test('have their own snapshots, also at the same time', async () => {
    const other = repository.newChat();
    await repository.turn();
    repository.write('a', '1\n');
    await Promise.all([repository.turn(other), repository.turn()]);
    repository.write('b', '1\n');
    const [one, two] = await Promise.all([repository.list('start'), repository.list('start', other)]);
    expect(one).toEqual(['added a +1 -0', 'added b +1 -0']);
    expect(two).toEqual(['added b +1 -0']);
  });
});

describe('CHANGE-24: what the repository ignores', () => {
  test('is listed on request, directories as one, and shown as if it were new', async () => {
    repository.commit({ '.gitignore': '*.log\nnode_modules\n', 'a.txt': '1\n' });
    repository.write('x.log', 'one\ntwo\n');
    repository.write('node_modules/a/index.js', 'a\n');
    repository.write('node_modules/b/index.js', 'b\n');
    repository.write('big.log', Buffer.alloc(11 * 1024 * 1024, 'x'));
    const list = await repository.changes.list(repository.chat, 'head', { ignored: true });
    expect(list.files).toEqual([]);
    const paths = ['big.log', 'node_modules/', 'x.log'];
    expect(list.ignored).toEqual({ files: paths.map((path) => ({ path })), isTruncated: false });
    expect((await repository.changes.list(repository.chat, 'head')).ignored).toBeUndefined();
    const diff = (path: string, ignored = true) =>
      repository.changes.diff(repository.chat, { since: 'head', path, ignored });
    expect((await diff('x.log')).diff).toContain('+one\n+two\n');
    expect(await diff('node_modules/a/index.js')).toMatchObject({ file: { status: 'added', added: 1 } });
    expect(await diff('big.log')).toMatchObject({ file: { isBinary: true }, diff: '', isTruncated: true });
    for (const found of [await diff('x.log', false), await diff('a.txt'), await diff('none.log')])
      expect(found).toMatchObject({ file: null, diff: '' });
    // It is no part of what is compared from then on.
    expect((await repository.changes.list(repository.chat, 'head')).files).toEqual([]);
  });
});
