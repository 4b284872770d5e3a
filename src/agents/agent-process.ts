/**
 * Who owns an agent's process, and who ends it.
 *
 * While the host lives, it ends its agents in order. If the host dies without a word, the kernel sends them SIGTERM
 * (Linux), on which an agent ends its tools too. What slips through, a tool whose agent was killed for instance, still
 * carries the host's mark in its environment: the next host to start finds it and ends it, before it takes any chat.
 */
import { type ChildProcessByStdio, spawn } from 'node:child_process';
import { readdirSync, readFileSync } from 'node:fs';
import type { Readable, Writable } from 'node:stream';
import type { Log } from '../lib/log.ts';
import {
  endProcess,
  identifyProcess,
  isAlive,
  type ProcessIdentity,
  withDeathSignal,
} from '../lib/process-identity.ts';

export const markName = 'BOOCODE_HOST_PROCESS';

/** The mark of a host: `pid:start`, so that whoever reads it can tell whether that host still lives. */
export function hostMark(host: ProcessIdentity): string {
  return `${host.pid}:${host.startedAt}`;
}

function parseMark(mark: string): ProcessIdentity | null {
  const [, pid, startedAt] = /^(\d{1,10}):(.+)$/.exec(mark) ?? [];
  return pid === undefined || startedAt === undefined ? null : { pid: Number(pid), startedAt };
}

export type AgentProcess = ChildProcessByStdio<Writable, Readable, Readable>;

/** The command so that the kernel ends it with this process (Linux). An argument array, never a shell. */
export function ownedCommand(command: string, args: readonly string[]): { command: string; args: string[] } {
  return withDeathSignal(command, args, 'TERM');
}

/** The environment with this host's mark in it. */
export function markedEnv<T extends string | undefined>(env: Record<string, T>): Record<string, T | string> {
  const self = identifyProcess(process.pid);
  return { ...env, ...(self ? { [markName]: hostMark(self) } : {}) };
}

/** Starts an agent as a child that cannot outlive this process. An argument array, never a shell. */
export function spawnAgent(
  command: string,
  args: readonly string[],
  options: { cwd?: string | undefined; env: Record<string, string | undefined> },
): AgentProcess {
  const owned = ownedCommand(command, args);
  return spawn(owned.command, owned.args, {
    cwd: options.cwd,
    env: markedEnv(options.env),
    // A process group of its own: a terminal's Ctrl-C is for the host, which ends its agents in order.
    detached: true,
    stdio: ['pipe', 'pipe', 'pipe'],
    windowsHide: true,
  });
}

/** Tells the log that one has started; what it returns tells how it ended. */
export function tellOfProcess(
  pid: number | undefined,
  chatId: string,
  log: Log,
): (code: number | null, signal: NodeJS.Signals | number | null) => void {
  log.info({ chatId, pid }, 'An agent process has started.');
  return (code, signal) => log.info({ chatId, pid, code, signal }, 'An agent process has ended.');
}

/** Processes that carry the mark of a host, as `/proc` shows them. Linux only; elsewhere none are found. */
function markedProcesses(): { process: ProcessIdentity; host: ProcessIdentity }[] {
  if (process.platform !== 'linux') return [];
  return readdirSync('/proc').flatMap((name) => {
    if (!/^\d+$/.test(name)) return [];
    let environ: string;
    try {
      environ = readFileSync(`/proc/${name}/environ`, 'latin1');
    } catch {
      return []; // Gone, or another user's.
    }
    const entry = environ.split('\0').find((each) => each.startsWith(`${markName}=`));
    const host = entry === undefined ? null : parseMark(entry.slice(markName.length + 1));
    const found = identifyProcess(Number(name));
    return host && found ? [{ process: found, host }] : [];
  });
}

/** Ends what hosts that are dead left running; returns how many processes that were. */
export async function endOrphans(log: Log): Promise<number> {
  const orphans = markedProcesses().filter(({ host }) => !isAlive(host));
  await Promise.all(
    orphans.map(async ({ process: { pid, startedAt }, host }) => {
      log.warn({ pid, hostPid: host.pid }, 'Ending a process that an earlier host left behind.');
      await endProcess({ pid, startedAt }, { graceMs: 3_000 });
    }),
  );
  return orphans.length;
}

/** Ends the tools that an agent of this host left behind when it was killed, known by the session's own mark. */
export async function endMarked(name: string, value: string): Promise<void> {
  if (process.platform !== 'linux') return;
  const wanted = `${name}=${value}`;
  const left = markedProcesses().filter(({ process: { pid } }) => {
    try {
      return readFileSync(`/proc/${pid}/environ`, 'latin1').split('\0').includes(wanted);
    } catch {
      return false;
    }
  });
  await Promise.all(left.map((each) => endProcess(each.process, { graceMs: 1_000 })));
}
