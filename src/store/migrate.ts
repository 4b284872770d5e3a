import { readdir, readFile } from 'node:fs/promises';
import { join } from 'node:path';
import { fileURLToPath } from 'node:url';
import type postgres from 'postgres';
import { BooError, toBooError } from '../protocol/error.ts';

/**
 * Brings a database to this version's schema. Forward only: a database that a newer version has changed is refused.
 *
 * Each file travels with its bookkeeping as one simple query, which Postgres runs whole or not at all, so that a crash of
 * either side leaves no half. The query first takes a lock that lasts as long as its transaction, and gives up if another
 * host has run the file meanwhile. No connection is reserved for this: the driver cannot survive the loss of one.
 */
export async function migrate<T extends Record<string, unknown>>(
  sql: postgres.Sql<T>,
  options: { directory?: string } = {},
): Promise<{ applied: number[] }> {
  try {
    const migrations = await readMigrations(options.directory ?? ownMigrations());
    const present = await readVersions(sql);
    refuseNewer(present, migrations);
    const applied: number[] = [];
    for (const migration of migrations) {
      if (!present.has(migration.version) && (await apply(sql, migration))) applied.push(migration.version);
    }
    return { applied };
  } catch (error) {
    if (error instanceof BooError) throw error;
    throw new BooError('storage_unavailable', `The database could not be migrated: ${toBooError(error).message}`, {
      cause: error,
    });
  }
}

interface Migration {
  version: number;
  name: string;
  text: string;
}

function ownMigrations(): string {
  // The same two steps up from src/store and from dist/store.
  return fileURLToPath(new URL('../../migrations', import.meta.url));
}

async function readMigrations(directory: string): Promise<Migration[]> {
  const names = (await readdir(directory)).filter((name) => /^\d{6}\.sql$/.test(name)).sort();
  return Promise.all(
    names.map(async (name) => ({
      version: Number.parseInt(name, 10),
      name,
      text: await readFile(join(directory, name), 'utf8'),
    })),
  );
}

// Waiting and DDL may take longer than the client allows a statement. Every version of BooCode locks the same number.
const begin = 'set local statement_timeout = 0; select pg_advisory_xact_lock(712460915243);';
// Ours: no class of Postgres's own begins with B.
const alreadyApplied = 'BOO01';

async function readVersions<T extends Record<string, unknown>>(sql: postgres.Sql<T>): Promise<Set<number>> {
  const [found] = await sql.unsafe<{ found: boolean }[]>(
    `select to_regclass('boocode_migrations') is not null as found`,
  );
  if (found?.found !== true) {
    await sql.unsafe(
      `${begin}
       create table if not exists boocode_migrations (
         version integer primary key,
         name text not null,
         applied_at timestamptz not null default now()
       );`,
    );
  }
  const rows = await sql.unsafe<{ version: number }[]>('select version from boocode_migrations');
  return new Set(rows.map((row) => row.version));
}

function refuseNewer(present: ReadonlySet<number>, migrations: readonly Migration[]): void {
  const database = Math.max(0, ...present);
  const known = Math.max(0, ...migrations.map((migration) => migration.version));
  if (database <= known) return;
  throw new BooError(
    'storage_unavailable',
    `The database has schema version ${database}, but this BooCode knows only ${known}: start a newer BooCode.`,
    { details: { database, known } },
  );
}

/** False when another host was quicker. */
async function apply<T extends Record<string, unknown>>(sql: postgres.Sql<T>, migration: Migration): Promise<boolean> {
  const { version, name, text } = migration;
  try {
    await sql.unsafe(
      `${begin}
       do $$ begin
         if exists (select from boocode_migrations where version = ${version}) then
           raise exception 'already applied' using errcode = '${alreadyApplied}';
         end if;
       end $$;
       ${text}
       ;
       insert into boocode_migrations (version, name) values (${version}, '${name}');`,
    );
    return true;
  } catch (error) {
    if ((error as { code?: unknown }).code === alreadyApplied) return false;
    throw new BooError('storage_unavailable', `Migration ${name} failed: ${toBooError(error).message}`, {
      cause: error,
    });
  }
}
