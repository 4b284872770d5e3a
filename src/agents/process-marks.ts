/**
 * How a process is known to be a session's, or a host's, whoever its parent is by now. Two marks are handed down to all
 * that an agent starts. One stands in the environment. The other one is a resource limit, on file locks, which no kernel
 * has counted for twenty years: it goes along through fork, exec, `setsid`, `nohup` and a cleared environment, and without
 * privileges it cannot be raised again. Linux only; elsewhere nothing is found.
 */
import { spawnSync } from 'node:child_process';
import { readdirSync, readFileSync, readlinkSync } from 'node:fs';
import { tmpdir } from 'node:os';
import { join } from 'node:path';
import { findProgram, identifyProcess, isAlive, type ProcessIdentity } from '../lib/process-identity.ts';

export const markName = 'BOOCODE_HOST_PROCESS';
const sessionName = 'BOOCODE_SESSION';

export interface SessionMark {
  readonly sessionId: string;
  /** Null where the limit cannot be had: then the environment has to do. */
  readonly limit: string | null;
}

export interface MarkedProcess extends ProcessIdentity {
  /** The program's name, without its arguments: those may hold secrets. */
  name: string;
}

/** The mark of a host: `pid:start`, so that whoever reads it can tell whether that host still lives. */
export function hostMark(host: ProcessIdentity): string {
  return `${host.pid}:${host.startedAt}`;
}

function parseMark(mark: string): ProcessIdentity | null {
  const [, pid, startedAt] = /^(\d{1,10}):(.+)$/.exec(mark) ?? [];
  return pid === undefined || startedAt === undefined ? null : { pid: Number(pid), startedAt };
}

// A limit is `1`, the host in 13 digits, and the session in 6, which is below 2^64. The host is its pid, below 2^22, and the
// last 20 bits of its start time.
const startBits = 2 ** 20;
const maxSession = 999_999;

/** The digits that the limits of a host's sessions begin with. */
export function hostDigits({ pid, startedAt }: ProcessIdentity): string {
  const ticks = Number(startedAt.split('/')[1]);
  return `1${String(pid * startBits + (ticks % startBits)).padStart(13, '0')}`;
}

/** What the names of this host's own temporary directories begin with. */
export function temporaryPrefix(): string {
  const self = identifyProcess(process.pid);
  return join(tmpdir(), self ? `boo-${hostDigits(self)}-` : 'boo-');
}

function isOfLivingHost(limit: string): boolean {
  const pid = Math.floor(Number(limit.slice(1, 14)) / startBits);
  const host = identifyProcess(pid);
  return host !== null && limit.startsWith(hostDigits(host));
}

const inUse = new Set<number>();
let last = 0;

/** A mark for the processes of one session, until they are ended. */
export function markSession(sessionId: string): SessionMark {
  const self = identifyProcess(process.pid);
  if (!self || limitProgram() === null) return { sessionId, limit: null };
  do last = (last % maxSession) + 1;
  while (inUse.has(last));
  inUse.add(last);
  return { sessionId, limit: hostDigits(self) + String(last).padStart(6, '0') };
}

export function forgetMark({ limit }: SessionMark): void {
  if (limit !== null) inUse.delete(Number(limit.slice(-6)));
}

/** The environment with the marks of this host and of the session in it. */
export function markedEnv<T extends string | undefined>(
  env: Record<string, T>,
  mark: SessionMark | undefined,
): Record<string, T | string> {
  const self = identifyProcess(process.pid);
  return {
    ...env,
    ...(self ? { [markName]: hostMark(self) } : {}),
    ...(mark ? { [sessionName]: mark.sessionId } : {}),
  };
}

/** The command so started that it has the mark's limit. */
export function markedCommand(
  { command, args }: { command: string; args: string[] },
  mark: SessionMark | undefined,
): { command: string; args: string[] } {
  const program = limitProgram();
  if (program === null || !mark || mark.limit === null) return { command, args };
  return { command: program, args: [`--locks=${mark.limit}:${mark.limit}`, '--', command, ...args] };
}

let prlimit: { path: string | null } | undefined;

/** `prlimit` of util-linux, where it does what is wanted of it. */
function limitProgram(): string | null {
  prlimit ??= { path: findLimitProgram() };
  return prlimit.path;
}

function findLimitProgram(): string | null {
  // Within an agent of another host: what is started here is marked by that one already.
  if (process.platform !== 'linux' || limitOf('self') !== 'unlimited') return null;
  const path = findProgram('prlimit');
  const probe = `1${'0'.repeat(19)}`;
  const shown = path && spawnSync(path, [`--locks=${probe}:${probe}`, '--', 'cat', '/proc/self/limits']).stdout;
  return shown?.includes(probe) === true ? path : null;
}

function limitOf(pid: string): string | undefined {
  return /^Max file locks\s+\S+\s+(\S+)/m.exec(readText(`/proc/${pid}/limits`))?.[1];
}

/** The processes of a session of this host, whoever their parents are. */
export async function processesOf({ sessionId, limit }: SessionMark): Promise<MarkedProcess[]> {
  const self = identifyProcess(process.pid);
  if (!self) return [];
  const [host, session] = [`${markName}=${hostMark(self)}`, `${sessionName}=${sessionId}`];
  return processesWhere((pid) => {
    if (limit !== null && limitOf(pid) === limit) return true;
    const environ = environOf(pid);
    return environ.includes(session) && environ.includes(host);
  });
}

/** What hosts that are dead left running; not what is of another container. */
export async function orphans(): Promise<MarkedProcess[]> {
  const here = namespaceOf('self');
  return processesWhere((pid) => {
    const limit = limitOf(pid);
    const isMarked = limit !== undefined && /^1\d{19}$/.test(limit);
    const entry = environOf(pid).find((each) => each.startsWith(`${markName}=`));
    const host = entry === undefined ? null : parseMark(entry.slice(markName.length + 1));
    if (!isMarked && !host) return false;
    if (namespaceOf(pid) !== here) return false;
    // An agent may run a host of its own: what that one left carries its name, and the limit of the agent.
    return host ? !isAlive(host) : !isOfLivingHost(limit as string);
  });
}

/** A number of processes at a time: whatever else this process does goes on meanwhile. */
const atOnce = 100;

async function processesWhere(isWanted: (pid: string) => boolean): Promise<MarkedProcess[]> {
  if (process.platform !== 'linux') return [];
  const pids = readdirSync('/proc').filter((name) => /^\d+$/.test(name) && Number(name) !== process.pid);
  const found: MarkedProcess[] = [];
  for (let from = 0; from < pids.length; from += atOnce) {
    if (from > 0) await new Promise((resolve) => setImmediate(resolve));
    for (const pid of pids.slice(from, from + atOnce)) {
      const identity = isWanted(pid) ? identifyProcess(Number(pid)) : null;
      if (identity) found.push({ ...identity, name: readText(`/proc/${pid}/comm`).trim() });
    }
  }
  return found;
}

function environOf(pid: string): string[] {
  return readText(`/proc/${pid}/environ`).split('\0');
}

/** Empty for a process that is gone, or another user's. */
function readText(path: string): string {
  try {
    return readFileSync(path, 'latin1');
  } catch {
    return '';
  }
}

function namespaceOf(pid: string): string {
  try {
    return readlinkSync(`/proc/${pid}/ns/pid`);
  } catch {
    return '';
  }
}
