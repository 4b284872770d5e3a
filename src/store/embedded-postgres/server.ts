import { type ChildProcess, spawn } from 'node:child_process';
import { once } from 'node:events';
import { readFileSync } from 'node:fs';
import { join } from 'node:path';
import { createInterface } from 'node:readline';
import type { Readable } from 'node:stream';
import { setTimeout as delay } from 'node:timers/promises';
import { endProcess } from '../../lib/process-identity.ts';
import { BooError } from '../../protocol/error.ts';
import { postgresCommand } from './command.ts';
import type { PostgresUser } from './user.ts';

export interface StartPostgres {
  postgres: string;
  user: PostgresUser;
  cluster: string;
  socketDirectory: string;
  onLog: ((line: string) => void) | undefined;
  /** Only for a server that had started. */
  onExit: ((error: BooError) => void) | undefined;
}

export interface PostgresServer {
  readonly pid: number;
  stop(): Promise<void>;
}

export const embeddedConnections = 60;

// After a crash the log is replayed first, at most a few hundred megabytes.
const startLimitMs = 120_000;
const stopLimitMs = 15_000;
const orphanLimitMs = 10_000;

/** Starts the server on its cluster and waits until it accepts connections. */
export async function startPostgres(options: StartPostgres): Promise<PostgresServer> {
  const deadline = performance.now() + orphanLimitMs;
  for (;;) {
    try {
      return await startOnce(options);
    } catch (error) {
      // The workers of a killed server keep its memory until they notice.
      const orphans = error instanceof BooError && error.message.includes('shared memory block');
      if (!orphans || performance.now() > deadline) throw error;
      await delay(100);
    }
  }
}

async function startOnce(options: StartPostgres): Promise<PostgresServer> {
  const command = postgresCommand(options.user, options.postgres, serverArguments(options), 'INT');
  // Its own process group: a terminal's Ctrl-C goes to the whole group, and the server must outlive its host's
  // shutdown.
  const child = spawn(command.command, command.args, {
    ...command.options,
    detached: true,
    stdio: ['ignore', 'pipe', 'pipe'],
  });
  let failure: Error | undefined;
  child.on('error', (error) => (failure ??= error));
  // Its last output may still be in the pipe when it has ended, and its orphans may keep the pipe open.
  const closed = once(child, 'close').catch(() => undefined);
  const lastWords = (): Promise<void> => Promise.race([closed.then(() => undefined), delay(500)]);
  const log = keepLog([child.stdout, child.stderr], options.onLog);

  const deadline = performance.now() + startLimitMs;
  while (!isReady(options.cluster, child.pid)) {
    if (failure !== undefined || hasEnded(child)) {
      await lastWords();
      throw endedError('did not start', child, log, failure);
    }
    if (performance.now() > deadline) {
      await endProcess(child, { signal: 'SIGINT', graceMs: stopLimitMs });
      throw new BooError(
        'storage_unavailable',
        `The embedded Postgres was not ready within ${startLimitMs / 1000} seconds.`,
      );
    }
    await delay(5);
  }

  let stopping = false;
  child.once('exit', () => {
    if (stopping) return;
    void lastWords().then(() => options.onExit?.(endedError('exited unexpectedly', child, log)));
  });
  return {
    pid: child.pid as number,
    async stop() {
      stopping = true;
      // The fast shutdown: connections are cut, everything is written.
      await endProcess(child, { signal: 'SIGINT', graceMs: stopLimitMs });
    },
  };
}

function serverArguments(options: StartPostgres): string[] {
  const settings = {
    listen_addresses: '',
    // A list of double-quoted names.
    unix_socket_directories: `"${options.socketDirectory.replaceAll('"', '""')}"`,
    unix_socket_permissions: '0700',
    fsync: 'on',
    max_connections: String(embeddedConnections),
    shared_buffers: '32MB',
    // One program's database: nothing replicates it, and no query is worth several processes.
    wal_level: 'minimal',
    max_wal_senders: '0',
    max_parallel_workers_per_gather: '0',
    max_wal_size: '256MB',
    log_checkpoints: 'off',
  };
  return ['-D', options.cluster, ...Object.entries(settings).flatMap(([name, value]) => ['-c', `${name}=${value}`])];
}

/** The server writes its state to the eighth line of its pid file. */
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

function hasEnded(child: ChildProcess): boolean {
  return child.exitCode !== null || child.signalCode !== null;
}

/** Passes the lines on, and keeps the last ones for the error message. */
function keepLog(streams: readonly Readable[], onLog: ((line: string) => void) | undefined): string[] {
  const last: string[] = [];
  for (const input of streams) {
    createInterface({ input }).on('line', (line) => {
      last.push(line);
      if (last.length > 20) last.shift();
      onLog?.(line);
    });
  }
  return last;
}

function endedError(what: string, child: ChildProcess, log: readonly string[], cause?: Error): BooError {
  const how = child.signalCode ?? `status ${child.exitCode}`;
  const line = cause === undefined ? (log.findLast((one) => /FATAL|PANIC/.test(one)) ?? log.at(-1)) : cause.message;
  return new BooError(
    'storage_unavailable',
    `The embedded Postgres ${what} (${how}): ${line ?? 'it printed nothing'}`,
    {
      cause,
      details: { log: [...log] },
    },
  );
}
