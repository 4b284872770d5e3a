// What becomes of a chat's worktree: each step is done, or refused with the reason and nothing is lost.
import { existsSync, mkdirSync, readFileSync, renameSync, rmSync, writeFileSync } from 'node:fs';
import { randomUUID } from 'node:crypto';
import { join } from 'node:path';
import { afterAll, afterEach, beforeAll, beforeEach, describe, expect, test } from 'vitest';
import { openChatsHost } from '../../../test/support/chats-host.ts';
import { createGate } from '../../../test/support/gate.ts';
import { git, initRepository } from '../../../test/support/git-repository.ts';
import { commit, IsolatedChats, refusal, write } from '../../../test/support/isolated-chats.ts';
import { anActor } from '../../../test/support/owners-chats.ts';
import { finished, said } from '../../../test/support/scripted-backend.ts';
import { gitEnvironment } from '../workspaces/git.ts';
import { until } from '../../../test/support/until.ts';
import type { Chat } from '../../protocol/chat.ts';
import type { BooError } from '../../protocol/error.ts';
import type { WorktreeLoss } from '../../protocol/worktree.ts';
import { findChat } from '../../store/chats.ts';
import { insertWorktree } from '../../store/worktrees.ts';
import type { HostedChats } from '../hosted-chats.ts';
import { make, plan } from './make.ts';

const own = new IsolatedChats();
beforeAll(() => own.open());
afterAll(() => own.close());
beforeEach(() => {
  own.newRepository();
  commit(own.top, { 'a.txt': 'one\ntwo\nthree\n', '.gitignore': 'ignored\n' });
});
afterEach(() => own.assertTidy());

const path = (chat: Chat): string => chat.worktree!.path;
const log = (revision: string): string[] => git(own.top, 'log', '--format=%s', revision).split('\n');
/** Refused for the reason, with nothing changed in the repository or the worktree. */
async function expectRefused(chat: Chat, work: () => Promise<unknown>, reason: string): Promise<void> {
  const all = (): string => own.state() + (existsSync(path(chat)) ? git(path(chat), 'status', '--porcelain') : '');
  const before = all();
  expect(await refusal(work())).toBe(`worktree_refused: ${reason}`);
  expect(all()).toBe(before);
}

