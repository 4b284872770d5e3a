import { randomBytes } from 'node:crypto';
import { existsSync, readFileSync, realpathSync, statSync, writeFileSync } from 'node:fs';
import { dirname, join, resolve } from 'node:path';
import { type LockResult, takeLock } from '../../lib/lock-file.ts';
import { makeDirectory } from '../../lib/make-directory.ts';
import { BooError } from '../../protocol/error.ts';
import { findPostgresBinaries } from './binaries.ts';
import { openCluster } from './cluster.ts';
import { endLeftover } from './leftover.ts';
import { startPostgres } from './server.ts';
import { openSocketDirectory, socketUrl } from './socket.ts';
import { choosePostgresUser } from './user.ts';

export { embeddedConnections } from './server.ts';

export interface EmbeddedPostgres {
  /** For the `postgres` driver. Contains the password. */
  readonly url: string;
  readonly pid: number;
  /** Stops the server in order and releases the directory. Idempotent. */
  close(): Promise<void>;
}

export interface EmbeddedPostgresOptions {
  /** Everything lives in its `postgres` directory. */
  dataDir: string;
  /** One line of the server's log. */
  onLog?: (line: string) => void;
  /** The server stopped without being closed. The directory stays locked until `close()`. */
  onExit?: (error: BooError) => void;
}

/**
 * Starts the bundled Postgres, on a Unix socket only, and creates its cluster at the first start. One host per data
 * directory: a second one is refused. A server left running by a killed host is stopped first.
 */
export async function openEmbeddedPostgres(options: EmbeddedPostgresOptions): Promise<EmbeddedPostgres> {
  const dataDir = resolve(options.dataDir);
  const home = openHome(dataDir);
  // In the order opened; closed in reverse.
  const opened: (() => void | Promise<void>)[] = [lockHome(home, dataDir)];
  try {
    const binaries = findPostgresBinaries();
    await endLeftover(home);
    const user = await choosePostgresUser(binaries.postgres, home);
    const password = openPassword(home);
    const cluster = await openCluster({ home, binaries, user, passwordFile: password.file });
    const socket = openSocketDirectory(home, user);
    opened.push(() => socket.close());
    const server = await startPostgres({
      postgres: binaries.postgres,
      user,
      cluster,
      socketDirectory: socket.directory,
      onLog: options.onLog,
      onExit: options.onExit,
    });
    opened.push(() => server.stop());
    let closing: Promise<void> | undefined;
    return {
      url: socketUrl({ user: 'boocode', password: password.text, directory: socket.directory }),
      pid: server.pid,
      close: () => (closing ??= closeAll(opened)),
    };
  } catch (error) {
    await closeAll(opened);
    throw error;
  }
}

/** Runs every step, even if an earlier one failed; throws the first failure. */
async function closeAll(opened: readonly (() => void | Promise<void>)[]): Promise<void> {
  const failures: unknown[] = [];
  for (const close of opened.toReversed()) {
    try {
      await close();
    } catch (error) {
      failures.push(error);
    }
  }
  if (failures.length > 0) {
    throw new BooError('storage_unavailable', 'The embedded Postgres did not shut down cleanly.', {
      cause: failures[0],
    });
  }
}

function openHome(dataDir: string): string {
  const home = join(dataDir, 'postgres');
  try {
    makeDirectory(home);
    // A running server is recognized by its path, so the spelling must be unique.
    return realpathSync(home);
  } catch (cause) {
    throw unwritable(dataDir, cause);
  }
}

function lockHome(home: string, dataDir: string): () => void {
  let lock: LockResult;
  try {
    lock = takeLock(home, 'lock');
  } catch (cause) {
    throw unwritable(dataDir, cause, statSync(home).uid);
  }
  if (lock.taken) return () => lock.release();
  if (lock.copyOf !== undefined) {
    throw new BooError(
      'config_invalid',
      `The data directory ${dataDir} is a copy of ${dirname(lock.copyOf)} that was made while that was in use, and such a copy can be damaged: use \`boocode backup\` instead. If its server was not running any more, delete ${lock.file} to use the copy.`,
      { details: { dataDir, copyOf: dirname(lock.copyOf) } },
    );
  }
  const { pid } = lock.holder;
  throw new BooError(
    'config_invalid',
    `The data directory ${dataDir} is in use by another BooCode (process ${pid}): stop it, or choose another directory.`,
    { details: { dataDir, pid } },
  );
}

function unwritable(dataDir: string, cause: unknown, owner?: number): BooError {
  const code = (cause as NodeJS.ErrnoException).code ?? String(cause);
  const foreign = owner !== undefined && owner !== process.getuid?.() ? `, it belongs to user ${owner}` : '';
  return new BooError('config_invalid', `The data directory ${dataDir} is not writable (${code}${foreign}).`, {
    cause,
    details: { dataDir },
  });
}

function openPassword(home: string): { file: string; text: string } {
  const file = join(home, 'password');
  // Written again until there is a cluster that uses it: a first start may have been interrupted mid-write.
  if (!existsSync(join(home, 'cluster'))) {
    writeFileSync(file, randomBytes(32).toString('hex'), { mode: 0o600, flush: true });
  } else if (!existsSync(file)) {
    throw new BooError('config_invalid', `The password of the embedded Postgres is missing: restore the file ${file}.`);
  }
  return { file, text: readFileSync(file, 'utf8').trim() };
}
