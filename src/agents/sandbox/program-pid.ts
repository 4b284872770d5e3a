/**
 * What is started is bubblewrap, which waits outside; inside, a second one has process id 1, and the program is its first
 * child. A signal to the outer one would end all of it at once, so those that the program handles go to the program itself.
 */
import { readFileSync } from 'node:fs';

/** The program's process id inside. */
export const programPidInside = 2;

/** The program's process id here; undefined while there is none. */
export function programPid(outer: number): number | undefined {
  const [init] = childrenOf(outer);
  return init === undefined ? undefined : childrenOf(init).find((pid) => pidInside(pid) === programPidInside);
}

/** SIGKILL ends the sandbox with everything in it. */
export function signalSandboxed(outer: number, signal: NodeJS.Signals): void {
  const target = signal === 'SIGKILL' ? outer : (programPid(outer) ?? outer);
  try {
    process.kill(target, signal);
  } catch (error) {
    if ((error as NodeJS.ErrnoException).code !== 'ESRCH') throw error;
  }
}

function childrenOf(pid: number): number[] {
  return read(`/proc/${pid}/task/${pid}/children`).split(' ').filter(Boolean).map(Number);
}

function pidInside(pid: number): number {
  return Number(/^NSpid:.*\s(\d+)$/m.exec(read(`/proc/${pid}/status`))?.[1]);
}

function read(path: string): string {
  try {
    return readFileSync(path, 'latin1');
  } catch {
    return '';
  }
}
