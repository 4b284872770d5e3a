// Chats get worktrees of their own, made by real git.
import { existsSync, mkdirSync, readFileSync, rmSync, symlinkSync, writeFileSync } from 'node:fs';
import { join } from 'node:path';
import { afterAll, afterEach, beforeAll, beforeEach, describe, expect, test } from 'vitest';
import { git, initRepository } from '../../../test/support/git-repository.ts';
import { commit, IsolatedChats, refusal, write } from '../../../test/support/isolated-chats.ts';
import { until } from '../../../test/support/until.ts';
import type { Chat } from '../../protocol/chat.ts';
import { trustDirectory } from '../directory-trust.ts';

const own = new IsolatedChats();
beforeAll(() => own.open());
afterAll(() => own.close());
beforeEach(() => own.newRepository());
afterEach(() => own.assertTidy());

const path = (chat: Chat): string => chat.worktree!.path;

describe('BRANCH-1: a chat with a worktree', () => {
  test('has its own branch and working tree beside the repository, and shows them', async () => {
    const first = commit(own.top, { 'a.txt': 'a\n', 'sub/b.txt': 'b\n' });
    const chat = await own.create({ name: 'login' });
    expect(chat.worktree).toEqual({
      path: `${own.top}.worktrees/login`,
      branch: 'boocode/login',
      base: 'main',
      baseCommit: first,
      repository: own.top,
    });
    expect(chat.cwd).toBe(path(chat));
    expect(chat.workspace?.branch).toBe('boocode/login');
    expect(git(path(chat), 'status', '--porcelain')).toBe('');
    expect(git(path(chat), 'symbolic-ref', 'HEAD')).toBe('refs/heads/boocode/login');
    expect(readFileSync(join(path(chat), 'sub/b.txt'), 'utf8')).toBe('b\n');
    expect(git(own.top, 'status', '--porcelain')).toBe('');
    expect(await own.here.chats.getChat(chat.id)).toMatchObject({ worktree: chat.worktree });
    expect((await own.here.events(chat.id, 'notice'))[0]).toMatchObject({ code: 'worktree_made' });
  });

  test('works in the same directory below the top, from any base, under a name of its own', async () => {
    const first = commit(own.top, { 'packages/one/a.txt': '1\n' });
    git(own.top, 'tag', 'v1');
    commit(own.top, { 'packages/one/a.txt': '2\n' });
    const [one, other] = await Promise.all([
      own.create({ base: 'v1' }, { cwd: join(own.top, 'packages/one') }),
      own.create({ base: 'main' }),
    ]);
    expect(one.cwd).toBe(join(path(one), 'packages/one'));
    expect(readFileSync(join(one.cwd, 'a.txt'), 'utf8')).toBe('1\n');
    expect(one.worktree).toMatchObject({ base: null, baseCommit: first });
    expect(other.worktree).toMatchObject({ base: 'main' });
    expect(one.worktree!.branch).not.toBe(other.worktree!.branch);
  });

  test('of a repository inside another one is outside of both', async () => {
    const inner = join(own.top, 'inner');
    mkdirSync(inner);
    initRepository(inner);
    const chat = await own.create({ name: 'x' }, { cwd: inner });
    expect(path(chat)).toBe(join(own.root, `${own.top.split('/').at(-1)}-inner.worktrees/x`));
    git(own.top, 'config', 'boocode.worktrees', join(own.root, 'elsewhere'));
    const other = await own.create({ name: 'y' }, { trusted: true });
    expect(path(other)).toBe(join(own.root, 'elsewhere', own.top.split('/').at(-1)!, 'y'));
    // An untrusted repository does not say where files are written.
    expect(path(await own.create({ name: 'z' }))).toBe(`${own.top}.worktrees/z`);
  });

  test('of a submodule, in the middle of a rebase and beside a lock that was left behind', async () => {
    const library = join(own.root, `library-${own.number}`);
    mkdirSync(library);
    initRepository(library);
    commit(library, { 'lib.txt': '1\n' });
    git(own.top, '-c', 'protocol.file.allow=always', 'submodule', '--quiet', 'add', library, 'lib');
    git(own.top, 'commit', '-q', '-m', 'A submodule');
    const inSub = await own.create({ name: 'sub' }, { cwd: join(own.top, 'lib') });
    expect(readFileSync(join(path(inSub), 'lib.txt'), 'utf8')).toBe('1\n');
    expect(git(path(inSub), 'status', '--porcelain')).toBe('');
    expect(await own.remove(inSub)).toMatchObject({ isBranchKept: false });

    commit(own.top, { 'a.txt': '1\n' });
    git(own.top, 'checkout', '-q', '-b', 'side', 'HEAD~1');
    commit(own.top, { 'a.txt': '2\n' });
    expect(() => git(own.top, 'rebase', 'main')).toThrow('rebase');
    writeFileSync(join(own.top, '.git/index.lock'), '');
    const chat = await own.create();
    expect(chat.worktree).toMatchObject({ base: null });
    expect(existsSync(join(path(chat), 'lib'))).toBe(true);
    rmSync(join(own.top, '.git/index.lock'));
    expect(await refusal(own.merge(chat, {}))).toBe('worktree_refused: base_missing');
  });
});

