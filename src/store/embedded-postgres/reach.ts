import { existsSync, lstatSync, readFileSync, readlinkSync, realpathSync, statSync } from 'node:fs';
import { join, resolve } from 'node:path';
import { setTimeout as delay } from 'node:timers/promises';
import { BooError } from '../../protocol/error.ts';
import { openDatabase } from '../database.ts';
import { openEmbeddedPostgres } from './embedded-postgres.ts';
import { socketUrl } from './socket.ts';

export interface ReachedPostgres {
  /** For the `postgres` driver. Contains the password. */
  readonly url: string;
  /** Stops it, unless it is a server's. Idempotent. */
  close(): Promise<void>;
}

/** A server that has taken the directory may not have started its database yet. */
const startingMs = 15_000;

/**
 * The embedded database of a data directory, whether a server runs it or not; then it runs until it is closed. Throws
 * `not_found` if there is none, and as `openEmbeddedPostgres` does.
 */
export async function reachEmbeddedPostgres(dataDir: string, signal?: AbortSignal): Promise<ReachedPostgres> {
  const home = join(resolve(dataDir), 'postgres');
  if (!existsSync(join(home, 'cluster'))) {
    throw new BooError(
      'not_found',
      `There is no embedded database in ${dataDir}: name its data directory with --data-dir, or your own database with DATABASE_URL.`,
    );
  }
  assertOwn(dataDir, home);
  for (const deadline = performance.now() + startingMs; ;) {
    signal?.throwIfAborted();
    try {
      return await openEmbeddedPostgres({ dataDir });
    } catch (error) {
      if (!(error instanceof BooError) || error.details['pid'] === undefined) throw error;
      const url = runningUrl(home);
      if (url !== null && (await answers(url))) return { url, close: () => Promise.resolve() };
      if (performance.now() > deadline) throw error;
      await delay(100);
    }
  }
}

/** Root runs Postgres under an account of its own, which would then own the files of whoever runs the server. */
function assertOwn(dataDir: string, home: string): void {
  const { uid } = statSync(home);
  const nobody = 65534;
  if (process.getuid?.() !== 0 || uid === 0 || uid === nobody) return;
  throw new BooError(
    'config_invalid',
    `The data directory ${dataDir} belongs to user ${uid}: run this command as that user, for example with \`sudo -u '#${uid}'\`.`,
  );
}

/** Null while it has no socket. */
function runningUrl(home: string): string | null {
  const place = join(realpathSync(home), 'socket');
  const found = lstatSync(place, { throwIfNoEntry: false });
  if (found === undefined) return null;
  const directory = found.isSymbolicLink() ? readlinkSync(place) : place;
  return socketUrl({ user: 'boocode', password: readFileSync(join(home, 'password'), 'utf8').trim(), directory });
}

async function answers(url: string): Promise<boolean> {
  const sql = openDatabase(url, { max: 1 });
  try {
    await sql`select 1`;
    return true;
  } catch {
    return false;
  } finally {
    await sql.end({ timeout: 0 });
  }
}
