// Rewinds of real working trees.
import {
  chmodSync,
  existsSync,
  lstatSync,
  mkdirSync,
  readdirSync,
  readFileSync,
  readlinkSync,
  renameSync,
  rmSync,
  statSync,
  symlinkSync,
  truncateSync,
  writeFileSync,
} from 'node:fs';
import { execFileSync } from 'node:child_process';
import { randomUUID } from 'node:crypto';
import { join } from 'node:path';
import { afterEach, beforeEach, describe, expect, test } from 'vitest';
import { ChangingRepository } from '../../../test/support/changing-repository.ts';
import { git, initRepository } from '../../../test/support/git-repository.ts';
import type { FilesPlan, RewindTarget } from './rewind-files.ts';

let repository: ChangingRepository;
beforeEach(() => {
  repository = new ChangingRepository();
});
afterEach(() => repository.close());

interface Options {
  tree?: string;
  begin?: (plan: FilesPlan) => void;
  rewindId?: string;
}

const rewind = (target: RewindTarget, { tree, begin = () => {}, rewindId = randomUUID() }: Options = {}) =>
  repository.changes.rewindFiles(repository.chat, {
    target,
    rewindId,
    tree,
    begin: (plan) => Promise.resolve(begin(plan)),
  });
const plan = (target: RewindTarget) => repository.changes.describeRewind(repository.chat, target);
const turn = async (): Promise<{ turnId: string }> => {
  const turnId = await repository.turn();
  // It has read the files, and is written by the time that anybody may look.
  await repository.list('head');
  return { turnId };
};
const at = (path: string): string => join(repository.top, path);
const read = (path: string): string => readFileSync(at(path), 'utf8');

/** Everything in the working tree, with types, modes and contents. */
function everything(): Record<string, string> {
  const found: Record<string, string> = {};
  const walk = (directory: Buffer): void => {
    for (const name of readdirSync(directory, 'buffer')) {
      if (name.toString() === '.git') continue;
      const path = Buffer.concat([directory, Buffer.from('/'), name]);
      const stat = lstatSync(path);
      const link = stat.isSymbolicLink();
      if (stat.isDirectory()) walk(path);
      else
        found[path.toString('latin1')] = link
          ? `-> ${readlinkSync(path)}`
          : `${(stat.mode & 0o777).toString(8)} ${readFileSync(path).toString('base64')}`;
    }
  };
  walk(Buffer.from(repository.top));
  return found;
}