describe('BRANCH-2: what cannot be made is refused, and leaves nothing', () => {
  test.each([
    ['a dash', { name: '-x' }],
    ['a name that is no branch', { name: 'a..b' }],
    ['a lock', { name: 'a.lock' }],
    ['a base that does not exist', { base: 'nothing' }],
    ['a base that looks like an option', { base: '--help' }],
  ])('%s', async (_, worktree) => {
    const before = own.state();
    expect(await refusal(own.create(worktree))).toMatch(/^worktree_refused: (invalid_name|unknown_base)$/);
    expect(own.state()).toBe(before);
    expect(await own.recorded()).toEqual([]);
  });

  test('no repository, no commit, a bare one, and a directory that is gone', async () => {
    const plain = join(own.root, `plain-${own.number}`);
    mkdirSync(plain);
    const empty = join(own.root, `empty-${own.number}`);
    mkdirSync(empty);
    git(empty, 'init', '-q');
    const bare = join(own.root, `bare-${own.number}`);
    git(own.root, 'init', '-q', '--bare', bare);
    expect(await refusal(own.create({}, { cwd: plain }))).toBe('worktree_refused: no_repository');
    expect(await refusal(own.create({}, { cwd: empty }))).toBe('worktree_refused: no_commit');
    expect(await refusal(own.create({}, { cwd: bare }))).toBe('worktree_refused: no_repository');
    expect(await refusal(own.create({}, { cwd: join(own.root, 'gone') }))).toMatch(/^cwd_invalid/);
    await expect(own.here.chats.createChat({ cwd: own.top, worktree: {} })).rejects.toMatchObject({
      code: 'invalid_request',
    });
  });

  test('a branch or a place that is taken, also by another chat at the same moment', async () => {
    git(own.top, 'branch', 'boocode/taken');
    expect(await refusal(own.create({ name: 'taken' }))).toBe('worktree_refused: branch_exists');
    write(`${own.top}.worktrees/there`, { 'a.txt': 'mine' });
    expect(await refusal(own.create({ name: 'there' }))).toBe('worktree_refused: place_taken');
    expect(readFileSync(join(`${own.top}.worktrees/there/a.txt`), 'utf8')).toBe('mine');
    const both = await Promise.allSettled([own.create({ name: 'same' }), own.create({ name: 'same' })]);
    expect(both.map(({ status }) => status).toSorted()).toEqual(['fulfilled', 'rejected']);
    expect(git(`${own.top}.worktrees/same`, 'status', '--porcelain')).toBe('');
    expect(git(own.top, 'rev-parse', 'boocode/taken')).toBe(git(own.top, 'rev-parse', 'main'));
  });

  test('a place that another name leads to as well, and what is there stays', async () => {
    commit(own.top, { 'a.txt': 'a\n' });
    const results = await Promise.allSettled([own.create({ name: 'a/b' }), own.create({ name: 'a-b' })]);
    const chats = results.flatMap((result) => (result.status === 'fulfilled' ? [result.value] : []));
    expect(chats).toHaveLength(1);
    expect(git(path(chats[0]!), 'symbolic-ref', '--short', 'HEAD')).toBe(chats[0]!.worktree!.branch);
    expect(await own.recorded()).toHaveLength(1);
    const mine = `${own.top}.worktrees/mine`;
    git(own.top, 'worktree', 'add', '-q', '-b', 'mine', mine);
    expect(await refusal(own.create({ name: 'mine' }))).toBe('worktree_refused: place_taken');
    expect(readFileSync(join(mine, 'a.txt'), 'utf8')).toBe('a\n');
    git(own.top, 'worktree', 'remove', mine);
  });

  test('no place for it', async () => {
    const blocked = join(own.root, `blocked-${own.number}`);
    writeFileSync(blocked, '');
    git(own.top, 'config', 'boocode.worktrees', blocked);
    const before = own.state();
    const create = () => own.create({ name: 'x' }, { trusted: true });
    expect(await refusal(create())).toBe('worktree_refused: place_taken');
    git(own.top, 'config', 'boocode.worktrees', join(own.top, 'inside'));
    expect(await refusal(create())).toBe('worktree_refused: place_taken');
    expect(own.state()).toBe(before);
  });

  test('no directory of the chat in that commit, and none is made where a link leads', async () => {
    const outside = join(own.root, `outside-${own.number}`);
    mkdirSync(outside);
    symlinkSync(outside, join(own.top, 'sub'));
    git(own.top, 'add', 'sub');
    git(own.top, 'commit', '-q', '-m', 'A link');
    git(own.top, 'tag', 'linked');
    rmSync(join(own.top, 'sub'));
    commit(own.top, { 'sub/deep/a.txt': 'a\n' });
    const cwd = join(own.top, 'sub/deep');
    expect(await refusal(own.create({ base: 'linked' }, { cwd }))).toBe('worktree_refused: place_taken');
    expect(existsSync(join(outside, 'deep'))).toBe(false);
  });
});

