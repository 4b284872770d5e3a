import { existsSync } from 'node:fs';
import { mkdir, mkdtemp, rm, writeFile } from 'node:fs/promises';
import { createServer } from 'node:net';
import { tmpdir } from 'node:os';
import { join } from 'node:path';
import { afterEach, beforeEach, expect, test } from 'vitest';
import { endLeftover } from './leftover.ts';

let home: string;
let pidFile: string;
beforeEach(async () => {
  home = await mkdtemp(join(tmpdir(), 'boocode-left-'));
  await mkdir(join(home, 'cluster'));
  pidFile = join(home, 'cluster', 'postmaster.pid');
});
afterEach(() => rm(home, { recursive: true, force: true }));

test('a cluster without a pid file has no server left running', async () => {
  await endLeftover(home);
  expect(existsSync(pidFile)).toBe(false);
});

test('removes a pid file that names a process of another program, and leaves the process alone', async () => {
  await writeFile(pidFile, `${process.ppid}\n${home}/cluster\n0\n5432\n${home}\n`);
  await endLeftover(home);
  expect(existsSync(pidFile)).toBe(false);
  expect(process.kill(process.ppid, 0)).toBe(true);
});

test('refuses a directory whose server answers but whose process is not visible', async () => {
  const server = createServer();
  await new Promise<void>((resolve) => server.listen(join(home, '.s.PGSQL.5432'), resolve));
  try {
    await writeFile(pidFile, `4194304\n${home}/cluster\n0\n5432\n${home}\n`);
    await expect(endLeftover(home)).rejects.toMatchObject({
      code: 'config_invalid',
      message: `The database in ${home} is in use by a Postgres that is not visible here, perhaps in another container: stop it, or choose another data directory.`,
    });
    expect(existsSync(pidFile)).toBe(true);
  } finally {
    await new Promise((resolve) => server.close(resolve));
  }
});
