import { type ChildProcess, spawnSync } from 'node:child_process';
import { accessSync, constants, readFileSync } from 'node:fs';
import { delimiter, join } from 'node:path';
import { setTimeout as delay } from 'node:timers/promises';

/**
 * A pid alone does not identify a process for long: it is reused, and a dead process that nobody reaped still answers
 * `kill(pid, 0)`. A pid with its start time is unique.
 */
export interface ProcessIdentity {
  pid: number;
  /** Opaque; equal only for the same process of the same boot. */
  startedAt: string;
}

/** The live process with this pid, or null. A zombie is not alive. */
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
    // ESRCH: it exited between open and read.
    if (['ENOENT', 'ESRCH'].includes((error as NodeJS.ErrnoException).code ?? '')) return null;
    throw error;
  }
  // The second field is the program's name in parentheses, which may itself contain spaces and parentheses.
  const fields = stat.slice(stat.lastIndexOf(')') + 2).split(' ');
  const [state, ticks] = [fields[0], fields[19]];
  if (ticks === undefined || state === 'Z' || state === 'X') return null;
  bootId ??= readFileSync('/proc/sys/kernel/random/boot_id', 'latin1').trim();
  return `${bootId}/${ticks}`;
}

function startFromPs(pid: number): string | null {
  // One format for the time, whatever the caller's language and time zone.
  const { stdout, error } = spawnSync('/bin/ps', ['-o', 'stat=,lstart=', '-p', String(pid)], {
    encoding: 'utf8',
    env: { LC_ALL: 'C', TZ: 'UTC' },
  });
  if (error) throw error;
  const [, state, start] = /^\s*(\S+)\s+(.+?)\s*$/.exec(stdout) ?? [];
  return start === undefined || state?.startsWith('Z') === true ? null : start;
}

/** The program and arguments a process was started with, joined by spaces; empty if it is gone or not visible to us. */
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
 * The command wrapped so that the kernel sends it `signal` when the thread that spawned it ends, SIGKILL included.
 * Linux with util-linux only; elsewhere the command is returned unchanged. The setting survives exec, but not a change
 * of user or namespace: put this last, directly before the program.
 */
export function withDeathSignal(
  command: string,
  args: readonly string[],
  signal: 'TERM' | 'INT',
): { command: string; args: string[] } {
  const path = setprivPath();
  if (path === null) return { command, args: [...args] };
  return { command: path, args: ['--pdeathsig', signal, '--', command, ...args] };
}

/** Whether `withDeathSignal` has an effect here. */
export function hasDeathSignal(): boolean {
  return setprivPath() !== null;
}

let setpriv: { path: string | null } | undefined;

function setprivPath(): string | null {
  setpriv ??= { path: process.platform === 'linux' ? findSetpriv() : null };
  return setpriv.path;
}

function findSetpriv(): string | null {
  const path = findProgram('setpriv');
  // BusyBox's setpriv does not support a death signal.
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
 * Ends a process: sends `signal`, then after `graceMs` SIGKILL. Resolves when it is gone; rejects if even SIGKILL did
 * not end it. `send`: how a signal reaches it, if it is not the process that is waited for. A process known by its identity is never mistaken for a later one with the same pid.
 */
export async function endProcess(
  target: ProcessIdentity | ChildProcess,
  options: { graceMs: number; signal?: 'SIGTERM' | 'SIGINT' | 'SIGQUIT'; send?: (signal: NodeJS.Signals) => void },
): Promise<void> {
  const life = 'startedAt' in target ? lifeOfIdentity(target) : lifeOfChild(target);
  if (life.ended()) return;
  const send = options.send ?? ((signal: NodeJS.Signals) => life.kill(signal));
  send(options.signal ?? 'SIGTERM');
  if (await endsWithin(life, options.graceMs)) return;
  send('SIGKILL');
  if (await endsWithin(life, 5000)) return;
  throw new Error(`Process ${target.pid ?? ''} is still running after SIGKILL.`);
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
    // A child that failed to spawn has no pid. Until Node has reaped a child, its pid cannot be reused.
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
