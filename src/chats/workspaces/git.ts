/**
 * Runs git as a process, never through a shell. Nothing that a repository configures is run by what is asked here: no
 * hooks, no file system monitor, no pager, no fetch. Nobody is asked for a password.
 */
import { spawn } from 'node:child_process';
import { withDeathSignal } from '../../lib/process-identity.ts';

export type GitEnvironment = Readonly<Record<string, string>>;

export interface GitOptions {
  cwd: string;
  env: GitEnvironment;
  timeoutMs?: number;
  signal?: AbortSignal | undefined;
}

export interface GitResult {
  code: number;
  stdout: string;
  stderr: string;
}

const passed =
  /^(PATH|HOME|USER|LOGNAME|LANG|LC_\w+|TMPDIR|XDG_CONFIG_HOME|SSH_AUTH_SOCK|SSL_CERT_(FILE|DIR)|GIT_SSL_CAINFO|\w+_proxy)$/i;

/** The part of an environment that git needs. */
export function gitEnvironment(env: Readonly<Record<string, string | undefined>>): GitEnvironment {
  const kept = Object.entries(env).filter((entry): entry is [string, string] => entry[1] !== undefined);
  return {
    ...Object.fromEntries(kept.filter(([name]) => passed.test(name))),
    // Its messages are read.
    LC_ALL: 'C',
    GIT_TERMINAL_PROMPT: '0',
    GIT_ASKPASS: '',
    SSH_ASKPASS: '',
    GIT_OPTIONAL_LOCKS: '0',
    GIT_NO_LAZY_FETCH: '1',
  };
}

const harmless = ['core.fsmonitor=false', 'core.hooksPath=/dev/null', 'core.askPass=', 'safe.bareRepository=explicit'];
const maxOutput = 256 * 1024;

/** Resolves with its exit code. Rejects if git cannot be started, takes too long, or is aborted; none of it is left then. */
export function git(args: readonly string[], { cwd, env, timeoutMs = 5_000, signal }: GitOptions): Promise<GitResult> {
  const { command, args: all } = withDeathSignal(
    'git',
    [...harmless.flatMap((setting) => ['-c', setting]), ...args],
    'TERM',
  );
  return new Promise((resolve, reject) => {
    if (signal?.aborted) return reject(stopped(signal));
    // A session of its own has no terminal that could be asked for a password, and its processes end together.
    const child = spawn(command, all, { cwd, env, stdio: ['ignore', 'pipe', 'pipe'], detached: true });
    const output = { stdout: '', stderr: '' };
    for (const name of ['stdout', 'stderr'] as const) {
      child[name].setEncoding('utf8').on('data', (text: string) => {
        output[name] = (output[name] + text).slice(0, maxOutput);
      });
    }
    let why: Error | undefined;
    const end = (reason: Error): void => {
      why ??= reason;
      try {
        if (child.pid !== undefined) process.kill(-child.pid, 'SIGKILL');
      } catch {
        // It has just ended.
      }
    };
    const onAbort = (): void => end(stopped(signal));
    const timer = setTimeout(() => end(new Error(`git took longer than ${timeoutMs / 1000} s`)), timeoutMs);
    signal?.addEventListener('abort', onAbort, { once: true });
    const settle = (): void => {
      clearTimeout(timer);
      signal?.removeEventListener('abort', onAbort);
    };
    child.once('error', (error) => {
      settle();
      reject(error);
    });
    child.once('close', (code, killed) => {
      settle();
      if (why || code === null) reject(why ?? new Error(`git was ended by ${killed}`));
      else resolve({ code, ...output });
    });
  });
}

/** What git says at last. */
export function complaint({ stderr }: GitResult): string {
  const lines = stderr.trim().split('\n');
  return (lines.findLast((line) => /^(fatal|error):/.test(line)) ?? lines.at(-1) ?? '').slice(0, 500) || 'git failed';
}

const stopped = (signal: AbortSignal | undefined): Error =>
  signal?.reason instanceof Error ? signal.reason : new Error('git was stopped');