describe('REWIND-1: files go back to the start of a turn', () => {
  test('whatever has changed, and nothing else of the person’s changes', async () => {
    repository.commit({
      'text.txt': 'one\n',
      'gone.txt': 'gone\n',
      'moved.txt': 'a long line that moves\n'.repeat(5),
      'mode.sh': 'x\n',
      'data.bin': Buffer.from([0, 1, 2]),
      'kind.txt': 'x\n',
      'dir/deep/file': 'x\n',
      '.gitignore': 'ignored\n',
    });
    repository.write('new/untracked.txt', 'mine\n');
    repository.write('staged.txt', 'staged\n');
    repository.git('add', 'staged.txt');
    symlinkSync('text.txt', at('link'));
    const odd = Buffer.concat([Buffer.from(`${repository.top}/`), Buffer.from([0x61, 0xff, 0x0a, 0x62])]);
    writeFileSync(odd, 'odd\n');
    repository.write('-dash "quote"\n:(glob)*', 'odd\n');
    chmodSync(at('text.txt'), 0o600);
    const before = everything();
    const state = repository.state();
    const target = await turn();

    repository.write('text.txt', 'two\nthree\n');
    rmSync(at('gone.txt'));
    repository.write('there/moved.txt', read('moved.txt'));
    rmSync(at('moved.txt'));
    chmodSync(at('mode.sh'), 0o755);
    repository.write('data.bin', Buffer.from([0, 3]));
    rmSync(at('kind.txt'));
    symlinkSync('/etc/passwd', at('kind.txt'));
    rmSync(at('dir'), { recursive: true });
    repository.write('dir', 'a file\n');
    rmSync(at('link'));
    repository.write('link/file', 'a directory\n');
    rmSync(at('new'), { recursive: true });
    rmSync(odd);
    rmSync(at('-dash "quote"\n:(glob)*'));
    repository.write('staged.txt', 'more\n');
    repository.write('added/a/b/c.txt', 'new\n');
    repository.write('ignored', 'stays\n');

    const told = await plan(target);
    expect(told).toMatchObject({ root: repository.top, commits: 0, kept: [], keptCount: 0 });
    const words = told.files.map(({ status, path, added, removed }) => `${status} ${path} +${added} -${removed}`);
    expect(words).toContain('modified text.txt +1 -2');
    expect(words).toContain('added gone.txt +1 -0');
    expect(words).toContain('deleted added/a/b/c.txt +0 -1');
    const done = await rewind(target, { tree: told.tree });
    expect(done).toMatchObject({ keptCount: 0, count: told.count, files: told.files });
    expect(everything()).toEqual({ ...before, [at('ignored')]: expect.anything() });
    // Nor is there a directory that was not there before, or something of ours.
    expect(existsSync(at('added'))).toBe(false);
    expect(existsSync(at('there'))).toBe(false);
    expect(repository.state()).toBe(state);
    expect(await repository.list(`turn:${target.turnId}`)).toEqual([]);
    expect((await plan(target)).count).toBe(0);
    expect(await rewind(target)).toMatchObject({ changed: 0, count: 0 });
  });

  test('also without any commit, and into a subdirectory that the agent works in', async () => {
    const empty = new ChangingRepository({ isEmpty: true });
    try {
      const directory = join(empty.top, 'work');
      mkdirSync(directory);
      const chat = { ...empty.chat, directory };
      const turnId = await empty.turn(chat);
      empty.write('work/deep/file', 'x\n');
      empty.write('outside', 'x\n');
      const rewinding = { target: { turnId }, rewindId: randomUUID(), tree: undefined, begin: async () => {} };
      expect(await empty.changes.rewindFiles(chat, rewinding)).toMatchObject({ changed: 2 });
      expect(readdirSync(directory)).toEqual([]);
      expect(existsSync(join(empty.top, 'outside'))).toBe(false);
    } finally {
      await empty.close();
    }
  });

  test('keeps line ends as git would check them out', async () => {
    repository.commit({ '.gitattributes': '*.txt text eol=crlf\n', 'a.txt': 'one\r\n' });
    const target = await turn();
    repository.write('a.txt', 'two\r\n');
    repository.write('.gitattributes', '');
    await rewind(target);
    expect(read('a.txt')).toBe('one\r\n');
    expect(read('.gitattributes')).toBe('*.txt text eol=crlf\n');
  });
});

test('REWIND-2: commits made since stay, and so do HEAD, branches, index and stash', async () => {
  repository.commit({ 'a.txt': 'one\n' });
  const target = await turn();
  repository.commit({ 'a.txt': 'two\n' });
  repository.commit({ 'b.txt': 'new\n' });
  repository.write('stashed.txt', 'x\n');
  repository.git('stash', 'push', '-u', '-q');
  repository.write('a.txt', 'three\n');
  const state = repository.state();
  expect(await plan(target)).toMatchObject({ commits: 2, count: 2 });
  await rewind(target);
  expect([read('a.txt'), existsSync(at('b.txt'))]).toEqual(['one\n', false]);
  expect(repository.state()).toBe(state);
  expect(repository.git('status', '--porcelain').split('\n').toSorted()).toEqual([' D b.txt', 'M a.txt']);
  repository.git('checkout', '-q', '-f', '--orphan', 'other');
  repository.commit({ 'c.txt': 'x\n' });
  expect(await plan(target)).toMatchObject({ commits: null });
});

test('REWIND-3: a rewind can be undone, and that as well', async () => {
  repository.commit({ 'a.txt': 'one\n' });
  const target = await turn();
  repository.write('a.txt', 'two\n');
  repository.write('b.txt', 'new\n');
  const changed = everything();
  const rewindId = randomUUID();
  await rewind(target, { rewindId });
  const rewound = everything();
  expect(rewound).not.toEqual(changed);
  expect(repository.snapshots()).toContain(`rewind/${rewindId}`);
  const undoId = randomUUID();
  await rewind({ rewindId }, { rewindId: undoId });
  expect(everything()).toEqual(changed);
  await rewind({ rewindId: undoId });
  expect(everything()).toEqual(rewound);
  await expect(plan({ rewindId: randomUUID() })).rejects.toMatchObject({
    code: 'changes_unavailable',
    details: { reason: 'no_snapshot' },
  });
  await repository.changes.erase(repository.chat.id);
  expect(repository.snapshots()).toEqual([]);
});

