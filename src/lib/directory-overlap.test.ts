import { mkdir, mkdtemp, realpath, rm, symlink } from 'node:fs/promises';
import { tmpdir } from 'node:os';
import { join } from 'node:path';
import { afterAll, beforeAll, expect, test } from 'vitest';
import { overlapOf } from './directory-overlap.ts';

let root: string;
beforeAll(async () => {
  root = await realpath(await mkdtemp(join(tmpdir(), 'boocode-overlap-')));
  await mkdir(join(root, 'home', 'data', 'deep'), { recursive: true });
  await mkdir(join(root, 'home', 'database'));
  await mkdir(join(root, 'elsewhere'));
  await symlink(join(root, 'home', 'data'), join(root, 'elsewhere', 'link'));
  await symlink(join(root, 'home'), join(root, 'elsewhere', 'home'));
});
afterAll(() => rm(root, { recursive: true, force: true }));

test.each([
  ['home/data', 'is'],
  ['home/data/../data/', 'is'],
  ['elsewhere/link', 'is'],
  ['elsewhere/home/data', 'is'],
  ['home/data/deep', 'lies in'],
  ['elsewhere/link/deep', 'lies in'],
  ['home', 'holds'],
  ['elsewhere/home', 'holds'],
  ['', 'holds'],
  ['/', 'holds'],
  // Only the beginning of the name is the same.
  ['home/database', null],
  ['elsewhere', null],
])('%s: %s', async (path, overlap) => {
  const directory = path === '/' ? '/' : join(root, path);
  for (const other of ['home/data', 'elsewhere/link']) {
    expect(await overlapOf(directory, join(root, other))).toBe(overlap);
  }
});

test('a missing directory contains nothing', async () => {
  expect(await overlapOf(root, join(root, 'missing'))).toBe(null);
});
