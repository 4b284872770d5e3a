/**
 * Runs git as a process, never through a shell. Nothing that a repository configures is run by what is asked here: no
 * hooks, no file system monitor, no pager, no fetch. Nobody is asked for a password. What reads or compares files, which
 * would run the filters that are configured, works through a git directory of our own (`../changes/private-git.ts`).
 * The exception is `asPerson`, for what a person has asked for in a directory that is trusted (`../changes/hand.ts`).
 */
import { GitRunner, type RunResult } from './git-runner.ts';

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

/** `isCut`: some of what it printed was dropped. */
export type GitBytes = RunResult;

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
const runner = new GitRunner();

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
  const settings = (asPerson ? unattended : harmless).flatMap((setting) => ['-c', setting]);
  return runner.run({ args: [...settings, ...args], cwd, env, timeoutMs, input, maxBytes }, signal);
}

/** What git says at last. */
export function complaint({ stderr }: GitResult): string {
  const lines = stderr.trim().split('\n');
  return (lines.findLast((line) => /^(fatal|error):/.test(line)) ?? lines.at(-1) ?? '').slice(0, 500) || 'git failed';
}