/** A script that notes that it ran. */
function trap(name: string): { script: string; ran: () => boolean } {
  const mark = join(own.root, `${name}-${own.number}.ran`);
  const script = join(own.root, `${name}-${own.number}.sh`);
  writeFileSync(script, `#!/bin/sh\ntouch ${mark}\ncat\n`, { mode: 0o755 });
  return { script, ran: () => existsSync(mark) };
}

describe('BRANCH-3: untrusted, nothing that the repository configures runs', () => {
  test('neither hooks nor filters nor merge drivers, in any step', async () => {
    const [hook, filter, driver, setup] = ['hook', 'filter', 'driver', 'setup'].map(trap) as [
      ReturnType<typeof trap>,
      ReturnType<typeof trap>,
      ReturnType<typeof trap>,
      ReturnType<typeof trap>,
    ];
    commit(own.top, { 'a.txt': 'a\n', 'data.bin': 'x\n', '.gitattributes': '*.bin filter=evil\n*.txt merge=evil\n' });
    for (const name of ['post-checkout', 'reference-transaction', 'post-merge', 'pre-rebase', 'post-index-change'])
      writeFileSync(join(own.top, '.git/hooks', name), `#!/bin/sh\n${hook.script} </dev/null\n`, { mode: 0o755 });
    git(own.top, 'config', 'filter.evil.smudge', filter.script);
    git(own.top, 'config', 'filter.evil.clean', filter.script);
    git(own.top, 'config', 'merge.evil.driver', `${driver.script} %A`);
    git(own.top, 'config', 'core.fsmonitor', hook.script);
    git(own.top, 'config', 'boocode.setup', `${setup.script} </dev/null`);
    const chat = await own.create();
    write(path(chat), { 'a.txt': 'a\nb\n' });
    // Made by our steps, because git itself would run all of that.
    await own.merge(chat, { message: 'Work' });
    write(path(chat), { 'c.txt': 'c\n', 'a.txt': 'a\nb\nc\n' });
    expect(await refusal(own.merge(chat))).toBe('worktree_refused: uncommitted');
    // Both sides change a file that has a driver.
    write(own.top, { 'a.txt': '0\na\nb\n' });
    git(own.top, '-c', 'core.hooksPath=/dev/null', '-c', 'core.fsmonitor=false', 'commit', '-q', '-m', 'Top', 'a.txt');
    await own.merge(chat, { message: 'More' });
    expect(await own.remove(chat)).toMatchObject({ isBranchKept: false });
    expect([hook.ran(), filter.ran(), driver.ran(), setup.ran()]).toEqual([false, false, false, false]);
    expect(readFileSync(join(own.top, 'c.txt'), 'utf8')).toBe('c\n');
    expect(readFileSync(join(own.top, 'a.txt'), 'utf8')).toBe('0\na\nb\nc\n');
    const [made] = await own.here.events(chat.id, 'notice');
    expect(made).toMatchObject({ level: 'warning', message: expect.stringContaining('not trusted') as string });
  });

  test('files that a filter changes are left to trusted chats', async () => {
    commit(own.top, { 'data.bin': 'x\n', '.gitattributes': '*.bin filter=up\n' });
    git(own.top, 'config', 'filter.up.smudge', 'tr a-z A-Z');
    git(own.top, 'config', 'filter.up.clean', 'tr A-Z a-z');
    const chat = await own.create();
    expect(readFileSync(join(path(chat), 'data.bin'), 'utf8')).toBe('x\n');
    write(path(chat), { 'data.bin': 'y\n' });
    expect(await refusal(own.merge(chat, { message: 'Work' }))).toBe('worktree_refused: filters');
    const trusting = await own.create({}, { trusted: true });
    expect(readFileSync(join(path(trusting), 'data.bin'), 'utf8')).toBe('X\n');
    write(path(trusting), { 'data.bin': 'Z\n' });
    await own.merge(trusting, { message: 'Work' });
    expect(git(own.top, 'show', 'main:data.bin')).toBe('z');
    expect(readFileSync(join(own.top, 'data.bin'), 'utf8')).toBe('Z\n');
    expect(git(own.top, 'status', '--porcelain')).toBe('');
  });

  test('also if only the commit that comes says so', async () => {
    git(own.top, 'config', 'filter.up.smudge', 'tr a-z A-Z');
    git(own.top, 'config', 'filter.up.clean', 'tr A-Z a-z');
    const chat = await own.create();
    commit(path(chat), { '.gitattributes': '*.bin filter=up\n', 'data.bin': 'X\n' });
    expect(await refusal(own.merge(chat))).toBe('worktree_refused: filters');
    expect([git(own.top, 'status', '--porcelain'), existsSync(join(own.top, 'data.bin'))]).toEqual(['', false]);
  });
});

