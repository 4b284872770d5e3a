/**
 * A killed host cannot clean up, and neither can a frozen one, whose chats another host takes. So a small process of its
 * own waits for the host's death, or for its silence, and then ends everything that carries the host's marks. It is a
 * shell that reads from a pipe which only the host holds open; it uses 1 MB while the host lives. After a death the
 * kernel tells agents to end immediately, and the watcher gives them a moment to do so. Linux only: elsewhere nothing is
 * started.
 */
import { type ChildProcess, spawn } from 'node:child_process';
import { once } from 'node:events';
import { delimiter, dirname } from 'node:path';
import type { Log } from '../lib/log.ts';
import { findProgram, identifyProcess } from '../lib/process-identity.ts';
import { hostDigits, hostMark, markName, temporaryPrefix } from './process-marks.ts';

/**
 * Arguments: the leading digits of the limits of the host's sessions, the host's entry in the environment, the prefix of
 * the host's temporary directories, and two times in seconds: for how long a host that has begun to beat may be silent,
 * and how long it has after that. The second one is for machines that slept: time has passed for the first, and the host
 * needs a moment.
 */
const script = `
trap '' HUP INT TERM
end() {
  for file in $(grep -ls "^Max file locks  *[0-9]*  *$2[0-9][0-9][0-9][0-9][0-9][0-9] " /proc/[0-9]*/limits) \\
      $(grep -lsz "^$3\\$" /proc/[0-9]*/environ); do
    pid=\${file#/proc/}
    kill -s "$1" "\${pid%/*}" 2>/dev/null
  done
}
if [ "$4" -eq 0 ]; then
  while read -r beat; do :; done
fi
beat=$(head -n 1)
while [ -n "$beat" ]; do
  beat=$(timeout -s KILL "$4" head -n 1)
  [ $? -lt 124 ] || beat=$(timeout -s KILL "$5" head -n 1)
  if [ $? -ge 124 ]; then
    end TERM "$@"
    sleep 1
    end KILL "$@"
    beat=$(head -n 1)
  fi
done
sleep 2
end TERM "$@"
for second in 1 2 3 4; do
  sleep 1
  end KILL "$@"
done
rm -rf "$3"*
`;

/**
 * A host renews its leases every 5 s, and they last 15 s from then: its agents have ended before another host may take
 * its chats. A host that loses its database ends them itself, after 9 s, in order.
 */
const silence = { seconds: 7, graceSeconds: 5 };

export interface HostWatcher {
  /** The watcher's current process. */
  readonly pid: number | undefined;
  /** The host has just renewed its leases. */
  beat(): void;
  /** Call it when the host has ended its agents and nothing is left to watch. */
  close(): Promise<void>;
}

/** Delay before a watcher that ended is replaced. */
const againMs = 1_000;

export function startHostWatcher(log: Log, { seconds, graceSeconds } = silence): HostWatcher {
  const programs = ['grep', 'sleep', 'rm', 'head', 'timeout'].flatMap((name) => findProgram(name) ?? []);
  // Without it the silence cannot be timed.
  const canTime = findProgram('timeout') !== null;
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
      String(canTime ? seconds : 0),
      String(graceSeconds),
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
    beat() {
      if (watcher?.stdin && !watcher.stdin.writableNeedDrain) watcher.stdin.write('beat\n');
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
