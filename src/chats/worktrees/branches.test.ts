import { execFileSync } from 'node:child_process';
import { mkdirSync, mkdtempSync, realpathSync, rmSync } from 'node:fs';
import { tmpdir } from 'node:os';
import { join } from 'node:path';
import { afterEach, beforeEach, expect, test } from 'vitest';
import { git, initRepository } from '../../../test/support/git-repository.ts';
import { WorkPlaces } from '../work-places.ts';
import { gitEnvironment } from '../workspaces/git.ts';
import { listBranches } from './branches.ts';
import type { GitWork } from './git-work.ts';

let top: string;
let work: GitWork;
beforeEach(() => {
  top = realpathSync(mkdtempSync(join(tmpdir(), 'boocode-branches-')));
  const places = new WorkPlaces({ dataDir: top });
  work = { dataDir: top, places, env: gitEnvironment(process.env), signal: new AbortController().signal };
});
afterEach(() => rmSync(top, { recursive: true, force: true }));

test('WEB-102: branches, tags and those of remotes are listed by a part of their names', async () => {
  initRepository(top);
  git(top, 'branch', 'feature/login');
  git(top, 'tag', 'Login-1');
  git(top, 'update-ref', 'refs/remotes/origin/login', 'HEAD');
  git(top, 'symbolic-ref', 'refs/remotes/origin/HEAD', 'refs/remotes/origin/login');
  git(top, 'update-ref', 'refs/heads/-x', 'HEAD');
  mkdirSync(join(top, 'sub'));
  const all = await listBranches(work, join(top, 'sub'), '');
  expect(all).toEqual({
    repository: top,
    current: 'main',
    items: [
      { name: 'feature/login', kind: 'branch' },
      { name: 'main', kind: 'branch' },
      { name: 'Login-1', kind: 'tag' },
      { name: 'origin/login', kind: 'remote' },
    ],
    truncated: false,
  });
  const found = await listBranches(work, top, 'LOGIN');
  expect(found.items.map(({ name }) => name)).toEqual(['feature/login', 'Login-1', 'origin/login']);
  git(top, 'checkout', '-q', '--detach');
  const refs = Array.from({ length: 51 }, (_, at) => `create refs/heads/many-${at} HEAD\n`).join('');
  execFileSync('git', ['update-ref', '--stdin'], { cwd: top, input: refs });
  const many = await listBranches(work, top, 'many');
  expect([many.current, many.items.length, many.truncated]).toEqual([null, 50, true]);
});

test('WEB-102: a directory in no repository has none, and one without a commit is in one', async () => {
  const nothing = { repository: null, current: null, items: [], truncated: false };
  expect(await listBranches(work, top, '')).toEqual(nothing);
  expect(await listBranches(work, join(top, 'missing'), '')).toEqual(nothing);
  expect(await listBranches(work, '', '')).toEqual(nothing);
  await expect(listBranches(work, 'here', '')).rejects.toMatchObject({
    code: 'invalid_request',
    details: { field: 'directory' },
  });
  git(top, 'init', '-q', '-b', 'trunk');
  expect(await listBranches(work, top, '')).toMatchObject({ repository: top, current: 'trunk', items: [] });
});
