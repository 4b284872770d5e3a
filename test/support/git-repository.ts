import { execFileSync } from 'node:child_process';

/** Turns the directory into a repository with one commit, so that it can have worktrees. */
export function initRepository(cwd: string): void {
  const person = ['-c', 'user.name=Test', '-c', 'user.email=test@example.com'];
  execFileSync('git', ['init', '-q'], { cwd });
  execFileSync('git', [...person, 'commit', '-q', '--allow-empty', '-m', 'First'], { cwd });
}
