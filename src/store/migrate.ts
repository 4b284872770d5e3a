import { readdir, readFile } from 'node:fs/promises';
import { join } from 'node:path';
import { setTimeout as delay } from 'node:timers/promises';
import { fileURLToPath } from 'node:url';
import type postgres from 'postgres';
import { BooError, toBooError } from '../protocol/error.ts';

/**
 * Brings a database to this version's schema. Forward only: a database that a newer version has changed is refused.
 *
 * Two hosts may start at once, so a session lock is held over the whole run. Each file travels as one simple query that
 * is its own transaction and takes the same lock again: should the connection break and be made anew in between, the
 * file still runs whole or not at all, and never beside another host's.
 */
export async function migrate<T extends Record<string, unknown>>(
  sql: postgres.Sql<T>,
  options: { directory?: string } = {},
): Promise<{ applied: number[] }> {
  const files = await listMigrations(options.directory ?? ownMigrations());
  const applied: number[] = [];
  let connection: postgres.ReservedSql<T> | undefined;
  try {
    connection = await sql.reserve();
    await lock(connection);
    const versions = await readVersions(connection);
    refuseNewer(versions, files);
    for (const file of files) {
      if (versions.has(file.version)) continue;
      await apply(connection, file);
      applied.push(file.version);
    }
    await connection.unsafe(`select pg_advisory_unlock(${lockKey})`);
    return { applied };
  } catch (error) {
    // Also gives up the session lock, and whatever else a broken run left on the connection.
    await connection?.unsafe('rollback; select pg_advisory_unlock_all()').catch(() => undefined);
    if (error instanceof BooError) throw error;
    throw new BooError('storage_unavailable', `The database could not be migrated: ${toBooError(error).message}`, {
      cause: error,
    });
  } finally {
    connection?.release();
  }
}

interface Migration {
  version: number;
  name: string;
  path: string;
}

// Any number will do as long as every version of BooCode uses the same one.
const lockKey = '712460915243';

function ownMigrations(): string {
  // The same two steps up from src/store and from dist/store.
  return fileURLToPath(new URL('../../migrations', import.meta.url));
}

async function listMigrations(directory: string): Promise<Migration[]> {
  const names = (await readdir(directory)).filter((name) => /^\d{6}\.sql$/.test(name)).sort();
  return names.map((name) => ({ version: Number.parseInt(name, 10), name, path: join(directory, name) }));
}

async function lock<T extends Record<string, unknown>>(connection: postgres.ReservedSql<T>): Promise<void> {
  // Asking again, instead of waiting inside one statement, keeps clear of the caller's statement timeout.
  for (;;) {
    const [row] = await connection.unsafe<{ locked: boolean }[]>(`select pg_try_advisory_lock(${lockKey}) as locked`);
    if (row?.locked === true) return;
    await delay(50);
  }
}

async function readVersions<T extends Record<string, unknown>>(
  connection: postgres.ReservedSql<T>,
): Promise<Set<number>> {
  const [found] = await connection.unsafe<{ found: boolean }[]>(
    `select to_regclass('boocode_migrations') is not null as found`,
  );
  if (found?.found !== true) {
    await connection.unsafe(
      `create table boocode_migrations (
         version integer primary key,
         name text not null,
         applied_at timestamptz not null default now()
       )`,
    );
  }
  const rows = await connection.unsafe<{ version: number }[]>('select version from boocode_migrations');
  return new Set(rows.map((row) => row.version));
}

function refuseNewer(versions: ReadonlySet<number>, files: readonly Migration[]): void {
  const database = Math.max(0, ...versions);
  const known = Math.max(0, ...files.map((file) => file.version));
  if (database <= known) return;
  throw new BooError(
    'storage_unavailable',
    `The database has schema version ${database}, but this version of BooCode knows only ${known}: start a newer BooCode.`,
    { details: { database, known } },
  );
}

async function apply<T extends Record<string, unknown>>(
  connection: postgres.ReservedSql<T>,
  file: Migration,
): Promise<void> {
  const text = await readFile(file.path, 'utf8');
  try {
    await connection.unsafe(
      `begin;
       set local statement_timeout = 0;
       set local idle_in_transaction_session_timeout = 0;
       select pg_advisory_xact_lock(${lockKey});
       ${text}
       ;
       insert into boocode_migrations (version, name) values (${file.version}, '${file.name}');
       commit;`,
    );
  } catch (error) {
    throw new BooError('storage_unavailable', `Migration ${file.name} failed: ${toBooError(error).message}`, {
      cause: error,
    });
  }
}