describe('BRANCH-7: a merge', () => {
  test('moves the branch and the working tree in which it is checked out', async () => {
    const chat = await own.create({ name: 'x' });
    const tip = commit(path(chat), { 'a.txt': 'one\ntwo\nTHREE\n', 'b.txt': 'b\n' }, 'Work');
    expect(await own.merge(chat)).toEqual({ branch: 'boocode/x', base: 'main', commit: tip, commits: 1 });
    expect(readFileSync(join(own.top, 'b.txt'), 'utf8')).toBe('b\n');
    expect(git(own.top, 'status', '--porcelain')).toBe('');
    expect(git(own.top, 'reflog', '-1', '--format=%gs', 'main')).toBe('merge boocode/x');
    await expectRefused(chat, () => own.merge(chat), 'nothing_to_do');
    // Both have gone on.
    commit(own.top, { 'a.txt': 'ONE\ntwo\nTHREE\n' }, 'Meanwhile');
    commit(path(chat), { 'c.txt': 'c\n' }, 'More');
    const result = await own.merge(chat);
    expect(git(own.top, 'log', '-1', '--format=%H %s %an')).toBe(
      `${result.commit} Merge branch 'boocode/x' into main Test`,
    );
    expect(git(own.top, 'status', '--porcelain')).toBe('');
    expect(readFileSync(join(own.top, 'a.txt'), 'utf8')).toBe('ONE\ntwo\nTHREE\n');
    const notes = (await own.here.events(chat.id, 'notice')).map(({ code }) => code);
    expect(notes).toEqual(['worktree_made', 'worktree_merged', 'worktree_merged']);
  });

  test('commits first if it is told to, and into a branch that is checked out nowhere', async () => {
    git(own.top, 'branch', 'other');
    const chat = await own.create();
    write(path(chat), { 'new.txt': 'new\n', ignored: 'x\n' });
    rmSync(join(path(chat), 'a.txt'));
    await own.merge(chat, { into: 'other', message: 'All of it' });
    expect(log('other')[0]).toBe('All of it');
    expect(git(own.top, 'ls-tree', '--name-only', 'other').split('\n')).toEqual(['.gitignore', 'new.txt']);
    expect(git(path(chat), 'status', '--porcelain')).toBe('');
    expect(git(own.top, 'status', '--porcelain')).toBe('');
  });

  test('commits no conflict that nobody has resolved', async () => {
    const chat = await own.create({ name: 'x' });
    write(path(chat), { 'a.txt': 'stashed\n' });
    git(path(chat), 'stash', '-q');
    commit(path(chat), { 'a.txt': 'committed\n' });
    expect(() => git(path(chat), 'stash', 'pop')).toThrow('Command failed');
    await expectRefused(chat, () => own.merge(chat, { message: 'All of it' }), 'conflicts');
    write(path(chat), { 'a.txt': 'both\n' });
    git(path(chat), 'add', 'a.txt');
    expect(await own.merge(chat, { message: 'All of it' })).toMatchObject({ base: 'main' });
    git(path(chat), 'stash', 'drop', '-q');
  });

  test('is refused where it would lose something, and changes nothing', async () => {
    const chat = await own.create({ name: 'x' });
    const merge = () => own.merge(chat);
    write(path(chat), { 'untracked.txt': 'x\n' });
    await expectRefused(chat, merge, 'uncommitted');
    commit(path(chat), { 'a.txt': 'one\ntwo\nchat\n' });
    await expectRefused(chat, () => own.merge(chat, { into: 'gone' }), 'base_missing');
    await expectRefused(chat, () => own.merge(chat, { into: 'boocode/x' }), 'base_missing');
    // Changes, staged or not, and untracked files in the way, where the branch is checked out.
    write(own.top, { '.gitignore': 'changed\n' });
    await expectRefused(chat, merge, 'base_in_use');
    git(own.top, 'add', '.gitignore');
    await expectRefused(chat, merge, 'base_in_use');
    git(own.top, 'reset', '-q', '--hard');
    write(own.top, { 'untracked.txt': 'mine\n' });
    await expectRefused(chat, merge, 'base_in_use');
    expect(readFileSync(join(own.top, 'untracked.txt'), 'utf8')).toBe('mine\n');
    rmSync(join(own.top, 'untracked.txt'));
    writeFileSync(join(own.top, '.git/index.lock'), '');
    await expectRefused(chat, merge, 'locked');
    rmSync(join(own.top, '.git/index.lock'));
    writeFileSync(join(own.top, '.git/refs/heads/main.lock'), '');
    await expectRefused(chat, merge, 'base_moved');
    rmSync(join(own.top, '.git/refs/heads/main.lock'));
    commit(own.top, { 'a.txt': 'one\ntwo\nmain\n' });
    await expectRefused(chat, merge, 'conflicts');
    await expect(merge()).rejects.toMatchObject({ details: { files: ['a.txt'] } });
  });

  test('keeps ignored files, which git would overwrite, and says which are in the way', async () => {
    const chat = await own.create();
    commit(own.top, { '.gitignore': 'ignored\nother\ndata/\nfile\n' }, 'Ignore more');
    write(own.top, { other: 'mine\n', 'data/deep/db': 'mine\n', file: 'mine\n' });
    for (const [name, text] of [
      ['other', 'theirs\n'],
      ['data', 'a file now\n'],
      ['file/below', 'a directory now\n'],
    ] as const) {
      const at = commit(path(chat), { [name]: text }, name);
      await expectRefused(chat, () => own.merge(chat), 'base_in_use');
      const inTheWay = { other: 'other', data: 'data/deep/db', 'file/below': 'file' }[name];
      await expect(own.merge(chat)).rejects.toMatchObject({ details: { files: [inTheWay] } });
      git(path(chat), 'reset', '-q', '--hard', `${at}~1`);
    }
    expect(readFileSync(join(own.top, 'data/deep/db'), 'utf8')).toBe('mine\n');
    // A directory whose files the merge removes itself is not in the way of a file.
    commit(own.top, { 'was/a': 'a\n', 'was/b': 'b\n' }, 'A directory');
    git(path(chat), 'reset', '-q', '--hard', 'main');
    rmSync(join(path(chat), 'was'), { recursive: true });
    commit(path(chat), { was: 'a file\n' }, 'A file');
    await own.merge(chat);
    expect(readFileSync(join(own.top, 'was'), 'utf8')).toBe('a file\n');
    expect(readFileSync(join(own.top, 'other'), 'utf8')).toBe('mine\n');
  });

  test('of histories that have merged each other has what git’s own merge would have', async () => {
    const chat = await own.create({ name: 'x' });
    const feature = commit(path(chat), { 'a.txt': 'one\nFEATURE\nthree\n' }, 'A feature');
    const other = commit(own.top, { 'b.txt': 'b\n' }, 'Meanwhile');
    git(own.top, 'merge', '-q', '--no-edit', feature);
    git(path(chat), 'merge', '-q', '--no-edit', other);
    commit(path(chat), { 'a.txt': 'one\ntwo\nthree\n' }, 'Take it back');
    commit(own.top, { 'c.txt': 'c\n' }, 'More');
    const expected = git(own.top, 'merge-tree', '--write-tree', 'main', 'boocode/x');
    await own.merge(chat);
    expect(git(own.top, 'rev-parse', 'main^{tree}')).toBe(expected);
    expect(readFileSync(join(own.top, 'a.txt'), 'utf8')).toBe('one\ntwo\nthree\n');
  });

  test('is refused in the middle of a rebase of either branch', async () => {
    const chat = await own.create();
    commit(path(chat), { 'b.txt': 'b\n' });
    commit(own.top, { 'a.txt': 'main\n' });
    git(own.top, 'branch', 'side', 'HEAD~1');
    git(own.top, 'checkout', '-q', 'side');
    commit(own.top, { 'a.txt': 'side\n' });
    git(own.top, 'checkout', '-q', 'main');
    expect(() => git(own.top, 'rebase', 'side')).toThrow('rebase');
    await expectRefused(chat, () => own.merge(chat), 'base_in_use');
    git(own.top, 'rebase', '--abort');
    commit(path(chat), { 'a.txt': 'chat\n' });
    expect(() => git(path(chat), 'rebase', 'main')).toThrow('rebase');
    expect(await refusal(own.merge(chat))).toBe('worktree_refused: in_progress');
    expect(await refusal(own.remove(chat))).toBe('worktree_refused: in_progress');
  });
});

