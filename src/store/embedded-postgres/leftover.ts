import { readFileSync, rmSync } from 'node:fs';
import { connect } from 'node:net';
import { join } from 'node:path';
import { commandLine, endProcess, identifyProcess } from '../../lib/process-identity.ts';
import { BooError } from '../../protocol/error.ts';

/**
 * Stops the server that a killed host left on its cluster, in order. The pid file is trusted only if that process was
 * started for this very directory: after a machine crash, or in a restarted container, the pid belongs to another
 * process, perhaps our own. Postgres would then refuse to start, so the file is removed; the dead server's shared
 * memory, which is found without it, still guards the cluster.
 */
export async function endLeftover(home: string): Promise<void> {
  const cluster = join(home, 'cluster');
  const file = join(cluster, 'postmaster.pid');
  let lines: string[];
  try {
    lines = readFileSync(file, 'utf8').split('\n');
  } catch (error) {
    if ((error as NodeJS.ErrnoException).code === 'ENOENT') return;
    throw error;
  }
  const pid = Number(lines[0]);
  const process = Number.isSafeInteger(pid) && pid > 0 ? identifyProcess(pid) : null;
  if (process !== null && commandLine(pid).includes(`-D ${cluster} `)) {
    await endProcess(process, { signal: 'SIGINT', graceMs: 30_000 });
    return;
  }
  // Another container may run a server here whose processes are invisible to us; its socket is not.
  if (await answers(join(lines[4] ?? '', '.s.PGSQL.5432'))) {
    throw new BooError(
      'config_invalid',
      `The database in ${home} is in use by a Postgres that is not visible here, perhaps in another container: ` +
        'stop it, or choose another data directory.',
    );
  }
  rmSync(file, { force: true });
}

function answers(socketPath: string): Promise<boolean> {
  return new Promise((resolve) => {
    const socket = connect(socketPath);
    socket.once('connect', () => {
      socket.destroy();
      resolve(true);
    });
    socket.once('error', () => resolve(false));
  });
}