describe('REWIND-4: what is not recorded stays, and the answer says which files', () => {
  const keptOf = async (target: RewindTarget) => {
    const { kept } = await plan(target);
    const done = await rewind(target);
    expect(done.kept).toEqual(kept);
    return kept.map(({ path, reason }) => `${reason} ${path}`);
  };

  test('files that are too large now or were then, or cannot be read', async () => {
    const small = new ChangingRepository({ limits: { maxFileBytes: 10 } });
    try {
      small.commit({ 'grown.txt': 'small\n' });
      small.write('large.txt', 'as large as it gets\n');
      const target = { turnId: await small.turn() };
      await small.changes.list(small.chat, 'head');
      small.write('grown.txt', 'much larger than before\n');
      small.write('large.txt', 'tiny\n');
      const { kept } = await small.changes.describeRewind(small.chat, target);
      expect(kept).toEqual([
        { path: 'grown.txt', reason: 'too_large' },
        { path: 'large.txt', reason: 'too_large' },
      ]);
      const rewinding = { target, rewindId: randomUUID(), tree: undefined, begin: async () => {} };
      expect(await small.changes.rewindFiles(small.chat, rewinding)).toMatchObject({ changed: 0 });
      expect(readFileSync(join(small.top, 'large.txt'), 'utf8')).toBe('tiny\n');
      expect(readFileSync(join(small.top, 'grown.txt'), 'utf8')).toBe('much larger than before\n');
    } finally {
      await small.close();
    }
  });

  test('submodules and repositories inside', async () => {
    const sub = at('sub');
    mkdirSync(sub);
    initRepository(sub);
    repository.commit({ 'a.txt': 'one\n' });
    const target = await turn();
    writeFileSync(join(sub, 'file'), 'x\n');
    git(sub, 'add', '-A');
    git(sub, 'commit', '-q', '-m', 'Second');
    repository.write('a.txt', 'two\n');
    expect(await keptOf(target)).toEqual(['submodule sub']);
    expect([read('a.txt'), read('sub/file')]).toEqual(['one\n', 'x\n']);
  });

  test('files that a filter makes', async () => {
    repository.git('config', 'filter.lfs.clean', 'sed s/./c/g');
    repository.git('config', 'filter.lfs.smudge', 'touch ran; cat');
    repository.commit({ '.gitattributes': '*.big filter=lfs\n', 'a.big': 'real\n', 'a.txt': 'one\n' });
    const target = await turn();
    repository.write('a.big', 'other\n');
    repository.write('a.txt', 'two\n');
    expect(await keptOf(target)).toEqual(['filtered a.big']);
    expect([read('a.big'), read('a.txt'), existsSync(at('ran'))]).toEqual(['other\n', 'one\n', false]);
    // Nor if they are none any more.
    repository.write('.gitattributes', '');
    expect(await keptOf(target)).toEqual(['filtered a.big']);
  });

  test('files that were ignored then, or are now', async () => {
    repository.commit({ '.gitignore': '.env\nbuild/\n' });
    repository.write('.env', 'secret\n');
    repository.write('build/out', 'x\n');
    repository.write('later', 'then\n');
    const target = await turn();
    repository.write('.gitignore', 'later\n');
    repository.write('later', 'now\n');
    expect(await keptOf(target)).toEqual(['ignored .env', 'ignored build/out']);
    expect([read('.env'), read('build/out'), read('later')]).toEqual(['secret\n', 'x\n', 'then\n']);

    // Another host knows nothing of a file that is ignored by now.
    const other = await turn();
    rmSync(join(repository.dataDir, 'changes'), { recursive: true });
    repository.write('.gitignore', 'later\n');
    repository.write('later', 'unknown\n');
    expect(await keptOf(other)).toContain('ignored later');
    expect(read('later')).toBe('unknown\n');
  });

  test('files that were there before, where nothing recorded what ignored them', async () => {
    repository.write('venv/.gitignore', '*\n');
    repository.write('venv/lib.py', 'installed\n');
    repository.write('notes.txt', 'mine\n');
    repository.write('.git/info/exclude', 'notes.txt\n');
    repository.write('a.txt', 'one\n');
    const target = await turn();
    rmSync(at('venv/.gitignore'));
    repository.write('.git/info/exclude', '');
    renameSync(at('a.txt'), at('moved.txt'));
    repository.write('new.txt', 'new\n');
    expect(await keptOf(target)).toEqual(['older notes.txt', 'older venv/lib.py']);
    expect([read('venv/lib.py'), read('notes.txt'), read('a.txt')]).toEqual(['installed\n', 'mine\n', 'one\n']);
    expect([existsSync(at('moved.txt')), existsSync(at('new.txt'))]).toEqual([false, false]);
  });

  test('files outside of a sparse checkout', async () => {
    repository.commit({ 'in/a.txt': 'one\n', 'out/b.txt': 'one\n' });
    repository.git('sparse-checkout', 'set', 'in');
    const target = await turn();
    repository.git('update-index', '--no-skip-worktree', 'out/b.txt');
    repository.git('sparse-checkout', 'disable');
    repository.commit({ 'out/b.txt': 'two\n', 'in/a.txt': 'two\n' });
    repository.git('sparse-checkout', 'set', 'in');
    // The index of snapshots begins again.
    rmSync(join(repository.dataDir, 'changes'), { recursive: true });
    expect(await keptOf(target)).toEqual(['outside out/b.txt']);
    expect([read('in/a.txt'), existsSync(at('out'))]).toEqual(['one\n', false]);
  });

  test('what an ignored file is in the way of', async () => {
    repository.commit({ '.gitignore': '*.log\n', 'dir/a.txt': 'one\n', name: 'a file\n' });
    const target = await turn();
    rmSync(at('name'));
    repository.write('name/debug.log', 'x\n');
    repository.write('dir/a.txt', 'two\n');
    const done = await rewind(target);
    expect(done.kept).toEqual([{ path: 'name', reason: 'in_the_way' }]);
    expect([read('name/debug.log'), read('dir/a.txt')]).toEqual(['x\n', 'one\n']);
  });
});

