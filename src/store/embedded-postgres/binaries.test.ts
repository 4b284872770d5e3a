import { execFileSync } from 'node:child_process';
import { mkdir, mkdtemp, readlink, rm, symlink, writeFile } from 'node:fs/promises';
import { tmpdir } from 'node:os';
import { join } from 'node:path';
import { afterEach, beforeEach, expect, test } from 'vitest';
import { findPostgresBinaries, linkLibraries, majorVersion } from './binaries.ts';

let root: string;
beforeEach(async () => {
  root = await mkdtemp(join(tmpdir(), 'boocode-binaries-'));
  await mkdir(join(root, 'native'));
  const links = ['libpq.so', 'libpq.so.5'].map((name) => ({
    source: 'native/lib/libpq.so.5.18',
    target: `native/lib/${name}`,
  }));
  await writeFile(join(root, 'native', 'pg-symlinks.json'), JSON.stringify(links));
});
afterEach(() => rm(root, { recursive: true, force: true }));

test('finds programs that run on this platform', () => {
  const { postgres, initdb } = findPostgresBinaries();
  expect(execFileSync(postgres, ['--version'], { encoding: 'utf8' })).toMatch(/^postgres \(PostgreSQL\) \d+/);
  expect(execFileSync(initdb, ['--version'], { encoding: 'utf8' })).toMatch(/^initdb \(PostgreSQL\) \d+/);
});

test('BACKUP-8: knows the major version without starting a program', () => {
  const binaries = findPostgresBinaries();
  const [said] = /\d+/.exec(execFileSync(binaries.postgres, ['--version'], { encoding: 'utf8' }))!;
  expect(majorVersion(binaries)).toBe(said);
  expect(majorVersion({ ...binaries, postgres: join(root, 'native', 'bin', 'postgres') })).toBe('');
});

test('creates the library links that the install script did not create', async () => {
  const lib = join(root, 'native', 'lib');
  await mkdir(lib);
  await writeFile(join(lib, 'libpq.so.5.18'), '');
  await symlink('libpq.so.5.18', join(lib, 'libpq.so'));
  linkLibraries(root);
  linkLibraries(root);
  expect(await readlink(join(lib, 'libpq.so.5'))).toBe('libpq.so.5.18');
});

test('says what to do in one sentence if the links cannot be created', () => {
  // The directory itself is missing, because a read-only one would not stop root.
  expect(() => linkLibraries(root)).toThrowError(
    `The embedded Postgres lacks its library links, and they cannot be created in ${join(root, 'native', 'lib')}: ` +
      'let npm run its install scripts, make that directory writable once, or set DATABASE_URL.',
  );
});

test('needs no links for a package without a list of them', async () => {
  await rm(join(root, 'native', 'pg-symlinks.json'));
  expect(() => linkLibraries(root)).not.toThrowError('links');
});
