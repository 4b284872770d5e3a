import { type ChildProcess, spawnSync } from 'node:child_process';
import { accessSync, constants, readFileSync } from 'node:fs';
import { delimiter, join } from 'node:path';
import { setTimeout as delay } from 'node:timers/promises';

/**
 * A pid alone names nobody for long: it is given out again, and a dead process that nobody reaped still answers
 * `kill(pid, 0)`. A pid with its start time is one process for ever.
 */
export interface ProcessIdentity {
  pid: number;
  /** Opaque; equal only for the same process of the same boot. */
  startedAt: string;
}

/** The living process with this pid, or null when there is none. A zombie is not alive. */
export function identifyProcess(pid: number): ProcessIdentity | null {
  const startedAt = process.platform === 'linux' ? startFromProc(pid) : startFromPs(pid);
  return startedAt === null ? null : { pid, startedAt };
}

export function isAlive(identity: ProcessIdentity): boolean {
  return identifyProcess(identity.pid)?.startedAt === identity.startedAt;
}

let bootId: string | undefined;

function startFromProc(pid: number): string | null {
  let stat: string;
  try {
    stat = readFileSync(`/proc/${pid}/stat`, 'latin1');
  } catch (error) {
    // ESRCH: it went away between open and read.
    if (['ENOENT', 'ESRCH'].includes((error as NodeJS.ErrnoException).code ?? '')) return null;
    throw error;
  }
  // The second field is the program's name in brackets, and may itself hold spaces and brackets.
  const fields = stat.slice(stat.lastIndexOf(')') + 2).split(' ');
  const [state, ticks] = [fields[0], fields[19]];
  if (ticks === undefined || state === 'Z' || state === 'X') return null;
  bootId ??= readFileSync('/proc/sys/kernel/random/boot_id', 'latin1').trim();
  return `${bootId}/${ticks}`;
}

function startFromPs(pid: number): string | null {
  // One spelling of the time, whatever the language and time zone of whoever asks.
  const { stdout, error } = spawnSync('/bin/ps', ['-o', 'stat=,lstart=', '-p', String(pid)], {
    encoding: 'utf8',
    env: { LC_ALL: 'C', TZ: 'UTC' },
  });
  if (error) throw error;
  const [, state, start] = /^\s*(\S+)\s+(.+?)\s*$/.exec(stdout) ?? [];
  return start === undefined || state?.startsWith('Z') === true ? null : start;
}

/** The program and arguments a process was started with, joined by spaces; empty when it is gone or may not be seen. */
export function commandLine(pid: number): string {
  if (process.platform !== 'linux') {
    return spawnSync('/bin/ps', ['-ww', '-o', 'args=', '-p', String(pid)], { encoding: 'utf8' }).stdout.trim();
  }
  try {
    return readFileSync(`/proc/${pid}/cmdline`, 'utf8').replaceAll('\0', ' ').trim();
  } catch (error) {
    if (['ENOENT', 'ESRCH', 'EACCES'].includes((error as NodeJS.ErrnoException).code ?? '')) return '';
    throw error;
  }
}

/**
 * The command so started that the kernel sends it `signal` when the thread that spawned it ends, SIGKILL included.
 * Linux with util-linux only; elsewhere the command comes back unchanged. The setting survives exec, but not a change
 * of user or namespace: put this last, directly before the program.
 */
export function withDeathSignal(
  command: string,
  args: readonly string[],
  signal: 'TERM' | 'INT',
): { command: string; args: string[] } {
  setpriv ??= { path: process.platform === 'linux' ? findSetpriv() : null };
  if (setpriv.path === null) return { command, args: [...args] };
  return { command: setpriv.path, args: ['--pdeathsig', signal, '--', command, ...args] };
}

let setpriv: { path: string | null } | undefined;

function findSetpriv(): string | null {
  const path = findProgram('setpriv');
  // BusyBox has a setpriv that knows no death signal.
  return path !== null && spawnSync(path, ['--pdeathsig', 'TERM', '--', path, '--version']).status === 0 ? path : null;
}

/** The absolute path of a program on PATH, or null. */
export function findProgram(name: string): string | null {
  for (const directory of (process.env['PATH'] ?? '').split(delimiter)) {
    if (!directory.startsWith('/')) continue;
    const path = join(directory, name);
    try {
      accessSync(path, constants.X_OK);
      return path;
    } catch {
      // Not in this directory.
    }
  }
  return null;
}

/**
 * Ends a process: `signal`, then after `graceMs` SIGKILL. Resolves when it is gone; rejects when even SIGKILL did not
 * end it. A process known by its identity is never mistaken for a later one with the same pid.
 */
export async function endProcess(
  target: ProcessIdentity | ChildProcess,
  options: { graceMs: number; signal?: 'SIGTERM' | 'SIGINT' | 'SIGQUIT' },
): Promise<void> {
  const life = 'startedAt' in target ? lifeOfIdentity(target) : lifeOfChild(target);
  if (life.ended()) return;
  life.kill(options.signal ?? 'SIGTERM');
  if (await endsWithin(life, options.graceMs)) return;
  life.kill('SIGKILL');
  if (await endsWithin(life, 5000)) return;
  throw new Error(`Process ${target.pid ?? ''} is still there after SIGKILL.`);
}

interface Life {
  ended(): boolean;
  kill(signal: NodeJS.Signals): void;
}

function lifeOfIdentity(identity: ProcessIdentity): Life {
  return {
    ended: () => !isAlive(identity),
    kill(signal) {
      try {
        if (isAlive(identity)) process.kill(identity.pid, signal);
      } catch (error) {
        if ((error as NodeJS.ErrnoException).code !== 'ESRCH') throw error;
      }
    },
  };
}

function lifeOfChild(child: ChildProcess): Life {
  return {
    // A child that could not be spawned has no pid. Until Node has reaped it, its pid cannot be given out again.
    ended: () => child.pid === undefined || child.exitCode !== null || child.signalCode !== null,
    kill(signal) {
      child.kill(signal);
    },
  };
}

async function endsWithin(life: Life, limitMs: number): Promise<boolean> {
  const deadline = performance.now() + limitMs;
  while (!life.ended()) {
    if (performance.now() >= deadline) return false;
    await delay(10);
  }
  return true;
}
