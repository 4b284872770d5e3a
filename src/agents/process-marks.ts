/**
 * How to recognize a process as part of a session or a host, even after its parent is gone. Everything that an agent
 * starts inherits two marks. One is an environment variable. The other is a resource limit on file locks, which no
 * kernel has enforced for twenty years: it survives fork, exec, `setsid`, `nohup` and a cleared environment, and cannot
 * be raised again without privileges. Linux only; elsewhere nothing is found.
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
  /** Null if the limit is not available; then only the environment marks the session. */
  readonly limit: string | null;
}

export interface MarkedProcess extends ProcessIdentity {
  /** The program's name without its arguments, which may contain secrets. */
  name: string;
}

/** A host's mark: `pid:start`, which is enough to check whether that host is still alive. */
export function hostMark(host: ProcessIdentity): string {
  return `${host.pid}:${host.startedAt}`;
}

function parseMark(mark: string): ProcessIdentity | null {
  const [, pid, startedAt] = /^(\d{1,10}):(.+)$/.exec(mark) ?? [];
  return pid === undefined || startedAt === undefined ? null : { pid: Number(pid), startedAt };
}

// A limit is `1`, then 13 digits for the host and 6 for the session, which stays below 2^64. The host's part combines
// its pid, below 2^22, and the last 20 bits of its start time.
const startBits = 2 ** 20;
const maxSession = 999_999;

/** The leading digits of the limits of a host's sessions. */
export function hostDigits({ pid, startedAt }: ProcessIdentity): string {
  const ticks = Number(startedAt.split('/')[1]);
  return `1${String(pid * startBits + (ticks % startBits)).padStart(13, '0')}`;
}

/** The prefix of this host's temporary directories. */
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

/** Marks the processes of one session until they have ended. */
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

/** Adds the marks of this host and of the session to an environment. */
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

/** Wraps the command so that it starts with the mark's limit. */
export function markedCommand(
  { command, args }: { command: string; args: string[] },
  mark: SessionMark | undefined,
): { command: string; args: string[] } {
  const program = limitProgram();
  if (program === null || !mark || mark.limit === null) return { command, args };
  return { command: program, args: [`--locks=${mark.limit}:${mark.limit}`, '--', command, ...args] };
}

let prlimit: { path: string | null } | undefined;

/** `prlimit` from util-linux, if it works as needed. */
function limitProgram(): string | null {
  prlimit ??= { path: findLimitProgram() };
  return prlimit.path;
}

function findLimitProgram(): string | null {
  // Inside an agent of another host, which has marked this process already.
  if (process.platform !== 'linux' || limitOf('self') !== 'unlimited') return null;
  const path = findProgram('prlimit');
  const probe = `1${'0'.repeat(19)}`;
  const shown = path && spawnSync(path, [`--locks=${probe}:${probe}`, '--', 'cat', '/proc/self/limits']).stdout;
  return shown?.includes(probe) === true ? path : null;
}

function limitOf(pid: string): string | undefined {
  return /^Max file locks\s+\S+\s+(\S+)/m.exec(readText(`/proc/${pid}/limits`))?.[1];
}

/** All processes of a session of this host, whatever their parents are. */
export async function processesOf({ sessionId, limit }: SessionMark): Promise<MarkedProcess[]> {
  const self = identifyProcess(process.pid);
  if (!self) return [];
  const [host, session] = [`${markName}=${hostMark(self)}`, `${sessionName}=${sessionId}`];
  const ofAnySession = hostDigits(self);
  return processesWhere((pid) => {
    if (limit !== null) {
      const own = limitOf(pid);
      if (own === limit) return true;
      // Two servers in one process may both have had an agent of this session.
      if (own?.startsWith(ofAnySession) === true && own.length === limit.length) return false;
    }
    const environ = environOf(pid);
    return environ.includes(session) && environ.includes(host);
  });
}

/** Processes that dead hosts left running, except those of other containers. */
export async function orphans(): Promise<MarkedProcess[]> {
  const here = namespaceOf('self');
  return processesWhere((pid) => {
    const limit = limitOf(pid);
    const isMarked = limit !== undefined && /^1\d{19}$/.test(limit);
    const entry = environOf(pid).find((each) => each.startsWith(`${markName}=`));
    const host = entry === undefined ? null : parseMark(entry.slice(markName.length + 1));
    if (!isMarked && !host) return false;
    if (namespaceOf(pid) !== here) return false;
    // An agent may run a host of its own: what that host leaves carries the inner host's name and the outer agent's
    // limit.
    return host ? !isAlive(host) : !isOfLivingHost(limit as string);
  });
}

/** Processes read per batch; the event loop runs between batches. */
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

/** Empty if the process is gone or belongs to another user. */
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
