import { type ChildProcessWithoutNullStreams, spawn } from 'node:child_process';
import { mkdir, mkdtemp, realpath, rm } from 'node:fs/promises';
import { tmpdir } from 'node:os';
import { join, resolve } from 'node:path';
import { readFileSync } from 'node:fs';
import { endProcess, identifyProcess, type ProcessIdentity } from '../../src/lib/process-identity.ts';
import { type BooClient, createClient } from '../../src/client/client.ts';
import { until } from './until.ts';

/** The built program; `npm test` builds it first. */
const program = resolve(process.env['BOOCODE_TEST_PROGRAM'] ?? 'dist/cli/boocode.js');

export interface Exit {
  /** Null if a signal ended it. */
  code: number | null;
  signal: NodeJS.Signals | null;
}

export interface RunningProgram {
  readonly identity: ProcessIdentity;
  readonly stdout: string;
  readonly stderr: string;
  readonly exit: Exit | undefined;
  /** Writes to its standard input. */
  type(text: string): void;
  endInput(): void;
  kill(signal: NodeJS.Signals): void;
  /** Ctrl-C: the signal goes to everything a terminal would consider part of this program. */
  pressCtrlC(): void;
  /** Resolves with the exit; ends the program and fails if that takes longer. */
  ended(timeoutMs?: number): Promise<Exit>;
}

/** A separate home for programs: its environment reveals nothing about whoever runs the tests. */
export interface ProgramHome {
  readonly home: string;
  readonly dataDir: string;
  /** A directory for chats, by its real path. */
  readonly workDir: string;
  readonly env: Record<string, string>;
  start(args: readonly string[], options?: { env?: Record<string, string>; cwd?: string }): RunningProgram;
  /** Runs to its end, with all of `input` on its standard input. */
  run(
    args: readonly string[],
    options?: { env?: Record<string, string>; cwd?: string; input?: string; timeoutMs?: number },
  ): Promise<Exit & { stdout: string; stderr: string }>;
  /** Starts `serve` or `demo`, and resolves when it reports that it is ready. */
  serve(command: 'serve' | 'demo', args?: readonly string[], env?: Record<string, string>): Promise<ServerProgram>;
  /** Ends what is still running. */
  endAll(): Promise<void>;
  /** The same, and removes the directories. */
  remove(): Promise<void>;
}

export interface ServerProgram {
  readonly program: RunningProgram;
  readonly url: string;
  readonly token: string;
  readonly client: BooClient;
  readonly signInLink: string;
}

export interface ProgramHomeOptions {
  env?: Record<string, string>;
  /** The default data directory; `demo` has its own there. */
  usualDataDir?: 'boocode' | 'boocode-demo';
  /** Which build the next program is; the usual one by default. */
  build?: () => string | undefined;
}

/** Warm chats answered by a demo model and stored in a test's database. */
export const warmEnv = (model: { url: string }, database: { url: string }): Record<string, string> => ({
  CLAUDE_SDK_BACKEND: '1',
  BOOCODE_LOG_LEVEL: 'error',
  DATABASE_URL: database.url,
  ANTHROPIC_BASE_URL: model.url,
  ANTHROPIC_API_KEY: 'sk-demo-0000000000000000',
});

