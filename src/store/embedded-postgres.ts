import { randomBytes } from 'node:crypto';
import { existsSync, mkdirSync, readFileSync, writeFileSync } from 'node:fs';
import { join, resolve } from 'node:path';
import { takeLock } from '../lib/lock-file.ts';
import { BooError } from '../protocol/error.ts';
import { findPostgresBinaries } from './embedded-postgres-binaries.ts';
import { createCluster } from './embedded-postgres-cluster.ts';
import { type PostgresServer, startPostgres } from './embedded-postgres-server.ts';
import { openSocketDirectory, socketUrl } from './embedded-postgres-socket.ts';
import { choosePostgresUser } from './embedded-postgres-user.ts';

export interface EmbeddedPostgres {
  /** For the `postgres` driver; it holds the password. */
  readonly url: string;
  readonly pid: number;
  /** Ends the server in order and lets the directory go. Idempotent. */
  close(): Promise<void>;
}

export interface EmbeddedPostgresOptions {
  /** Everything lives in its `postgres` directory. */
  dataDir: string;
  /** One line of the server's log. */
  onLog?: (line: string) => void;
  /** The server ended though nobody closed it. The lock is held until `close()`. */
  onExit?: (error: BooError) => void;
}

/**
 * Starts the Postgres that comes with us, on a Unix socket only, and makes its cluster at the first start. One host per
 * data directory: a second one is refused. What a killed host left behind is ended first.
 */
export async function openEmbeddedPostgres(options: EmbeddedPostgresOptions): Promise<EmbeddedPostgres> {
  const dataDir = resolve(options.dataDir);
  const home = openHome(dataDir);
  const lock = lockHome(home, dataDir);
  let closeSocket: (() => void) | undefined;
  try {
    const binaries = findPostgresBinaries();
    const user = choosePostgresUser(binaries.postgres, home);
    const password = openPassword(home);
    const cluster = await createCluster({ home, binaries, user, passwordFile: password.file });
    const socket = openSocketDirectory(home, user);
    closeSocket = socket.close;
    const server = await startPostgres({
      ...{ postgres: binaries.postgres, user, cluster, socketDirectory: socket.directory },
      ...(options.onLog && { onLog: options.onLog }),
      ...(options.onExit && { onExit: options.onExit }),
    });
    const url = socketUrl({ user: 'boocode', password: password.text, directory: socket.directory });
    return { url, pid: server.pid, close: onceOnly(() => closeAll(server, [socket.close, lock.release])) };
  } catch (error) {
    closeSocket?.();
    lock.release();
    throw error;
  }
}

async function closeAll(server: PostgresServer, steps: readonly (() => void)[]): Promise<void> {
  try {
    await server.stop();
  } finally {
    for (const step of steps) step();
  }
}

function onceOnly(close: () => Promise<void>): () => Promise<void> {
  let closed: Promise<void> | undefined;
  return () => (closed ??= close());
}

function openHome(dataDir: string): string {
  const home = join(dataDir, 'postgres');
  try {
    mkdirSync(home, { recursive: true, mode: 0o700 });
    return home;
  } catch (cause) {
    throw unwritable(dataDir, cause);
  }
}

function lockHome(home: string, dataDir: string): { release(): void } {
  let lock;
  try {
    lock = takeLock(home, 'lock');
  } catch (cause) {
    throw unwritable(dataDir, cause);
  }
  if (lock.taken) return lock;
  const { pid } = lock.holder;
  throw new BooError(
    'config_invalid',
    `The data directory ${dataDir} is in use by another BooCode (process ${pid}): stop it, or choose another directory.`,
    { details: { dataDir, pid } },
  );
}

function unwritable(dataDir: string, cause: unknown): BooError {
  const code = (cause as NodeJS.ErrnoException).code ?? 'unknown error';
  return new BooError('config_invalid', `The data directory ${dataDir} cannot be written (${code}).`, {
    cause,
    details: { dataDir },
  });
}

function openPassword(home: string): { file: string; text: string } {
  const file = join(home, 'password');
  if (!existsSync(file)) {
    if (existsSync(join(home, 'cluster'))) {
      throw new BooError('config_invalid', `The database's password is missing: restore the file ${file}.`);
    }
    writeFileSync(file, randomBytes(32).toString('hex'), { mode: 0o600, flag: 'wx', flush: true });
  }
  return { file, text: readFileSync(file, 'utf8').trim() };
}
