// Named files of real directories, taken back to given states.
import {
  chmodSync,
  existsSync,
  lstatSync,
  mkdirSync,
  mkdtempSync,
  readdirSync,
  readFileSync,
  readlinkSync,
  realpathSync,
  rmSync,
  statSync,
  symlinkSync,
  utimesSync,
  writeFileSync,
} from 'node:fs';
import { randomUUID } from 'node:crypto';
import { tmpdir } from 'node:os';
import { join } from 'node:path';
import { afterEach, beforeEach, describe, expect, test } from 'vitest';
import { describeEdits, type EditsRewinding, rewindEdits } from './edited-files.ts';
import type { FileState, FileThen } from './file-state.ts';
import { findPresent } from './kept-edits.ts';

let base: string;
let root: string;
let folder: string;
beforeEach(() => {
  base = realpathSync(mkdtempSync(join(tmpdir(), 'boocode-edits-')));
  root = join(base, 'work');
  folder = join(base, 'data', 'edits');
  mkdirSync(root);
});
afterEach(() => rmSync(base, { recursive: true, force: true }));

const at = (path: string): string => join(root, path);
const write = (path: string, text: string, mode = 0o644): void => {
  writeFileSync(at(path), text);
  chmodSync(at(path), mode);
};
const read = (path: string): string => readFileSync(at(path), 'utf8');
const modeOf = (path: string): number => statSync(at(path)).mode & 0o7777;

const file = (text: string, mode = 0o600): FileState => ({ is: 'file', mode, content: Buffer.from(text) });
const absent: FileState = { is: 'absent' };
const then = (states: Record<string, FileState | null | (() => FileState | null)>): FileThen[] =>
  Object.entries(states).map(([path, state]) => ({
    path: Buffer.from(path),
    state: () => Promise.resolve(typeof state === 'function' ? state() : state),
  }));

const viewOf = (files: readonly FileThen[], quietSince: Date | null = null) => ({
  directory: root,
  past: { takenAt: new Date(0), files },
  quietSince,
  maxFileBytes: 1_000,
});
const plan = (files: readonly FileThen[], quietSince?: Date) => describeEdits(viewOf(files, quietSince));
const rewind = (files: readonly FileThen[], given: Partial<EditsRewinding> = {}) => {
  const rest = { rewindId: randomUUID(), chatId: randomUUID(), tree: undefined, folder };
  return rewindEdits(viewOf(files), { ...rest, begin: () => Promise.resolve(), ...given });
};
const undo = async (rewindId: string) => rewind((await findPresent(folder, rewindId))!.files);

describe('REWIND-13: files go back', () => {
  test('with their content, whoever may read them; what is gone returns, what was created goes', async () => {
    mkdirSync(at('deep/er'), { recursive: true });
    write('changed', 'one\ntwo\nthree\n', 0o744);
    write('deep/er/created', 'new\n');
    write('same', 'same\n', 0o640);
    const files = then({
      changed: file('one\n2\nthree\n'),
      'gone/away': file('back\n', 0o751),
      'deep/er/created': absent,
      same: file('same\n'),
      never: absent,
    });
    const told = await plan(files);
    expect(told.files.map(({ path, status, added, removed }) => `${status} ${path} +${added} -${removed}`)).toEqual([
      'modified changed +1 -1',
      'deleted deep/er/created +0 -1',
      'added gone/away +1 -0',
    ]);
    expect(told).toMatchObject({ covers: 'edits', count: 3, keptCount: 0, takenAt: new Date(0).toISOString() });
    const rewindId = randomUUID();
    const done = await rewind(files, { tree: told.tree, rewindId });
    expect(done).toMatchObject({ changed: 3, keptCount: 0 });
    expect([read('changed'), read('gone/away')]).toEqual(['one\n2\nthree\n', 'back\n']);
    expect([modeOf('changed'), modeOf('gone/away'), modeOf('same')]).toEqual([0o744, 0o751, 0o640]);
    expect(readdirSync(root)).toEqual(['changed', 'gone', 'same']);
    // It is what the next dry run sees.
    expect((await plan(files)).tree).toBe(done.tree);
    expect(await plan(files)).toMatchObject({ count: 0 });
    await undo(rewindId);
    expect([read('changed'), read('deep/er/created')]).toEqual(['one\ntwo\nthree\n', 'new\n']);
    expect([modeOf('changed'), modeOf('deep/er/created')]).toEqual([0o744, 0o644]);
    expect(existsSync(at('gone'))).toBe(false);
  });

  test('and those that were written after the last turn are named', async () => {
    write('before', 'x');
    write('since', 'x');
    // Who writes a file can say that it is old; its inode cannot.
    utimesSync(at('since'), 0, 0);
    const files = then({ before: file('y'), since: file('y') });
    const written = (name: string) => statSync(at(name)).ctimeMs;
    expect((await plan(files, new Date(written('since') + 1))).writtenSince).toEqual([]);
    expect((await plan(files, new Date(written('before') - 1))).writtenSince).toEqual(['before', 'since']);
    expect((await plan(files)).writtenSince).toEqual([]);
  });

  test('a link in the place of a file is replaced and returns, and what it leads to stays', async () => {
    writeFileSync(join(base, 'outside'), 'outside\n');
    symlinkSync('../outside', at('a'));
    const files = then({ a: file('a\n', 0o640) });
    expect((await plan(files)).files).toMatchObject([{ path: 'a', status: 'type_changed' }]);
    const rewindId = randomUUID();
    await rewind(files, { rewindId });
    expect([lstatSync(at('a')).isFile(), read('a'), modeOf('a')]).toEqual([true, 'a\n', 0o640]);
    await undo(rewindId);
    expect(readlinkSync(at('a'))).toBe('../outside');
    expect(readFileSync(join(base, 'outside'), 'utf8')).toBe('outside\n');
  });
});

