import { readFileSync, rmSync } from 'node:fs';
import { join } from 'node:path';
import { commandLine, endProcess, identifyProcess } from '../lib/process-identity.ts';

/**
 * Ends in order the server that a killed host left on this cluster, or waits for its end. Its pid file is believed only
 * if the process with that pid was started for this very directory: after a crash of the machine, or in a container that
 * started anew, the pid belongs to somebody else. Postgres itself would then refuse to start, so the file goes.
 */
export async function endLeftover(cluster: string): Promise<void> {
  const file = join(cluster, 'postmaster.pid');
  let pid: number;
  try {
    pid = Number.parseInt(readFileSync(file, 'utf8'), 10);
  } catch (error) {
    if ((error as NodeJS.ErrnoException).code === 'ENOENT') return;
    throw error;
  }
  const identity = Number.isSafeInteger(pid) && pid > 0 ? identifyProcess(pid) : null;
  if (identity !== null && commandLine(pid).includes(cluster)) {
    await endProcess(identity, { signal: 'SIGINT', graceMs: 30_000 });
    return;
  }
  // The dead server's memory segment, which is found without the file, still guards the directory.
  rmSync(file, { force: true });
}