describe('BRANCH-5: untracked files are copied', () => {
  test('as the repository’s settings say, and never over something, through a link or from outside', async () => {
    const secret = join(own.root, `secret-${own.number}`);
    writeFileSync(secret, 'secret');
    commit(own.top, { '.gitignore': '.env*\nconfig/\nlink*\n', 'tracked.txt': 'tracked\n' });
    symlinkSync(own.root, join(own.top, 'tracked-link'));
    git(own.top, 'add', 'tracked-link');
    git(own.top, 'commit', '-q', '-m', 'A link');
    rmSync(join(own.top, 'tracked-link'));
    write(own.top, {
      '.env': 'A=1',
      '.env.local': 'B=2',
      'config/one.json': '{}',
      'tracked-link/x.env': 'C=3',
      'other.txt': 'no',
    });
    symlinkSync(secret, join(own.top, 'link.env'));
    write(own.top, { 'tracked.txt': 'changed\n' });
    for (const pattern of [
      '.env*',
      'config/',
      'link*',
      'tracked.txt',
      'tracked-link',
      '../secret*',
      secret,
      '/etc/passwd',
    ])
      git(own.top, 'config', '--add', 'boocode.copy', pattern);
    const chat = await own.create();
    const at = path(chat);
    expect(readFileSync(join(at, '.env'), 'utf8') + readFileSync(join(at, '.env.local'), 'utf8')).toBe('A=1B=2');
    expect(readFileSync(join(at, 'config/one.json'), 'utf8')).toBe('{}');
    expect(readFileSync(join(at, 'tracked.txt'), 'utf8')).toBe('tracked\n');
    expect(existsSync(join(own.root, 'x.env'))).toBe(false);
    expect(['other.txt', 'link.env', 'etc'].map((name) => existsSync(join(at, name)))).toEqual([false, false, false]);
    const [made] = await own.here.events(chat.id, 'notice');
    expect(made).toMatchObject({ data: { copied: 3, notCopied: ['link.env', 'tracked-link/x.env'] } });
  });
});