describe('BRANCH-8: a rebase', () => {
  test('puts the commits on top, with their authors and messages', async () => {
    const chat = await own.create({ name: 'x' });
    commit(path(chat), { 'b.txt': 'b\n' }, 'First of two\n\nWith a body.');
    git(path(chat), 'commit', '-q', '--allow-empty', '--author=Someone <some@example.org>', '-m', 'Nothing');
    write(path(chat), { 'c.txt': 'c\n' });
    git(path(chat), 'add', '.');
    git(path(chat), 'commit', '-q', '--author=Someone <some@example.org>', '-m', 'Second');
    commit(own.top, { 'a.txt': 'changed\n' }, 'Meanwhile');
    expect(await own.rebase(chat)).toMatchObject({ branch: 'boocode/x', base: 'main', commits: 2 });
    expect(log('boocode/x').slice(0, 3)).toEqual(['Second', 'First of two', 'Meanwhile']);
    expect(git(own.top, 'log', '-1', '--format=%an %ae %cn', 'boocode/x')).toBe('Someone some@example.org Test');
    expect(git(own.top, 'log', '-1', '--format=%b', 'boocode/x~1')).toBe('With a body.');
    expect(git(path(chat), 'status', '--porcelain')).toBe('');
    expect(readFileSync(join(path(chat), 'a.txt'), 'utf8')).toBe('changed\n');
    await expectRefused(chat, () => own.rebase(chat), 'nothing_to_do');
  });

  test('with conflicts, merges or changes that no commit has is refused, and changes nothing', async () => {
    const chat = await own.create();
    commit(path(chat), { 'b.txt': 'b\n' });
    commit(path(chat), { 'a.txt': 'chat\n' });
    commit(own.top, { 'a.txt': 'main\n' });
    await expectRefused(chat, () => own.rebase(chat), 'conflicts');
    git(path(chat), 'merge', '-q', '-s', 'ours', '-m', 'Merged', 'main');
    commit(own.top, { 'd.txt': 'd\n' });
    await expectRefused(chat, () => own.rebase(chat), 'merge_commits');
    write(path(chat), { 'b.txt': 'changed\n' });
    await expectRefused(chat, () => own.rebase(chat), 'uncommitted');
    expect(readFileSync(join(path(chat), 'b.txt'), 'utf8')).toBe('changed\n');
  });
});

