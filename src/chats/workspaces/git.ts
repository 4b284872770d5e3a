/**
 * Runs git as a process, never through a shell. Nothing that a repository configures is run by what is asked here: no
 * hooks, no file system monitor, no pager, no fetch. Nobody is asked for a password. What reads or compares files, which
 * would run the filters that are configured, works through a git directory of our own (`../changes/private-git.ts`).
 * The exception is `asPerson`, for what a person has asked for in a directory that is trusted (`../changes/hand.ts`).
 */
import { spawn } from 'node:child_process';
import type { Readable } from 'node:stream';
import { withDeathSignal } from '../../lib/process-identity.ts';

export type GitEnvironment = Readonly<Record<string, string>>;

export interface GitOptions {
  cwd: string;
  env: GitEnvironment;
  timeoutMs?: number;
  signal?: AbortSignal | undefined;
  input?: Uint8Array | undefined;
  /** What it prints beyond this many bytes is dropped. */
  maxBytes?: number | undefined;
  /** With the hooks, filters and signatures that are configured, as on a command line. */
  asPerson?: boolean;
}

export interface GitResult {
  code: number;
  stdout: string;
  stderr: string;
}

export interface GitBytes {
  code: number;
  stdout: Buffer;
  stderr: string;
  /** Some of what it printed was dropped. */
  isCut: boolean;
}

const passed =
  /^(PATH|HOME|USER|LOGNAME|EMAIL|LANG|LC_\w+|TMPDIR|XDG_CONFIG_HOME|GNUPGHOME|SSH_AUTH_SOCK|SSL_CERT_(FILE|DIR)|GIT_SSL_CAINFO|GIT_(AUTHOR|COMMITTER)_(NAME|EMAIL)|\w+_proxy)$/i;

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
/** Nobody is at a terminal, and git's own monitor would stay behind as a process. */
const unattended = ['core.fsmonitor=false', 'core.askPass='];
const maxOutput = 256 * 1024;
/** How long git may take to end once it is asked to, and its output to end after it. */
const patienceMs = 1_000;

/** Resolves with its exit code. Rejects if git cannot be started, takes too long, or is aborted; none of it is left then. */
export async function git(args: readonly string[], options: GitOptions): Promise<GitResult> {
  const { code, stdout, stderr } = await gitBytes(args, options);
  return { code, stdout: stdout.toString('utf8'), stderr };
}

/** The same for what is not text, such as paths. */
export function gitBytes(
  args: readonly string[],
  { cwd, env, timeoutMs = 5_000, signal, input, maxBytes = maxOutput, asPerson = false }: GitOptions,
): Promise<GitBytes> {
  const { command, args: all } = withDeathSignal(
    'git',
    [...(asPerson ? unattended : harmless).flatMap((setting) => ['-c', setting]), ...args],
    'TERM',
  );
  return new Promise((resolve, reject) => {
    if (signal?.aborted) return reject(stopped(signal));
    // A session of its own has no terminal that could be asked for a password, and its processes end together.
    const child = spawn(command, all, { cwd, env, stdio: ['pipe', 'pipe', 'pipe'], detached: true });
    // It may end before it has read everything.
    child.stdin.on('error', () => undefined).end(input);
    const output = { stdout: collect(child.stdout, maxBytes), stderr: collect(child.stderr, maxOutput) };
    let why: Error | undefined;
    let patience: NodeJS.Timeout | undefined;
    const signalAll = (name: NodeJS.Signals): void => {
      try {
        if (child.pid !== undefined) process.kill(-child.pid, name);
      } catch {
        // It has just ended.
      }
    };
    const end = (reason: Error): void => {
      why ??= reason;
      // Ended this way it removes its locks.
      signalAll('SIGTERM');
      patience ??= setTimeout(() => signalAll('SIGKILL'), patienceMs);
    };
    const onAbort = (): void => end(stopped(signal));
    const timer = setTimeout(() => end(new Error(`git took longer than ${timeoutMs / 1000} s`)), timeoutMs);
    signal?.addEventListener('abort', onAbort, { once: true });
    const settle = (): void => {
      clearTimeout(timer);
      clearTimeout(patience);
      signal?.removeEventListener('abort', onAbort);
    };
    child.once('error', (error) => {
      settle();
      reject(error);
    });
    // What a hook has left running may hold its output open.
    child.once('exit', () => {
      clearTimeout(patience);
      patience = setTimeout(() => {
        if (why) signalAll('SIGKILL');
        child.stdout.destroy();
        child.stderr.destroy();
      }, patienceMs);
    });
    child.once('close', (code, killed) => {
      settle();
      if (why) signalAll('SIGKILL');
      if (why || code === null) return reject(why ?? new Error(`git was ended by ${killed}`));
      const { bytes: stdout, isCut } = output.stdout();
      resolve({ code, stdout, stderr: output.stderr().bytes.toString('utf8'), isCut });
    });
  });
}

/** Keeps the first bytes of a stream, and reads on. */
function collect(stream: Readable, maxBytes: number): () => { bytes: Buffer; isCut: boolean } {
  const pieces: Buffer[] = [];
  let length = 0;
  stream.on('data', (piece: Buffer) => {
    if (length < maxBytes) pieces.push(piece.subarray(0, maxBytes - length));
    length += piece.byteLength;
  });
  return () => ({ bytes: Buffer.concat(pieces), isCut: length > maxBytes });
}

/** What git says at last. */
export function complaint({ stderr }: GitResult): string {
  const lines = stderr.trim().split('\n');
  return (lines.findLast((line) => /^(fatal|error):/.test(line)) ?? lines.at(-1) ?? '').slice(0, 500) || 'git failed';
}

const stopped = (signal: AbortSignal | undefined): Error =>
  signal?.reason instanceof Error ? signal.reason : new Error('git was stopped');
