/** Reads `/proc`; Linux only. */
import { readdirSync, readFileSync } from 'node:fs';

export const canSeeProcesses = process.platform === 'linux';

/** A server's children that are agents: they carry a session's mark. */
export function agentsOf(pid) {
  return readdirSync('/proc')
    .filter((name) => /^\d+$/.test(name))
    .map(Number)
    .filter((each) => {
      try {
        const stat = readFileSync(`/proc/${each}/stat`, 'latin1');
        const [state, parent] = stat.slice(stat.lastIndexOf(')') + 2).split(' ');
        if (Number(parent) !== pid || state === 'Z') return false;
        return readFileSync(`/proc/${each}/environ`, 'latin1').includes('\0BOOCODE_SESSION=');
      } catch {
        return false; // It has just exited.
      }
    });
}

/** Bytes of one process, without its children: {rss, pss}. */
export function memoryOf(pid) {
  const rollup = readFileSync(`/proc/${pid}/smaps_rollup`, 'latin1');
  const bytes = (name) => Number(new RegExp(`^${name}:\\s+(\\d+) kB`, 'm').exec(rollup)?.[1]) * 1024;
  return { rss: bytes('Rss'), pss: bytes('Pss') };
}

/** Milliseconds of CPU that all threads of one process have had so far. */
export function cpuOf(pid) {
  const threads = readdirSync(`/proc/${pid}/task`);
  const spent = threads.map((thread) => {
    return Number(readFileSync(`/proc/${pid}/task/${thread}/schedstat`, 'latin1').split(' ')[0]);
  });
  return spent.reduce((sum, each) => sum + each, 0) / 1e6;
}