describe('BRANCH-9: a removal', () => {
  test('keeps the branch or not, and the chat goes on in the repository', async () => {
    const [kept, gone] = await Promise.all([own.create({ name: 'kept' }), own.create({ name: 'gone' })]);
    const tip = commit(path(kept), { 'b.txt': 'b\n' });
    expect(await own.remove(kept, { keepsBranch: true })).toEqual({
      branch: 'boocode/kept',
      commit: tip,
      isBranchKept: true,
    });
    await own.remove(gone);
    expect(git(own.top, 'branch', '--list', 'boocode/*', '--format=%(refname:short)')).toBe('boocode/kept');
    expect(existsSync(`${own.top}.worktrees`)).toBe(false);
    expect(git(own.top, 'worktree', 'list').split('\n')).toHaveLength(1);
    expect(await own.recorded()).toEqual([]);
    const after = await own.here.chats.getChat(kept.id);
    expect(after).toMatchObject({ cwd: own.top, worktree: null });
    expect(await refusal(own.merge(kept))).toBe('worktree_refused: no_worktree');
  });

  test('is refused where something would be lost, unless that is to be discarded', async () => {
    const chat = await own.create({ name: 'x' });
    const remove = () => own.remove(chat);
    write(path(chat), { 'b.txt': 'b\n' });
    await expectRefused(chat, remove, 'uncommitted');
    git(path(chat), 'add', 'b.txt');
    rmSync(join(path(chat), 'b.txt'));
    // Only the index has it.
    await expectRefused(chat, () => own.remove(chat, { keepsBranch: true }), 'uncommitted');
    commit(path(chat), { 'b.txt': 'b\n' });
    await expectRefused(chat, remove, 'unmerged');
    git(path(chat), 'checkout', '-q', '--detach');
    commit(path(chat), { 'c.txt': 'c\n' });
    await expectRefused(chat, () => own.remove(chat, { keepsBranch: true }), 'unmerged');
    git(path(chat), 'checkout', '-q', 'boocode/x');
    mkdirSync(join(path(chat), 'inner'));
    initRepository(join(path(chat), 'inner'));
    await expectRefused(chat, remove, 'inner_repository');
    rmSync(join(path(chat), 'inner'), { recursive: true });
    git(path(chat), 'worktree', 'add', '-q', '--detach', join(path(chat), 'ignored'));
    await expectRefused(chat, remove, 'inner_repository');
    git(path(chat), 'worktree', 'remove', join(path(chat), 'ignored'));
    git(own.top, 'worktree', 'lock', path(chat));
    await expectRefused(chat, () => own.remove(chat, { keepsBranch: true }), 'locked');
    git(own.top, 'worktree', 'unlock', path(chat));
    const other = await own.here.chats.createChat({ cwd: path(chat), title: 'Beside' });
    await expectRefused(chat, remove, 'other_chats');
    await own.here.chats.deleteChat(other.id);
    expect(await own.here.chats.getChat(chat.id)).toMatchObject({ cwd: path(chat) });
    expect(await own.remove(chat, { discards: true })).toMatchObject({ isBranchKept: false });
  });

  test('forgets no other working tree, such as one on a disk that is away', async () => {
    const away = `${own.top}-away`;
    git(own.top, 'worktree', 'add', '-q', '-b', 'mine', away);
    renameSync(away, `${away}-elsewhere`);
    const chat = await own.create();
    rmSync(path(chat), { recursive: true });
    await own.remove(chat);
    git(own.top, 'config', 'boocode.setup', 'exit 1');
    expect(await refusal(own.create({}, { trusted: true }))).toBe('worktree_refused: setup_failed');
    renameSync(`${away}-elsewhere`, away);
    expect(git(away, 'symbolic-ref', 'HEAD')).toBe('refs/heads/mine');
    git(own.top, 'worktree', 'remove', away);
  });

  test('names everything that would be lost at once, and takes what was named and no more', async () => {
    const chat = await own.create({ name: 'x' });
    const refusalOf = (discards: boolean | string = false) =>
      own.remove(chat, { discards }).then(
        () => null,
        (error: BooError) => error,
      );
    commit(path(chat), { 'a.txt': 'chat\n' });
    commit(own.top, { 'a.txt': 'main\n' });
    expect(() => git(path(chat), 'rebase', 'main')).toThrow('rebase');
    git(path(chat), 'worktree', 'add', '-q', '--detach', join(path(chat), 'ignored'));
    const first = (await refusalOf())!;
    const reasons = ['inner_repository', 'in_progress', 'uncommitted', 'unmerged'];
    expect(first.details).toMatchObject({ reason: reasons[0], files: ['a.txt'], commits: 1 });
    const losses = first.details['losses'] as WorktreeLoss[];
    expect(losses.map(({ reason }) => reason)).toEqual(reasons);
    expect(first.message).toBe(losses.map(({ sentence }) => sentence).join(' '));
    const listed = (await own.here.everyones.worktrees.list()).find(({ chatId }) => chatId === chat.id);
    expect(listed?.wouldLose).toEqual(losses);
    git(path(chat), 'worktree', 'remove', join(path(chat), 'ignored'));
    git(path(chat), 'rebase', '--abort');
    write(path(chat), { 'b.txt': 'b\n' });
    const seen = (await refusalOf())!.details['shown'] as string;
    expect((await own.here.everyones.worktrees.list()).find(({ chatId }) => chatId === chat.id)?.shown).toBe(seen);
    expect(await refusalOf(seen.replace(/./, 'x'))).toMatchObject({ details: { shown: seen } });
    // The same files, and others in them.
    write(path(chat), { 'b.txt': 'more\n' });
    const now = (await refusalOf(seen))!.details['shown'] as string;
    expect(now).not.toBe(seen);
    git(path(chat), 'add', 'b.txt');
    const staged = (await refusalOf(now))!.details['shown'] as string;
    expect(await refusalOf(first.details['shown'] as string)).toMatchObject({ details: { shown: staged } });
    expect(existsSync(path(chat))).toBe(true);
    expect(await refusalOf(staged)).toBeNull();
    expect(existsSync(path(chat))).toBe(false);
  });

  test('is refused while any repository is inside, whatever git knows of it', async () => {
    const chat = await own.create({ name: 'x' });
    const inner = join(path(chat), 'inner');
    const refuse = async (): Promise<void> => {
      await expectRefused(chat, () => own.remove(chat), 'inner_repository');
      await expect(own.remove(chat)).rejects.toThrow(/Another repository is inside: /);
    };
    // Without a commit.
    mkdirSync(inner);
    git(inner, 'init', '-q');
    await refuse();
    rmSync(inner, { recursive: true });
    // Below a directory that is ignored.
    mkdirSync(join(path(chat), 'ignored/deep'), { recursive: true });
    initRepository(join(path(chat), 'ignored/deep'));
    await refuse();
    rmSync(join(path(chat), 'ignored'), { recursive: true });
    git(own.top, 'init', '-q', '--bare', join(path(chat), 'ignored'));
    await refuse();
    rmSync(join(path(chat), 'ignored'), { recursive: true });
    // Committed as what it is.
    mkdirSync(inner);
    initRepository(inner);
    git(path(chat), '-c', 'advice.addEmbeddedRepo=false', 'add', 'inner');
    git(path(chat), 'commit', '-q', '-m', 'Inner');
    git(own.top, 'merge', '-q', 'boocode/x');
    await refuse();
    await own.here.chats.deleteChat(chat.id);
    expect(existsSync(join(inner, '.git'))).toBe(true);
    await own.remove(chat, { discards: true });
  });

  test('looks without writing into the repository', async () => {
    const chat = await own.create();
    write(path(chat), { 'b.txt': 'only here\n' });
    const objects = (): string => git(own.top, 'count-objects');
    const before = objects();
    await own.here.everyones.worktrees.list();
    expect(await refusal(own.remove(chat))).toBe('worktree_refused: uncommitted');
    expect(objects()).toBe(before);
  });

  test('of one that was removed by hand', async () => {
    const chat = await own.create({ name: 'x' });
    commit(path(chat), { 'b.txt': 'b\n' });
    rmSync(path(chat), { recursive: true });
    expect(await refusal(own.merge(chat))).toBe('worktree_refused: missing');
    expect(await refusal(own.remove(chat))).toBe('worktree_refused: unmerged');
    await own.remove(chat, { keepsBranch: true });
    expect(log('boocode/x')[0]).toBe('More');
    expect(git(own.top, 'worktree', 'list').split('\n')).toHaveLength(1);
  });
});

