import { type ChildProcess, spawn } from 'node:child_process';
import { once } from 'node:events';
import type * as nodeFs from 'node:fs';
import { mkdtemp, readdir, rm, writeFile } from 'node:fs/promises';
import { tmpdir } from 'node:os';
import { join } from 'node:path';
import { afterEach, beforeEach, expect, test, vi } from 'vitest';
import { compileModule } from '../../test/support/compile.ts';
import { takeLock } from './lock-file.ts';
import { identifyProcess } from './process-identity.ts';

// Runs after a process has read the directory, and before it creates the next file.
const meanwhile = vi.hoisted(() => ({ happens: undefined as (() => void) | undefined }));
vi.mock('node:fs', async (original) => {
  const fs = await original<typeof nodeFs>();
  return {
    ...fs,
    linkSync(from: string, to: string) {
      const happens = meanwhile.happens;
      meanwhile.happens = undefined;
      happens?.();
      fs.linkSync(from, to);
    },
  };
});

let directory: string;
beforeEach(async () => {
  directory = await mkdtemp(join(tmpdir(), 'boocode-lock-'));
});
afterEach(() => rm(directory, { recursive: true, force: true }));

test('a lock has one holder until it is released', () => {
  const first = takeLock(directory, 'lock');
  if (!first.taken) throw new Error('Not taken.');
  expect(takeLock(directory, 'lock')).toEqual({ taken: false, holder: identifyProcess(process.pid) });
  expect(takeLock(directory, 'other')).toMatchObject({ taken: true });
  first.release();
  expect(takeLock(directory, 'lock')).toMatchObject({ taken: true });
});

test.for([
  ['of a process that has ended', JSON.stringify({ pid: process.pid, startedAt: 'an earlier time' })],
  ['that a power failure emptied', ''],
] as const)('a lock %s is taken over', async ([, content]) => {
  await writeFile(join(directory, 'lock.4'), content);
  expect(takeLock(directory, 'lock')).toMatchObject({ taken: true });
  expect(await readdir(directory)).toEqual(['lock.5']);
});

test('a slow process does not take a lock that others have taken and released in the meantime', async () => {
  await writeFile(join(directory, 'lock.4'), 'null');
  meanwhile.happens = () => {
    const quick = takeLock(directory, 'lock');
    if (!quick.taken) throw new Error('Not taken.');
    quick.release();
    expect(takeLock(directory, 'lock')).toMatchObject({ taken: true });
  };
  // It creates number 5, which has been released, while number 6 is held.
  expect(takeLock(directory, 'lock')).toEqual({ taken: false, holder: identifyProcess(process.pid) });
  expect(await readdir(directory)).toEqual(['lock.6']);
});

test('never has two holders, while many processes take it, release it and die with it', async () => {
  const compiled = await compileModule('lib/lock-file.ts');
  const children: ChildProcess[] = [];
  try {
    // With one holder at a time, nobody else has created the mark. In the last round each process dies with the lock.
    const script = `
      import { rmSync, writeFileSync } from 'node:fs';
      import { takeLock } from ${JSON.stringify(compiled.module)};
      const [directory, mark] = ${JSON.stringify([directory, join(directory, 'mark')])};
      const deadline = Date.now() + 20_000;
      for (let round = 1; round <= 30; ) {
        const lock = takeLock(directory, 'lock');
        if (!lock.taken) {
          if (Date.now() > deadline) process.exit(2);
          continue;
        }
        writeFileSync(mark, '', { flag: 'wx' });
        rmSync(mark);
        if (round < 30) lock.release();
        round += 1;
      }`;
    for (let count = 0; count < 6; count += 1) {
      children.push(spawn(process.execPath, ['--input-type=module', '-e', script], { stdio: 'inherit' }));
    }
    const ends = await Promise.all(children.map((child) => once(child, 'exit')));
    expect(ends.map(([status]) => status as unknown)).toEqual([0, 0, 0, 0, 0, 0]);
  } finally {
    for (const child of children) child.kill('SIGKILL');
    await compiled.remove();
  }
});
