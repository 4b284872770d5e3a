/**
 * Runs the command of `boocode.setup` in a new worktree: what the person wrote, given to the shell as it is. Everything that it has
 * started ends with it, at the latest after the limit.
 */
import { spawn } from 'node:child_process';
import { withDeathSignal } from '../../lib/process-identity.ts';
import type { GitEnvironment } from '../workspaces/git.ts';

export interface Setup {
  command: string;
  cwd: string;
  repository: string;
  env: GitEnvironment;
  limitMs: number;
  signal: AbortSignal;
  /** The last line of what it has printed so far. */
  readonly onLine: (line: string) => void;
}

export interface SetupResult {
  /** Why it failed; null if it did not. */
  problem: string | null;
  /** The end of what it printed. */
  output: string;
  seconds: number;
}

const maxOutput = 16 * 1024;
/** How long its output may take to end after it. */
const patienceMs = 1_000;

export function runSetup(setup: Setup): Promise<SetupResult> {
  const { command, cwd, repository, limitMs, signal, onLine } = setup;
  const started = performance.now();
  const shell = withDeathSignal('/bin/sh', ['-c', command], 'TERM');
  const git = /^(GIT_|SSH_ASKPASS$)/;
  const env = {
    ...Object.fromEntries(Object.entries(setup.env).filter(([name]) => !git.test(name))),
    BOOCODE_REPOSITORY: repository,
    BOOCODE_WORKTREE: cwd,
  };
  return new Promise((resolve) => {
    let output = '';
    let problem: string | null = null;
    let drained: NodeJS.Timeout | undefined;
    const done = (): void => {
      clearTimeout(timer);
      clearTimeout(drained);
      signal.removeEventListener('abort', onAbort);
      resolve({ problem, output: output.trim(), seconds: Math.round((performance.now() - started) / 100) / 10 });
    };
    const child = spawn(shell.command, shell.args, { cwd, env, stdio: ['ignore', 'pipe', 'pipe'], detached: true });
    const end = (why: string | null): void => {
      problem ??= why;
      try {
        if (child.pid !== undefined) process.kill(-child.pid, 'SIGKILL');
      } catch {
        // It has just ended.
      }
    };
    const onAbort = (): void => end('the server stops, or nobody waits for it any more');
    const timer = setTimeout(() => end(`it took longer than ${limitMs / 1000} s`), limitMs);
    signal.addEventListener('abort', onAbort, { once: true });
    const take = (piece: Buffer): void => {
      output = (output + piece.toString('utf8')).slice(-maxOutput);
      onLine(
        output
          .trimEnd()
          .split(/[\r\n]/)
          .at(-1)
          ?.slice(0, 200) ?? '',
      );
    };
    child.stdout.on('data', take);
    child.stderr.on('data', take);
    child.once('error', (error) => {
      problem = error.message;
      done();
    });
    child.once('exit', (code, killed) => {
      if (code !== 0) problem ??= killed ? `it was ended by ${killed}` : `it ended with exit code ${code}`;
      // What it left in the background.
      end(null);
      // A daemon in a session of its own may hold the output open.
      drained = setTimeout(() => {
        child.stdout.destroy();
        child.stderr.destroy();
      }, patienceMs);
    });
    child.once('close', () => done());
    if (signal.aborted) onAbort();
  });
}