test('BRANCH-10: nothing is done while a turn runs, and a prompt waits for a step', async () => {
  const chat = await own.create();
  const gate = createGate();
  own.here.backend.script = async function* () {
    yield said('working');
    await gate.pass();
    yield finished();
  };
  await own.here.chats.submitPrompt(chat.id, { content: 'work' });
  await own.here.events(chat.id, 'turn_started');
  for (const step of [() => own.merge(chat), () => own.rebase(chat), () => own.remove(chat)])
    expect(await refusal(step())).toBe('chat_busy: turn');
  gate.open();
  await own.here.events(chat.id, 'turn_finished');
  const step = createGate();
  const stepping = own.here.host.use(chat.id, (held) => held.atRest(() => step.pass()));
  await step.reached;
  await own.here.chats.submitPrompt(chat.id, { content: 'more' });
  expect(await own.here.events(chat.id, 'turn_started')).toHaveLength(1);
  step.open();
  await stepping;
  await own.here.events(chat.id, 'turn_finished', 2);
  expect(await own.remove(chat)).toMatchObject({ isBranchKept: false });
});

describe('BRANCH-11: the worktree of a deleted chat', () => {
  test('goes with it, unless it holds work: then it is listed with what would be lost', async () => {
    const [empty, used] = [await own.create({ name: 'empty' }), await own.create({ name: 'used' })];
    write(path(used), { 'b.txt': 'b\n' });
    await own.here.chats.deleteChat(empty.id);
    await own.here.chats.deleteChat(used.id);
    const listed = async () =>
      (await own.here.everyones.worktrees.list()).filter(({ worktree }) => worktree.repository === own.top);
    // The deletion of a chat does not wait long for it.
    await until(async () => (await listed()).length === 1);
    expect(existsSync(path(empty))).toBe(false);
    const items = await listed();
    expect(items).toMatchObject([
      {
        chatId: used.id,
        chat: 'deleted',
        isHere: true,
        worktree: { branch: 'boocode/used' },
        wouldLose: [{ reason: 'uncommitted', sentence: 'No commit has the changes of 1 file: b.txt.' }],
      },
    ]);
    expect(items[0]!.bytes).toBeGreaterThan(0);
    // Nothing is not the same as unknown.
    const clean = await own.create({ name: 'clean' });
    const cleanly = (await own.here.everyones.worktrees.list()).find(({ chatId }) => chatId === clean.id);
    expect(cleanly).toMatchObject({ wouldLose: [], shown: null });
    await own.remove(clean);
    expect(await refusal(own.remove(used))).toBe('worktree_refused: uncommitted');
    expect(await own.remove(used, { discards: true })).toMatchObject({ branch: 'boocode/used' });
    expect(await own.recorded()).toEqual([]);
    expect(await refusal(own.remove(used))).toMatch(/^not_found/);
  });
});

