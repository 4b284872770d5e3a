import { existsSync, mkdirSync, mkdtempSync, readFileSync, realpathSync, rmSync, writeFileSync } from 'node:fs';
import { tmpdir } from 'node:os';
import { join } from 'node:path';
import { afterEach, beforeEach, expect, test } from 'vitest';
import { git, initRepository } from '../../../test/support/git-repository.ts';
import { until } from '../../../test/support/until.ts';
import { GitGuard } from './git-guard.ts';

let top: string;
let own: string;
beforeEach(() => {
  top = realpathSync(mkdtempSync(join(tmpdir(), 'boocode-guard-')));
  initRepository(top);
  own = join(top, '.git');
});
afterEach(() => rmSync(top, { recursive: true, force: true }));

/** Makes git take its configuration from a directory that looks like a repository's. */
function redirect(): void {
  for (const name of ['refs', 'objects']) mkdirSync(join(top, 'elsewhere', name), { recursive: true });
  writeFileSync(join(top, 'elsewhere', 'HEAD'), readFileSync(join(own, 'HEAD')));
  writeFileSync(join(top, 'elsewhere', 'config'), '[core]\n\trepositoryformatversion = 0\n[who]\n\tsays = elsewhere\n');
  writeFileSync(join(own, 'commondir'), '../elsewhere\n');
}

test('SANDBOX-3: a repository cannot be told to take its hooks and configuration from elsewhere', async () => {
  let removed = 0;
  redirect();
  // This is what it is about.
  expect(git(top, 'config', 'who.says').trim()).toBe('elsewhere');
  const guard = new GitGuard();
  guard.protect(own, () => (removed += 1));
  expect([existsSync(join(own, 'commondir')), removed]).toEqual([false, 1]);
  for (const count of [2, 3]) {
    redirect();
    await until(() => removed === count);
    expect(existsSync(join(own, 'commondir'))).toBe(false);
  }
  expect(git(top, 'config', '--default', 'nowhere', 'who.says').trim()).toBe('nowhere');
});

test('SANDBOX-3: the chat that came last is told, and a repository that is gone is forgotten', async () => {
  const told: string[] = [];
  const guard = new GitGuard();
  guard.protect(own, () => told.push('first'));
  guard.protect(own, () => told.push('second'));
  redirect();
  await until(() => told.length > 0);
  expect(told).toEqual(['second']);
  rmSync(own, { recursive: true });
  initRepository(top);
  guard.protect(own, () => told.push('third'));
  redirect();
  await until(() => told.includes('third'));
  expect(existsSync(join(own, 'commondir'))).toBe(false);
});
