/** The processes that belong to a host, found in two ways: by descent from it, and by the marks that it gives its agents. */
import { readdirSync, readFileSync } from 'node:fs';
import { identifyProcess, isAlive, type ProcessIdentity } from '../../src/lib/process-identity.ts';
import { markOf, processesWith } from '../support/processes.ts';

/** Everything that descends from a process, itself included. Linux only; elsewhere only the process itself. */
export function familyOf(host: ProcessIdentity): ProcessIdentity[] {
  const children = new Map<number, number[]>();
  for (const pid of process.platform === 'linux' ? readdirSync('/proc').filter((name) => /^\d+$/.test(name)) : []) {
    const parent = parentOf(Number(pid));
    if (parent !== null) children.set(parent, [...(children.get(parent) ?? []), Number(pid)]);
  }
  const found: ProcessIdentity[] = [];
  const pending = [host.pid];
  for (let pid = pending.pop(); pid !== undefined; pid = pending.pop()) {
    const identity = identifyProcess(pid);
    if (identity) found.push(identity);
    pending.push(...(children.get(pid) ?? []));
  }
  return found;
}

/** Those of a host that are alive now: of the family that it had, and whatever carries its marks. */
export function leftOf(host: ProcessIdentity, family: readonly ProcessIdentity[]): number[] {
  const alive = [...family.filter(isAlive), ...processesWith(markOf(host))];
  return [...new Set(alive.map(({ pid }) => pid))].toSorted((one, other) => one - other);
}

/** The agents of a host: the real program on the SDK. */
export function agentsOf(host: ProcessIdentity): ProcessIdentity[] {
  return processesWith(markOf(host)).filter(({ command }) => command.includes('stream-json'));
}

function parentOf(pid: number): number | null {
  try {
    const stat = readFileSync(`/proc/${pid}/stat`, 'latin1');
    return Number(stat.slice(stat.lastIndexOf(')') + 2).split(' ')[1]);
  } catch {
    return null;
  }
}