describe('BRANCH-6: the setup command', () => {
  test('runs in a trusted worktree with what it needs to know, and its output is told', async () => {
    commit(own.top, { 'a.txt': 'a\n' });
    git(own.top, 'config', 'boocode.setup', 'echo "made in $PWD of $BOOCODE_REPOSITORY" && touch made.txt');
    const chat = await own.create({ name: 'x' }, { trusted: true });
    expect(existsSync(join(path(chat), 'made.txt'))).toBe(true);
    const [made] = await own.here.events(chat.id, 'notice');
    expect(made).toMatchObject({
      level: 'info',
      data: { setup: { wasRun: true, output: `made in ${path(chat)} of ${own.top}` } },
    });
  });

  test('that fails leaves nothing, and its output is told', async () => {
    git(own.top, 'config', 'boocode.setup', 'echo oh no >&2; touch made.txt; exit 3');
    const before = own.state();
    await expect(own.create({}, { trusted: true })).rejects.toMatchObject({
      code: 'worktree_refused',
      message: expect.stringMatching(/exit code 3\. It said: oh no/) as string,
      details: { reason: 'setup_failed', output: 'oh no' },
    });
    expect(own.state()).toBe(before);
  });

  test('shows its progress, and ends with the request that it belongs to', async () => {
    const started = join(own.root, `started-${own.number}`);
    git(
      own.top,
      'config',
      'boocode.setup',
      `echo working; touch ${started}; sleep 600 & echo $! > ${started}.pid; wait`,
    );
    const before = own.state();
    const abort = new AbortController();
    const creating = own.here.everyones.createChat(
      { cwd: own.top, isolation: 'worktree', worktree: {}, trusted: true },
      { signal: abort.signal },
    );
    const failed = refusal(creating);
    await until(() => existsSync(`${started}.pid`) && readFileSync(`${started}.pid`, 'utf8') !== '', {
      what: 'the setup',
    });
    const making = (await own.here.everyones.worktrees.list()).find(({ chat }) => chat === 'making');
    expect(making).toMatchObject({ progress: { step: 'setup', line: 'working' }, worktree: { repository: own.top } });
    abort.abort(new Error('gone'));
    expect(await failed).not.toBe('done');
    expect(own.state()).toBe(before);
    const pid = Number(readFileSync(`${started}.pid`, 'utf8'));
    await until(() => !isRunning(pid), { what: 'the end of what the setup had started' });
  });
});

test('BRANCH-14: trust in a worktree is that of its repository, and its setup command runs with it', async () => {
  const { agent, sql } = own.here;
  // What a directory turns on is in one file here.
  agent.readDirectory = async (at) => {
    const text = existsSync(join(at, 'settings')) ? readFileSync(join(at, 'settings'), 'utf8') : null;
    const files = text === null ? [] : [{ path: 'settings', sha256: text, text }];
    return { path: at, digest: text ?? '-', files, isCurrent: () => true };
  };
  try {
    commit(own.top, { settings: 'one' });
    git(own.top, 'config', 'boocode.setup', 'touch made.txt');
    const isTrusted = async (chat: Chat) => (await own.here.chats.readTrust(chat.id)).holds;
    const wasSetUp = (chat: Chat): boolean => existsSync(join(path(chat), 'made.txt'));
    const unknown = await own.create({}, { trusted: true });
    expect([await isTrusted(unknown), wasSetUp(unknown)]).toEqual([true, true]);
    const untrusted = await own.create();
    expect([await isTrusted(untrusted), wasSetUp(untrusted)]).toEqual([false, false]);
    // Somebody has reviewed the repository's own directory: only that is trusted.
    await trustDirectory(sql, agent, { cwd: own.top });
    const same = await own.create({}, { trusted: true });
    expect([await isTrusted(same), wasSetUp(same)]).toEqual([true, true]);
    commit(own.top, { settings: 'two' });
    const other = await own.create({}, { trusted: true });
    expect([await isTrusted(other), wasSetUp(other)]).toEqual([false, false]);
    expect(other.trusted).toBe(true);
    // Nor do filters run once it is something else that is turned on.
    git(own.top, 'config', 'filter.up.clean', 'tr A-Z a-z');
    write(path(same), { settings: 'three', '.gitattributes': '*.bin filter=up\n', 'data.bin': 'X\n' });
    expect(await refusal(own.merge(same, { message: 'Work' }))).toBe('worktree_refused: filters');
    write(path(same), { settings: 'one' });
    await own.merge(same, { message: 'Work' });
    expect(git(own.top, 'show', 'main:data.bin')).toBe('x');
  } finally {
    delete agent.readDirectory;
  }
});

function isRunning(pid: number): boolean {
  try {
    process.kill(pid, 0);
    return !readFileSync(`/proc/${pid}/stat`, 'utf8').includes(') Z ');
  } catch {
    return false;
  }
}