describe('REWIND-5: nothing is lost that has been written meanwhile', () => {
  test('if files are not as they were shown, nothing is rewound', async () => {
    repository.commit({ 'a.txt': 'one\n' });
    const target = await turn();
    repository.write('a.txt', 'two\n');
    const { tree } = await plan(target);
    repository.write('b.txt', 'new\n');
    await expect(rewind(target, { tree })).rejects.toMatchObject({ code: 'files_changed' });
    expect(read('a.txt')).toBe('two\n');
    expect(repository.snapshots().filter((name) => name.startsWith('rewind/'))).toEqual([]);
  });

  test('a file that is written after its state was recorded stays, and the answer says so', async () => {
    repository.commit({ 'a.txt': 'one\n', 'b.txt': 'one\n', 'c.txt': 'one\n' });
    const target = await turn();
    for (const path of ['a.txt', 'b.txt', 'd.txt', 'e.txt']) repository.write(path, 'two\n');
    rmSync(at('c.txt'));
    const begin = (): void => {
      repository.write('a.txt', 'three\n');
      repository.write('c.txt', 'somebody’s\n');
      repository.write('d.txt', 'more\n');
    };
    const done = await rewind(target, { begin });
    expect(done.kept.map(({ path, reason }) => `${reason} ${path}`)).toEqual([
      'changed d.txt',
      'changed a.txt',
      'changed c.txt',
    ]);
    expect(['a.txt', 'b.txt', 'c.txt', 'd.txt'].map(read)).toEqual(['three\n', 'one\n', 'somebody’s\n', 'more\n']);
    expect(existsSync(at('e.txt'))).toBe(false);
  });
});

