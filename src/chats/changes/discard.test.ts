// What is discarded and given back, in real working trees.
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
  symlinkSync,
  writeFileSync,
} from 'node:fs';
import { join } from 'node:path';
import { afterEach, beforeEach, describe, expect, test } from 'vitest';
import { ChangingRepository } from '../../../test/support/changing-repository.ts';

let repository: ChangingRepository;
beforeEach(() => {
  repository = new ChangingRepository();
});
afterEach(() => repository.close());

const at = (path: string): string => join(repository.top, path);
const read = (path: string): string => readFileSync(at(path), 'utf8');
const seen = (since = 'head') => repository.changes.list(repository.chat, since);
const undo = (id: string, isTrusted = false) => repository.changes.undo(repository.chat, id, isTrusted);
const refusal = (work: Promise<unknown>) => repository.reasonOf(work);

interface Options {
  since?: string;
  hunks?: number[];
  tree?: string;
  base?: string | null;
  isTrusted?: boolean;
}
async function discard(path: string, { since = 'head', isTrusted = false, ...rest }: Options = {}): Promise<string> {
  const { tree, base } = await seen(since);
  return repository.changes.discard(repository.chat, { path, since, tree, base: base.commit, ...rest }, isTrusted);
}

const numbered = (count: number, changed: Record<number, string> = {}): string =>
  Array.from({ length: count }, (_, line) => changed[line] ?? `line ${line}\n`).join('');