export async function openProgramHome(options: ProgramHomeOptions = {}): Promise<ProgramHome> {
  const root = await realpath(await mkdtemp(join(tmpdir(), 'boocode-program-')));
  const home = join(root, 'home');
  const workDir = join(root, 'work');
  const { usualDataDir } = options;
  const dataDir = usualDataDir ? join(home, '.local', 'share', usualDataDir) : join(root, 'data');
  await Promise.all([mkdir(home), mkdir(workDir)]);
  const started = new Set<ChildProcessWithoutNullStreams>();
  const env = {
    PATH: process.env['PATH'] ?? '',
    HOME: home,
    LANG: 'C.UTF-8',
    TMPDIR: tmpdir(),
    ...(usualDataDir ? {} : { BOOCODE_DATA_DIR: dataDir }),
    BOOCODE_PORT: '0',
    CLAUDE_CODE_DISABLE_NONESSENTIAL_TRAFFIC: '1',
    DISABLE_AUTOUPDATER: '1',
    IS_SANDBOX: '1',
    ...options.env,
  };

  const start: ProgramHome['start'] = (args, given = {}) => {
    const child = spawn(process.execPath, [options.build?.() ?? program, ...args], {
      cwd: given.cwd ?? workDir,
      env: { ...env, ...given.env },
      // Its own process group, as from a shell.
      detached: true,
      stdio: 'pipe',
    });
    started.add(child);
    const output = { stdout: '', stderr: '' };
    child.stdout.setEncoding('utf8').on('data', (text: string) => (output.stdout += text));
    child.stderr.setEncoding('utf8').on('data', (text: string) => (output.stderr += text));
    // A write after its end is not a failure.
    child.stdin.on('error', () => undefined);
    let exit: Exit | undefined;
    // After its output is complete.
    const closed = new Promise<Exit>((done) => {
      child.on('close', (code, signal) => {
        exit = { code, signal };
        done(exit);
      });
    });
    const identity = identifyProcess(child.pid ?? 0);
    if (!identity) throw new Error('The program did not start.');
    return {
      identity,
      get stdout() {
        return output.stdout;
      },
      get stderr() {
        return output.stderr;
      },
      get exit() {
        return exit;
      },
      pressCtrlC: () => void process.kill(-identity.pid, 'SIGINT'),
      type: (text) => void child.stdin.write(text),
      endInput: () => void child.stdin.end(),
      kill: (signal) => void child.kill(signal),
      async ended(timeoutMs = 30_000) {
        let timer: NodeJS.Timeout | undefined;
        const late = new Promise<null>((done) => (timer = setTimeout(() => done(null), timeoutMs)));
        const result = await Promise.race([closed, late]).finally(() => clearTimeout(timer));
        if (result) return result;
        child.kill('SIGKILL');
        throw new Error(`boocode ${args.join(' ')} ran longer than ${timeoutMs} ms. It printed:\n${all(output)}`);
      },
    };
  };

  async function endAll(): Promise<void> {
    await Promise.all([...started].map((child) => endProcess(child, { graceMs: 10_000 })));
    started.clear();
  }

  return {
    home,
    dataDir,
    workDir,
    env,
    start,
    async run(args, { input = '', timeoutMs, ...given } = {}) {
      const running = start(args, given);
      running.type(input);
      running.endInput();
      const exit = await running.ended(timeoutMs);
      return { ...exit, stdout: running.stdout, stderr: running.stderr };
    },
    async serve(command, args = [], moreEnv = {}) {
      const running = start([command, ...args], { env: moreEnv });
      const ready = /^BooCode is ready: (https?:\/\/\S+)$/m;
      await until(() => ready.test(running.stdout) || running.exit !== undefined, { timeoutMs: 60_000, what: command });
      const url = ready.exec(running.stdout)?.[1];
      if (url === undefined) throw new Error(`boocode ${command} did not become ready. It printed:\n${all(running)}`);
      const token = moreEnv['BOOCODE_TOKEN'] ?? readFileSync(join(dataDir, 'token'), 'utf8').trim();
      const client = createClient({ url, token, clientName: 'test', backoff: { minMs: 20, maxMs: 200 } });
      await until(() => running.stdout.includes('#code='));
      const [signInLink = ''] = /https?:\S+#code=\S+/.exec(running.stdout) ?? [];
      return { program: running, url, token, client, signInLink };
    },
    endAll,
    async remove() {
      await endAll();
      await rm(root, { recursive: true, force: true, maxRetries: 20, retryDelay: 100 });
    },
  };
}

function all({ stdout, stderr }: { stdout: string; stderr: string }): string {
  return `${stdout}\n${stderr}`.trim();
}
