/**
 * Which process the kernel ends first when memory runs out (Linux). A process may always make itself or what it has started
 * a likelier victim, without any rights, and what those start inherits it.
 */
import { readFileSync, writeFileSync } from 'node:fs';

/** As if it used half of all memory more than it does. */
const more = 500;
const most = 1000;

/** Has the kernel end this process, and what it starts from now on, before this one. Does nothing where that is unknown. */
export function endBeforeSelf(pid: number | undefined, platform: NodeJS.Platform = process.platform): void {
  if (pid === undefined || platform !== 'linux') return;
  try {
    const own = Number(readFileSync('/proc/self/oom_score_adj', 'latin1'));
    writeFileSync(`/proc/${pid}/oom_score_adj`, String(Math.min(own + more, most)));
  } catch {
    // It has exited already, or nobody may change this here.
  }
}
