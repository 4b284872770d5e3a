import { execFileSync } from 'node:child_process';

const person = ['-c', 'user.name=Test', '-c', 'user.email=test@example.com'];

/** Runs git, and returns what it prints. */
export function git(cwd: string, ...args: string[]): string {
  return execFileSync('git', [...person, ...args], { cwd, encoding: 'utf8', stdio: ['ignore', 'pipe', 'pipe'] }).trim();
}

/** Turns the directory into a repository with one commit, so that it can have worktrees. */
export function initRepository(
  cwd: string,
  { remote, branch = 'main' }: { remote?: string; branch?: string } = {},
): void {
  git(cwd, 'init', '-q', '-b', branch);
  git(cwd, 'commit', '-q', '--allow-empty', '-m', 'First');
  if (remote !== undefined) git(cwd, 'remote', 'add', 'origin', remote);
}
