/**
 * A host that is killed can do nothing any more; so a small process of its own waits for that, and then ends what carries
 * the host's marks. It is a shell that reads a pipe which only the host holds open: 1 MB, for as long as the host lives.
 * Agents are told to end by the kernel at once, and get a moment for it. Linux only: elsewhere nothing is started.
 */
import { type ChildProcess, spawn } from 'node:child_process';
import { once } from 'node:events';
import { delimiter, dirname } from 'node:path';
import type { Log } from '../lib/log.ts';
import { findProgram, identifyProcess } from '../lib/process-identity.ts';
import { hostDigits, hostMark, markName, temporaryPrefix } from './process-marks.ts';

/**
 * Its arguments: what the limits of the host's sessions begin with, the entry in the environment, and what the host's
 * temporary directories begin with.
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
  /** The watcher as it runs now. */
  readonly pid: number | undefined;
  /** The host has ended its agents: nothing is left to watch. */
  close(): Promise<void>;
}

/** How long until another one is started in place of one that ended. */
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
    // In a session of its own, so that no Ctrl-C is for it; and with nothing of the host's environment.
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
      log.warn(
        { err: cause },
        'The process that ends what a killed host leaves behind is gone; another one is started.',
      );
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
      // It kept nothing from ending until now: its end is waited for.
      child.ref();
      const exited = once(child, 'exit');
      child.kill('SIGKILL');
      await exited;
    },
  };
}