describe('CHANGE-18: a file is discarded', () => {
  test('and given back: modified, with its mode, new, deleted, renamed, a link, of another type', async () => {
    repository.commit({
      'a.txt': 'a\n',
      'mode.sh': 'x\n',
      'gone.txt': 'gone\n',
      'was.txt': numbered(20),
      'kind.txt': 'kind\n',
      'data.bin': Buffer.from([0, 1, 2]),
    });
    repository.write('a.txt', 'other\n');
    chmodSync(at('a.txt'), 0o640);
    chmodSync(at('mode.sh'), 0o755);
    repository.write('deep/er/new.txt', 'new\n');
    rmSync(at('gone.txt'));
    renameSync(at('was.txt'), at('is.txt'));
    rmSync(at('kind.txt'));
    symlinkSync('a.txt', at('kind.txt'));
    repository.write('data.bin', Buffer.from([0, 9]));
    symlinkSync('nowhere', at('link'));
    const before = (await seen()).files;
    const ids = [];
    for (const { path } of before) ids.push(await discard(path));
    expect(repository.git('status', '--porcelain')).toBe('');
    expect(lstatSync(at('a.txt')).mode & 0o777).toBe(0o640);
    for (const id of ids.toReversed()) await undo(id);
    expect((await seen()).files).toEqual(before);
    expect(read('a.txt')).toBe('other\n');
    expect(lstatSync(at('mode.sh')).mode & 0o777).toBe(0o755);
    expect(readlinkSync(at('kind.txt'))).toBe('a.txt');
    expect(readlinkSync(at('link'))).toBe('nowhere');
    expect([existsSync(at('gone.txt')), existsSync(at('was.txt')), read('deep/er/new.txt')]).toEqual([
      false,
      false,
      'new\n',
    ]);
    expect(await refusal(undo(ids[0]!))).toBe('unknown_undo');
    expect(readdirSync(repository.top).filter((name) => name.includes('boocode'))).toEqual([]);
  });

  test('back to a turn, and to a state before the first commit', async () => {
    repository.write('a.txt', '1\n');
    const turnId = await repository.turn();
    repository.write('a.txt', '2\n');
    repository.git('add', '-A');
    repository.git('commit', '-q', '-m', 'x');
    await discard('a.txt', { since: `turn:${turnId}` });
    expect(read('a.txt')).toBe('1\n');
    expect(repository.git('show', ':a.txt')).toBe('2');
  });

  test('also of what is staged, which is given back too', async () => {
    repository.commit({ 'a.txt': '1\n' });
    repository.write('a.txt', '2\n');
    repository.write('new.txt', 'new\n');
    repository.git('add', '-A');
    repository.write('a.txt', '3\n');
    const ids = [await discard('a.txt'), await discard('new.txt')];
    expect(repository.git('status', '--porcelain')).toBe('');
    for (const id of ids) await undo(id);
    expect(repository.git('status', '--porcelain').split('\n')).toEqual(['MM a.txt', 'A  new.txt']);
    expect([repository.git('show', ':a.txt'), read('a.txt')]).toEqual(['2', '3\n']);
    writeFileSync(at('.git/index.lock'), '');
    expect(await refusal(discard('a.txt'))).toBe('index_locked');
    expect(read('a.txt')).toBe('3\n');
  });

  test('unless it has changed since it was seen, or since it was discarded', async () => {
    repository.commit({ 'a.txt': '1\n', 'b.txt': '1\n' });
    repository.write('a.txt', '2\n');
    const { tree } = await seen();
    repository.write('a.txt', '3\n');
    expect(await refusal(discard('a.txt', { tree }))).toBe('changed_since');
    expect(read('a.txt')).toBe('3\n');
    chmodSync(at('a.txt'), 0o755);
    repository.write('a.txt', '2\n');
    expect(await refusal(discard('a.txt', { tree }))).toBe('changed_since');
    // Other files do not matter.
    chmodSync(at('a.txt'), 0o644);
    repository.write('b.txt', '2\n');
    const id = await discard('a.txt', { tree });
    repository.write('a.txt', 'written since\n');
    expect(await refusal(undo(id))).toBe('changed_since');
    expect(read('a.txt')).toBe('written since\n');
    repository.write('a.txt', '1\n');
    await undo(id);
    expect(read('a.txt')).toBe('2\n');
    // An undo that was cut short can be repeated: what is back already is as it should be.
    const long = `${'n'.repeat(251)}.txt`;
    repository.commit({ 'was.txt': numbered(20) });
    renameSync(at('was.txt'), at(long));
    const renamed = await discard(long);
    expect(read('was.txt')).toBe(numbered(20));
    rmSync(at('was.txt'));
    await undo(renamed);
    expect(existsSync(at('was.txt'))).toBe(false);
    expect(read(long)).toBe(numbered(20));
    expect(await refusal(discard('b.txt', { tree: '0'.repeat(40) }))).toBe('unknown_tree');
    expect(await refusal(discard('c.txt'))).toBe('not_changed');
    expect(await refusal(discard('b.txt', { base: '0'.repeat(40) }))).toBe('changed_since');
  });

  test('never through a link, out of the working tree', async () => {
    repository.commit({ 'dir/a.txt': '1\n' });
    const outside = join(repository.root, 'outside');
    mkdirSync(outside);
    writeFileSync(join(outside, 'a.txt'), 'not in the repository\n');
    rmSync(at('dir'), { recursive: true });
    symlinkSync(outside, at('dir'));
    expect(await refusal(discard('dir/a.txt'))).toBe('not_possible');
    expect(readFileSync(join(outside, 'a.txt'), 'utf8')).toBe('not in the repository\n');
    await discard('dir');
    await discard('dir/a.txt');
    expect(read('dir/a.txt')).toBe('1\n');
  });

  test('with any path, and with the ends of lines that are usual here', async () => {
    repository.git('config', 'core.autocrlf', 'true');
    repository.commit({ 'a\nb': 'one\r\ntwo\r\n', '--all': 'x\n' });
    repository.write('a\nb', 'one\r\n2\r\n');
    repository.write('--all', 'y\n');
    const id = await discard('a\nb');
    expect(read('a\nb')).toBe('one\r\ntwo\r\n');
    expect(read('--all')).toBe('y\n');
    await undo(id);
    expect(read('a\nb')).toBe('one\r\n2\r\n');
    const bytes = Buffer.from([0x66, 0xff]);
    const full = Buffer.concat([Buffer.from(`${repository.top}/`), bytes]);
    writeFileSync(full, 'x\n');
    const { tree } = await seen();
    const pathBytes = bytes.toString('base64url');
    await repository.changes.discard(repository.chat, { pathBytes, since: 'head', tree }, false);
    expect(existsSync(full)).toBe(false);
  });

  test('by a filter only where the directory is trusted', async () => {
    repository.git('config', 'filter.big.clean', 'tr a-z A-Z');
    repository.git('config', 'filter.big.smudge', `touch '${repository.root}/ran'; tr A-Z a-z`);
    writeFileSync(at('.gitattributes'), '*.big filter=big\n');
    repository.commit({ 'a.big': 'text\n' });
    repository.write('a.big', 'other\n');
    expect(await refusal(discard('a.big'))).toBe('untrusted');
    expect([read('a.big'), existsSync(join(repository.root, 'ran'))]).toEqual(['other\n', false]);
    const id = await discard('a.big', { isTrusted: true });
    expect(read('a.big')).toBe('text\n');
    await undo(id, true);
    expect(read('a.big')).toBe('other\n');
    expect(await refusal(discard('a.big', { hunks: [0], isTrusted: true }))).toBe('not_possible');
  });

  test('and what is kept of it goes with the chat', async () => {
    repository.write('a.txt', 'secret\n');
    await discard('a.txt');
    const kept = () => readdirSync(join(repository.dataDir, 'changes'), { recursive: true, encoding: 'utf8' });
    expect(kept().some((path) => /undo\/[^/]+\/0$/.test(path))).toBe(true);
    await repository.changes.erase(repository.chat.id);
    expect(kept()).toEqual([]);
  });
});