describe('REWIND-14: a file stays, with the reason,', () => {
  test('out of the directory, in a git directory, behind a link, and where something else is', async () => {
    mkdirSync(join(base, 'other'));
    symlinkSync('../other', at('link'));
    mkdirSync(at('directory'));
    mkdirSync(at('.git'));
    const files = then({
      [join(base, 'other', 'absolute')]: file('x'),
      '../other/up': file('x'),
      'a/../../other/up': file('x'),
      '.git/config': file('x'),
      'sub/.GIT/hooks/x': file('x'),
      'link/x': file('x'),
      directory: file('x'),
    });
    const done = await rewind(files);
    expect(done).toMatchObject({ changed: 0, count: 0, keptCount: 7 });
    expect(Object.fromEntries(done.kept.map(({ path, reason }) => [path, reason]))).toEqual({
      [join(base, 'other', 'absolute')]: 'elsewhere',
      '../other/up': 'elsewhere',
      'a/../../other/up': 'elsewhere',
      '.git/config': 'elsewhere',
      'sub/.GIT/hooks/x': 'elsewhere',
      'link/x': 'in_the_way',
      directory: 'in_the_way',
    });
    expect([readdirSync(join(base, 'other')), readdirSync(at('.git')), readdirSync(at('directory'))]).toEqual([
      [],
      [],
      [],
    ]);
  });

  test('without a backup, and over the limit; all others go back', async () => {
    write('large', 'x'.repeat(1_001));
    write('lost', 'now\n');
    write('fine', 'now\n');
    const files = then({ large: file('then\n'), lost: null, fine: file('then\n') });
    const done = await rewind(files);
    expect(done.kept).toEqual([
      { path: 'large', reason: 'too_large' },
      { path: 'lost', reason: 'no_backup' },
    ]);
    expect([read('lost'), read('fine'), read('large').length]).toEqual(['now\n', 'then\n', 1_001]);
  });

  test('if its backup goes in the middle of it', async () => {
    write('a', 'now\n');
    let left = 1;
    const done = await rewind(then({ a: () => (left-- > 0 ? file('then\n') : null) }));
    expect(done).toMatchObject({ changed: 0, kept: [{ path: 'a', reason: 'failed' }] });
    expect(read('a')).toBe('now\n');
  });
});

describe('REWIND-15: what files are is kept before any of them changes', () => {
  test('and nothing changes if that is not what was shown, or if something else is refused', async () => {
    write('a', 'now\n');
    const files = then({ a: file('then\n') });
    const { tree } = await plan(files);
    write('a', 'later\n');
    await expect(rewind(files, { tree })).rejects.toMatchObject({ code: 'files_changed' });
    const refused = rewind(files, { begin: () => Promise.reject(new Error('busy')) });
    await expect(refused).rejects.toThrow('busy');
    // Somebody writes it while it is being looked at.
    const late = then({
      a: () => {
        write('a', 'meanwhile\n');
        return file('then\n');
      },
    });
    await expect(rewind(late)).rejects.toMatchObject({ code: 'files_changed' });
    expect(read('a')).toBe('meanwhile\n');
  });

  test('a file that is written after that stays', async () => {
    write('a', 'now\n');
    write('b', 'now\n');
    const files = then({ a: file('then\n'), b: file('then\n') });
    const done = await rewind(files, { begin: () => Promise.resolve(write('a', 'meanwhile\n')) });
    expect(done).toMatchObject({ changed: 1, kept: [{ path: 'a', reason: 'changed' }] });
    expect([read('a'), read('b')]).toEqual(['meanwhile\n', 'then\n']);
  });

  test('the last fifty rewinds can be undone', async () => {
    const ids = Array.from({ length: 52 }, () => randomUUID());
    for (const [count, rewindId] of ids.entries()) {
      write('a', `${count}\n`);
      await rewind(then({ a: file('then\n') }), { rewindId });
    }
    expect(readdirSync(folder)).toHaveLength(50);
    await undo(ids[51]!);
    expect(read('a')).toBe('51\n');
  });
});
