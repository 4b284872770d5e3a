import { readdirSync, readFileSync } from 'node:fs';
import { hostMark, markName } from '../../src/agents/process-marks.ts';
import { identifyProcess, type ProcessIdentity } from '../../src/lib/process-identity.ts';

export interface SeenProcess extends ProcessIdentity {
  environ: string[];
  command: string;
}

/** The live processes with this entry (`NAME=value`) in their environment. Linux only; elsewhere none are found. */
export function processesWith(entry: string): SeenProcess[] {
  return allProcesses().filter((each) => each.environ.includes(entry));
}

/** The live processes whose command line contains this path, such as those of an embedded Postgres. */
export function processesNaming(path: string): SeenProcess[] {
  return allProcesses().filter((each) => each.pid !== process.pid && each.command.includes(path));
}

/** What a host's agents, and the tools they started, carry in their environment. */
export function markOf(host: ProcessIdentity): string {
  return `${markName}=${hostMark(host)}`;
}

/** The agents of this process, and their tools. */
export function ownAgents(): SeenProcess[] {
  const self = identifyProcess(process.pid);
  return self ? processesWith(markOf(self)).filter((each) => each.pid !== process.pid) : [];
}

function allProcesses(): SeenProcess[] {
  if (process.platform !== 'linux') return [];
  return readdirSync('/proc').flatMap((name) => {
    if (!/^\d+$/.test(name)) return [];
    const environ = read(`/proc/${name}/environ`)?.split('\0').filter(Boolean) ?? [];
    const command = read(`/proc/${name}/cmdline`)?.replaceAll('\0', ' ').trim() ?? '';
    const identity = command === '' ? null : identifyProcess(Number(name));
    return identity ? [{ ...identity, environ, command }] : [];
  });
}

/** Undefined if the process is gone, or another user's. */
function read(path: string): string | undefined {
  try {
    return readFileSync(path, 'utf8');
  } catch {
    return undefined;
  }
}
