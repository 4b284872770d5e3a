import { execFileSync } from 'node:child_process';
import { expect, test } from 'vitest';
import { worktreeNameProblem } from './worktree-name.ts';
import { worktreeName } from './worktree.ts';

const gitAccepts = (name: string): boolean => {
  try {
    execFileSync('git', ['check-ref-format', `refs/heads/boocode/${name}`], { stdio: 'ignore' });
    return true;
  } catch {
    return false;
  }
};

const good = ['login', 'a/b-c_d.e', '2', 'übung', 'a.lockx', 'a-.b'];
const bad = [
  '',
  '-x',
  'a b',
  'a..b',
  'a//b',
  'a/',
  'a.',
  'a/.b',
  'a.lock',
  'a.lock/b',
  'a~1',
  'a@{1}',
  'x'.repeat(101),
];
test.each([...good, ...bad])('WEB-102: the page judges the name %o as the server and git do', (name) => {
  expect(worktreeNameProblem(name) === undefined).toBe(worktreeName.safeParse(name).success && gitAccepts(name));
});