test('BRANCH-11: nothing goes from under another chat, whoever is deleted', async () => {
  const chat = await own.create({ name: 'x' });
  const fork = await own.here.chats.createChat({ cwd: path(chat), title: 'Beside' });
  await own.here.chats.deleteChat(chat.id);
  expect(existsSync(path(chat))).toBe(true);
  expect(await refusal(own.remove(chat, { discards: true }))).toBe('worktree_refused: other_chats');
  // Also if its agent has only gone there.
  const visitor = JSON.stringify({ cwd: join(path(chat), 'deep'), worktree: null });
  await own.here
    .sql`update boocode.chats set cwd = ${own.top}, agent_directory = ${visitor}::text::json where id = ${fork.id}`;
  expect(await refusal(own.remove(chat, { discards: true }))).toBe('worktree_refused: other_chats');
  await own.here.sql`update boocode.chats set agent_directory = null where id = ${fork.id}`;
  expect(await own.remove(chat)).toMatchObject({ branch: 'boocode/x' });
  expect(existsSync(path(chat))).toBe(false);
});

test('BRANCH-12: another host never takes such a chat to another checkout', async () => {
  git(own.top, 'remote', 'add', 'origin', 'https://example.org/a/repo.git');
  const chat = await own.create();
  const dataDir = join(own.root, `there-${own.number}`);
  mkdirSync(dataDir);
  const mappings = [{ from: 'https://example.org/a/repo', to: own.top }];
  const workspaces = own.workspacesOf(dataDir, { mappings, clones: true });
  const there = await openChatsHost(own.database.url, { dataDir, workspaces });
  try {
    await own.here.close();
    await expect(there.chats.warmAhead(chat.id)).rejects.toMatchObject({
      code: 'workspace_missing',
      message: expect.stringContaining(`its own worktree ${path(chat)}`) as string,
    });
    expect(await refusal(there.everyones.worktrees.merge(anActor, chat.id, {}))).toMatch(/^workspace_missing/);
    const [listed] = (await there.everyones.worktrees.list()).filter(({ chatId }) => chatId === chat.id);
    expect(listed).toMatchObject({ isHere: false, bytes: null, wouldLose: null });
    await there.chats.deleteChat(chat.id);
    expect(existsSync(path(chat))).toBe(true);
    expect(
      await refusal(there.everyones.worktrees.remove(anActor, chat.id, { keepsBranch: false, discards: true })),
    ).toBe('worktree_refused: elsewhere');
  } finally {
    await there.close();
    await workspaces.close();
    own.here = await openChatsHost(own.database.url, {
      dataDir: own.dataDir,
      workspaces: own.workspacesOf(own.dataDir),
    });
  }
});

