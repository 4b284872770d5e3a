import { mkdir, mkdtemp, readdir, readFile, rm, stat, symlink, writeFile } from 'node:fs/promises';
import { tmpdir } from 'node:os';
import { join } from 'node:path';
import { afterEach, beforeEach, expect, test } from 'vitest';
import { findPlainFile, listPlainFiles, readPlainFile, writePlainFile } from './plain-files.ts';

let base: string;
let outside: string;
beforeEach(async () => {
  base = await mkdtemp(join(tmpdir(), 'boocode-plain-'));
  outside = await mkdtemp(join(tmpdir(), 'boocode-outside-'));
  await writeFile(join(outside, 'secret'), 'secret');
});
afterEach(async () => {
  for (const directory of [base, outside]) await rm(directory, { recursive: true, force: true });
});

const write = (name: string, text = 'new'): Promise<void> =>
  writePlainFile(base, join(base, name), Buffer.from(text), 1_700_000_000_000);

test('HOST-20: a file is written with its directories, its time, and for its owner only', async () => {
  await write('a/b/c');
  await write('a/b/c', 'newer');
  expect(await readFile(join(base, 'a/b/c'), 'utf8')).toBe('newer');
  expect(await stat(join(base, 'a/b/c'))).toMatchObject({ mode: 0o100600, mtimeMs: 1_700_000_000_000 });
  expect(await readdir(join(base, 'a/b'))).toEqual(['c']);
  expect(await listPlainFiles(base, join(base, 'a'))).toMatchObject([{ name: 'b/c', size: 5 }]);
});

test('HOST-20: no link is followed, whether to write, to read or to list', async () => {
  await symlink(outside, join(base, 'link'));
  await mkdir(join(base, 'a'));
  await symlink(join(outside, 'secret'), join(base, 'a', 'secret'));
  await symlink(outside, join(base, 'a', 'directory'));
  for (const name of ['link/x', 'link/y/x', 'a/secret', 'a/directory/secret']) {
    await expect(write(name)).rejects.toThrow(/link|plain file/);
    expect(await findPlainFile(base, join(base, name))).toBeNull();
  }
  await expect(readPlainFile(join(base, 'a', 'secret'), 100)).rejects.toThrow('ELOOP');
  expect(await listPlainFiles(base, join(base, 'link'))).toEqual([]);
  expect(await listPlainFiles(base, join(base, 'a'))).toEqual([]);
  expect(await readdir(outside)).toEqual(['secret']);
  expect(await readFile(join(outside, 'secret'), 'utf8')).toBe('secret');
});

test('HOST-20: what is no file is neither read nor replaced, and nothing is where nothing is', async () => {
  await mkdir(join(base, 'a'));
  await expect(write('a')).rejects.toThrow('not a plain file');
  await writeFile(join(base, 'long'), 'long');
  expect(await readPlainFile(join(base, 'long'), 3)).toBeNull();
  expect(String(await readPlainFile(join(base, 'long'), 4))).toBe('long');
  expect(await readPlainFile(join(base, 'a'), 100)).toBeNull();
  expect(await listPlainFiles(base, join(base, 'none'))).toEqual([]);
  expect(await listPlainFiles(base, join(base, 'long', 'x'))).toEqual([]);
  expect(await findPlainFile(base, join(base, 'none', 'x'))).toBeNull();
});