describe('CHANGE-19: hunks are discarded', () => {
  const changed = { 2: 'two\n', 20: 'twenty\nmore\n', 38: '' };

  test('some of them, and the others stay', async () => {
    repository.commit({ 'a.txt': numbered(40) });
    repository.write('a.txt', numbered(40, changed));
    chmodSync(at('a.txt'), 0o755);
    const id = await discard('a.txt', { hunks: [1] });
    expect(read('a.txt')).toBe(numbered(40, { 2: 'two\n', 38: '' }));
    expect(lstatSync(at('a.txt')).mode & 0o777).toBe(0o755);
    await undo(id);
    expect(read('a.txt')).toBe(numbered(40, changed));
    await discard('a.txt', { hunks: [0, 2] });
    expect(read('a.txt')).toBe(numbered(40, { 20: changed[20] }));
    await discard('a.txt', { hunks: [0] });
    expect(repository.git('status', '--porcelain')).toBe('');
  });

  test('of renamed files, with CRLF, without an end of the last line, with text that looks like a patch', async () => {
    repository.git('config', 'core.autocrlf', 'true');
    const crlf = (text: string): string => text.replaceAll('\n', '\r\n');
    const odd = { 1: '@@ -1 +1 @@\n', 20: 'diff --git a/x b/x\n--- a/x\n', 39: 'end' };
    repository.commit({ 'a.txt': crlf(numbered(40)) });
    repository.git('mv', 'a.txt', 'b\n.txt');
    repository.write('b\n.txt', crlf(numbered(40, odd)));
    await discard('b\n.txt', { hunks: [1] });
    expect(read('b\n.txt')).toBe(crlf(numbered(40, { 1: odd[1], 39: odd[39] })));
    await discard('b\n.txt', { hunks: [1] });
    expect(read('b\n.txt')).toBe(crlf(numbered(40, { 1: odd[1] })));
  });

  test('all of a new or deleted file are the file', async () => {
    repository.commit({ 'gone.txt': 'gone\n' });
    rmSync(at('gone.txt'));
    repository.write('new.txt', 'x\n');
    await discard('gone.txt', { hunks: [0] });
    await discard('new.txt', { hunks: [0] });
    expect([read('gone.txt'), existsSync(at('new.txt'))]).toEqual(['gone\n', false]);
  });

  test('unless the diff is another one by now, or has no hunks', async () => {
    repository.commit({ 'a.txt': numbered(40), link: 'x\n' });
    repository.write('a.txt', numbered(40, changed));
    expect(await refusal(discard('a.txt', { hunks: [3] }))).toBe('changed_since');
    const { tree, base } = await seen();
    repository.git('commit', '-q', '--allow-empty', '-m', 'x');
    expect(await refusal(discard('a.txt', { hunks: [0], tree, base: base.commit }))).toBe('changed_since');
    expect(read('a.txt')).toBe(numbered(40, changed));
    rmSync(at('link'));
    symlinkSync('a.txt', at('link'));
    expect(await refusal(discard('link', { hunks: [0] }))).toBe('not_possible');
  });
});