describe('REWIND-6: no link leads out of the working tree', () => {
  test.each(['before', 'meanwhile'])('that took the place of a directory %s', async (when) => {
    const outside = join(repository.root, 'outside');
    mkdirSync(outside);
    writeFileSync(join(outside, 'a.txt'), 'theirs\n');
    writeFileSync(join(outside, 'new.txt'), 'theirs\n');
    repository.commit({ 'dir/a.txt': 'one\n' });
    const target = await turn();
    repository.write('dir/new.txt', 'x\n');
    repository.write('dir/a.txt', 'two\n');
    const swap = (): void => {
      rmSync(at('dir'), { recursive: true });
      symlinkSync(outside, at('dir'));
    };
    if (when === 'before') swap();
    const { kept } = await rewind(target, when === 'before' ? {} : { begin: swap });
    expect(readdirSync(outside).toSorted()).toEqual(['a.txt', 'new.txt']);
    expect(readFileSync(join(outside, 'a.txt'), 'utf8')).toBe('theirs\n');
    expect(kept).toEqual(when === 'before' ? [] : [{ path: 'dir/a.txt', reason: 'in_the_way' }]);
    expect(read('dir/a.txt')).toBe(when === 'before' ? 'one\n' : 'theirs\n');
  });

  test('nor does a snapshot that somebody made up', async () => {
    const { turnId } = await turn();
    const name = `refs/boocode/${repository.chat.id}/${turnId}`;
    repository.write('a.txt', 'not a configuration');
    const blob = repository.git('hash-object', '-w', 'a.txt');
    const mktree = (line: string): string =>
      execFileSync('git', ['mktree'], { cwd: repository.top, input: `${line}\n`, encoding: 'utf8' }).trim();
    for (const path of ['.git', '..', '.GIT']) {
      const tree = mktree(`040000 tree ${mktree(`100644 blob ${blob}\tconfig`)}\t${path}`);
      repository.git('update-ref', name, repository.git('commit-tree', tree, '-m', 'x\n\nx\n\n{}'));
      await rewind({ turnId }).catch(() => undefined);
      expect(readFileSync(at('.git/config'), 'utf8')).toContain('[core]');
      expect(existsSync(join(repository.root, 'config'))).toBe(false);
    }
  });
});

test('REWIND-7: a rewind that was cut short can be done again, or undone', async () => {
  const files = Object.fromEntries(Array.from({ length: 20 }, (_, n) => [`file-${n}.txt`, `one ${n}\n`]));
  repository.commit(files);
  const before = everything();
  const target = await turn();
  for (const path of Object.keys(files)) repository.write(path, 'two\n');
  const after = everything();
  const rewindId = randomUUID();
  // As if it had died in the middle: some files are back, one is moved aside, and what was made ready is left.
  await expect(
    rewind(target, {
      rewindId,
      begin: () => {
        throw new Error('cut short');
      },
    }),
  ).rejects.toThrow('cut short');
  repository.write('file-1.txt', 'one 1\n');
  rmSync(at('file-2.txt'));
  const stage = at(`.git/boocode-rewind-${repository.chat.id}`);
  mkdirSync(join(stage, 'old'), { recursive: true });
  writeFileSync(join(stage, 'old/1'), 'two\n');
  await rewind({ rewindId });
  expect(everything()).toEqual(after);
  expect(existsSync(stage)).toBe(false);
  repository.write('file-1.txt', 'one 1\n');
  rmSync(at('file-2.txt'));
  await rewind(target);
  expect(everything()).toEqual(before);
});

test('REWIND-8: files are those of the working tree in which the turn began', async () => {
  repository.commit({ 'a.txt': 'one\n' });
  const { turnId } = await turn();
  const worktree = join(repository.root, 'linked');
  repository.git('worktree', 'add', '-q', worktree);
  writeFileSync(join(worktree, 'a.txt'), 'theirs\n');
  repository.write('a.txt', 'two\n');
  const chat = { ...repository.chat, worktree };
  expect(await repository.changes.describeRewind(chat, { turnId })).toMatchObject({ root: repository.top, count: 1 });
  const rewinding = { target: { turnId }, rewindId: randomUUID(), tree: undefined, begin: async () => {} };
  await repository.changes.rewindFiles(chat, rewinding);
  expect([read('a.txt'), readFileSync(join(worktree, 'a.txt'), 'utf8')]).toEqual(['one\n', 'theirs\n']);
});

test('a large file is not read into memory', async () => {
  repository.write('large', '');
  truncateSync(at('large'), 40 * 1024 * 1024);
  const target = await turn();
  rmSync(at('large'));
  await rewind(target);
  expect(statSync(at('large')).size).toBe(40 * 1024 * 1024);
});
