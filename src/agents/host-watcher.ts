/**
 * A killed host cannot clean up. So a small process of its own waits for the host's death, and then ends everything
 * that carries the host's marks. It is a shell that reads from a pipe which only the host holds open; it uses 1 MB
 * while the host lives. The kernel tells agents to end immediately, and the watcher gives them a moment to do so. Linux
 * only: elsewhere nothing is started.
 */
import { type ChildProcess, spawn } from 'node:child_process';
import { once } from 'node:events';
import { delimiter, dirname } from 'node:path';
import type { Log } from '../lib/log.ts';
import { findProgram, identifyProcess } from '../lib/process-identity.ts';
import { hostDigits, hostMark, markName, temporaryPrefix } from './process-marks.ts';

/**
 * Arguments: the leading digits of the limits of the host's sessions, the host's entry in the environment, and the
 * prefix of the host's temporary directories.
 */
const script = `
trap '' HUP INT TERM
while read -r line; do :; done
end() {
  for file in $(grep -ls "^Max file locks  *[0-9]*  *$2[0-9][0-9][0-9][0-9][0-9][0-9] " /proc/[0-9]*/limits) \\
      $(grep -lsz "^$3\\$" /proc/[0-9]*/environ); do
    pid=\${file#/proc/}
    kill -s "$1" "\${pid%/*}" 2>/dev/null
  done
}
sleep 2
end TERM "$@"
for second in 1 2 3 4; do
  sleep 1
  end KILL "$@"
done
rm -rf "$3"*
`;

export interface HostWatcher {
  /** The watcher's current process. */
  readonly pid: number | undefined;
  /** Call it when the host has ended its agents and nothing is left to watch. */
  close(): Promise<void>;
}

/** Delay before a watcher that ended is replaced. */
const againMs = 1_000;

export function startHostWatcher(log: Log): HostWatcher {
  const programs = ['grep', 'sleep', 'rm'].flatMap((name) => findProgram(name) ?? []);
  const path = programs.map((program) => dirname(program)).join(delimiter);
  const self = process.platform === 'linux' ? identifyProcess(process.pid) : null;
  let watcher: ChildProcess | undefined;
  let timer: NodeJS.Timeout | undefined;
  let isClosed = false;

  function start(): void {
    if (!self) return;
    const args = [
      '-c',
      script,
      'boocode-watcher',
      hostDigits(self),
      `${markName}=${hostMark(self)}`,
      temporaryPrefix(),
    ];
    // Its own session, so that Ctrl-C does not reach it, and nothing of the host's environment.
    const child = spawn('/bin/sh', args, {
      detached: true,
      stdio: ['pipe', 'ignore', 'ignore'],
      cwd: '/',
      env: { PATH: path },
    });
    watcher = child;
    child.stdin.on('error', () => undefined);
    child.unref();
    const again = (cause: unknown): void => {
      if (isClosed || watcher !== child) return;
      log.warn({ err: cause }, 'The process that cleans up after a killed host has ended; starting another one.');
      watcher = undefined;
      timer = setTimeout(start, againMs);
      timer.unref();
    };
    child.on('error', again);
    child.on('exit', again);
  }

  start();
  return {
    get pid() {
      return watcher?.pid;
    },
    async close() {
      isClosed = true;
      clearTimeout(timer);
      const child = watcher;
      if (child?.pid === undefined || child.exitCode !== null || child.signalCode !== null) return;
      // It was unreferenced until now: keep this process alive until it has ended.
      child.ref();
      const exited = once(child, 'exit');
      child.kill('SIGKILL');
      await exited;
    },
  };
}