test.each(['recorded', 'made', 'given up'])(
  'BRANCH-4: what was %s when a host died is taken back at its next start',
  async (when) => {
    const before = own.state();
    const id = randomUUID();
    const { places } = own.workspacesOf(own.dataDir);
    const { signal } = new AbortController();
    const work = { dataDir: own.dataDir, places, env: gitEnvironment(process.env), signal };
    const seenBy = own.workspacesOf(own.dataDir).here;
    const planned = await plan(work, { directory: own.top, wanted: {}, spare: 'x', seenBy, trusted: false });
    await insertWorktree(own.here.sql, id, planned.place);
    if (when !== 'recorded') await make(work, planned, false);
    if (when === 'given up') await own.here.sql`update boocode.worktrees set state = 'undoing' where chat_id = ${id}`;
    const { worktrees } = own.here.everyones as HostedChats;
    await worktrees.sweep();
    expect(own.state()).toBe(before);
    expect(await own.recorded()).toEqual([]);
    // A chat that was stored keeps its own, also after a start.
    const chat = await own.create();
    await worktrees.sweep();
    expect(existsSync(path(chat))).toBe(true);
    expect(await findChat(own.here.sql, chat.id)).toMatchObject({ worktree: { branch: chat.worktree!.branch } });
  },
);
