import { type ChildProcess, spawn } from 'node:child_process';
import { readFileSync } from 'node:fs';
import { join } from 'node:path';
import { createInterface } from 'node:readline';
import { setTimeout as delay } from 'node:timers/promises';
import { endProcess } from '../lib/process-identity.ts';
import { BooError } from '../protocol/error.ts';
import { commandAs, postgresEnvironment } from './embedded-postgres-cluster.ts';
import { endLeftover } from './embedded-postgres-leftover.ts';
import type { PostgresUser } from './embedded-postgres-user.ts';

export interface PostgresServer {
  readonly pid: number;
  stop(): Promise<void>;
}

export interface StartPostgres {
  postgres: string;
  user: PostgresUser;
  cluster: string;
  socketDirectory: string;
  onLog?: (line: string) => void;
  onExit?: (error: BooError) => void;
}

// Recovery after a crash replays at most a few hundred megabytes of log.
const startLimitMs = 120_000;
const stopLimitMs = 15_000;

/** Starts the server on a cluster and waits until it takes connections. */
export async function startPostgres(options: StartPostgres): Promise<PostgresServer> {
  await endLeftover(options.cluster);
  const { command, args } = commandAs(options.user, options.postgres, serverArguments(options), 'INT');
  // Detached: Ctrl-C in a terminal goes to the whole foreground group, and the database must outlive the host's work.
  const child = spawn(command, args, {
    stdio: ['ignore', 'pipe', 'pipe'],
    env: postgresEnvironment(),
    detached: true,
  });
  const log = keepLog(child, options.onLog);
  let stopping = false;
  let ended = false;
  child.once('exit', (status, signal) => {
    ended = true;
    if (!stopping) options.onExit?.(diedError('The embedded Postgres ended by itself', status, signal, log));
  });
  const spawnError = new Promise<never>((_, fail) => child.once('error', fail));
  spawnError.catch(() => undefined);

  async function stop(): Promise<void> {
    stopping = true;
    // SIGINT is the fast shutdown: connections are cut, everything is written.
    await endProcess(child, { signal: 'SIGINT', graceMs: stopLimitMs });
  }

  const deadline = performance.now() + startLimitMs;
  try {
    while (!isReady(options.cluster, child.pid)) {
      if (child.pid === undefined) await spawnError;
      if (ended) throw diedError('The embedded Postgres did not start', child.exitCode, child.signalCode, log);
      if (performance.now() > deadline) {
        throw new BooError('storage_unavailable', `The embedded Postgres was not ready in ${startLimitMs / 1000} s.`);
      }
      await delay(5);
    }
  } catch (error) {
    await stop();
    throw error instanceof BooError
      ? error
      : new BooError('storage_unavailable', 'The embedded Postgres cannot be started.', { cause: error });
  }
  return { pid: child.pid as number, stop };
}

function serverArguments(options: StartPostgres): string[] {
  const settings = {
    listen_addresses: '',
    // The setting is a list of names in double quotes.
    unix_socket_directories: `"${options.socketDirectory.replaceAll('"', '""')}"`,
    unix_socket_permissions: '0700',
    fsync: 'on',
    max_connections: '60',
    shared_buffers: '32MB',
    // One server for one program: no replication, no parallel workers.
    wal_level: 'minimal',
    max_wal_senders: '0',
    max_parallel_workers_per_gather: '0',
    max_wal_size: '256MB',
    log_checkpoints: 'off',
  };
  return ['-D', options.cluster, ...Object.entries(settings).flatMap(([name, value]) => ['-c', `${name}=${value}`])];
}

/** The server writes its state into the eighth line of its pid file. */
function isReady(cluster: string, pid: number | undefined): boolean {
  let lines: string[];
  try {
    lines = readFileSync(join(cluster, 'postmaster.pid'), 'utf8').split('\n');
  } catch (error) {
    if ((error as NodeJS.ErrnoException).code === 'ENOENT') return false;
    throw error;
  }
  return Number(lines[0]) === pid && lines[7]?.trim() === 'ready';
}

/** Passes the lines on and keeps the last ones, for the message when it fails. */
function keepLog(child: ChildProcess, onLog: ((line: string) => void) | undefined): string[] {
  const last: string[] = [];
  for (const stream of [child.stdout, child.stderr]) {
    if (!stream) continue;
    createInterface({ input: stream }).on('line', (line) => {
      last.push(line);
      if (last.length > 20) last.shift();
      onLog?.(line);
    });
  }
  return last;
}

function diedError(what: string, status: number | null, signal: string | null, log: readonly string[]): BooError {
  const cause = log.findLast((line) => /FATAL|PANIC|ERROR|denied|failed/.test(line)) ?? log.at(-1);
  const how = signal === null ? `status ${status}` : signal;
  return new BooError('storage_unavailable', `${what} (${how})${cause === undefined ? '.' : `: ${cause}`}`, {
    details: { log: [...log] },
  });
}
