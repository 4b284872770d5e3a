import { readdir, readFile } from 'node:fs/promises';
import { join } from 'node:path';
import { fileURLToPath } from 'node:url';
import type postgres from 'postgres';
import { BooError, toBooError } from '../protocol/error.ts';
import type { Sql } from './database.ts';
import { moveFromOlderPlace } from './older-place.ts';
import { checkSchema, defaultSchema } from './schema.ts';

export interface Migrated {
  /** The numbers of the server's migrations that have been applied. */
  applied: number[];
}

/** The numbers of the migrations that a database has had, or that this version has. */
export interface SchemaVersions {
  server: number[];
  sessionStore: number[];
}

/**
 * Brings a database to this version's schema: the session store's tables first, then the server's, all in `boocode`.
 * Forward only: a database that a newer version has changed is refused.
 *
 * Each file and its bookkeeping are sent as one simple query, which Postgres runs whole or not at all, so a crash on
 * either side leaves nothing half done. The query first takes a lock that lasts as long as its transaction, and stops
 * if another host has applied the file meanwhile. No connection is reserved for this, because the driver cannot survive
 * losing one.
 */
export async function migrate<T extends Record<string, unknown>>(
  sql: postgres.Sql<T>,
  options: { directory?: string } = {},
): Promise<Migrated> {
  return plainErrors(async () => {
    const db = sql as unknown as AnySql;
    await prepareSchema(db, defaultSchema);
    await run(db, sessionStoreSequence(defaultSchema));
    return { applied: await run(db, { ...serverSequence, ...options }) };
  });
}

/**
 * Creates the session store's two tables, and its bookkeeping, in `schema` (default `boocode`; created if missing), and
 * touches nothing else. What an older version put elsewhere is moved to `boocode`.
 */
export async function migrateSessionStore<T extends Record<string, unknown>>(
  sql: postgres.Sql<T>,
  options: { schema?: string } = {},
): Promise<Migrated> {
  return plainErrors(async () => {
    const db = sql as unknown as AnySql;
    const schema = checkSchema(options.schema ?? defaultSchema);
    await prepareSchema(db, schema);
    return { applied: await run(db, sessionStoreSequence(schema)) };
  });
}

/**
 * Brings a database that is being restored to the schema of the backup, or without `upTo` to this version's. It must have
 * been marked (`restore-target.ts`).
 */
export async function migrateRestored(sql: Sql, upTo?: SchemaVersions): Promise<void> {
  await plainErrors(async () => {
    const db = sql as unknown as AnySql;
    await run(db, sessionStoreSequence(defaultSchema), { isRestoring: true, only: upTo?.sessionStore });
    await run(db, serverSequence, { isRestoring: true, only: upTo?.server });
  });
}

/** The migrations that this version has. */
export async function knownVersions(): Promise<SchemaVersions> {
  const [server, sessionStore] = await Promise.all(
    [serverSequence, sessionStoreSequence(defaultSchema)].map(async ({ directory }) =>
      (await readMigrations(directory)).map(({ version }) => version),
    ),
  );
  return { server: server!, sessionStore: sessionStore! };
}

/** The migrations that the database has had; null if it has none of our tables. Changes nothing. */
export async function presentVersions(sql: Sql): Promise<SchemaVersions | null> {
  const db = sql as unknown as AnySql;
  const read = async ({ schema, table }: Sequence): Promise<number[] | null> => {
    const [found] = await db.unsafe<{ found: boolean }[]>(
      `select to_regclass('${schema}.${table}') is not null as found`,
    );
    if (found?.found !== true) return null;
    const rows = await db.unsafe<{ version: number }[]>(`select version from ${schema}.${table} order by version`);
    return rows.map(({ version }) => version);
  };
  const [server, sessionStore] = [await read(serverSequence), await read(sessionStoreSequence(defaultSchema))];
  return server || sessionStore ? { server: server ?? [], sessionStore: sessionStore ?? [] } : null;
}

type AnySql = postgres.Sql<Record<string, unknown>>;

/** Numbered files, and where it is recorded which of them were applied. */
interface Sequence {
  schema: string;
  table: string;
  directory: string;
}

interface Migration {
  version: number;
  name: string;
}

// The same two steps up from src/store and from dist/store.
const ownMigrations = fileURLToPath(new URL('../../migrations', import.meta.url));

const serverSequence: Sequence = { schema: defaultSchema, table: 'migrations', directory: ownMigrations };

function sessionStoreSequence(schema: string): Sequence {
  return { schema, table: 'session_store_migrations', directory: join(ownMigrations, 'session-store') };
}

/** What every version of BooCode locks while it changes the schema. */
export const schemaLock = '712460915243';
/** Waiting and DDL may take longer than the client allows a statement. */
export const beginSchemaChange = `set local statement_timeout = 0; select pg_advisory_xact_lock(${schemaLock});`;

/**
 * What stands among the migrations of a database whose restore has not finished. No version has a migration of this number,
 * so every version refuses such a database.
 */
export const unfinishedRestore = 999_999;

/** The bookkeeping of a sequence of migrations. */
export const migrationsTable = (table: string): string => `create table if not exists ${table} (
         version integer primary key,
         name text not null,
         applied_at timestamptz not null default now()
       )`;
// Ours: none of Postgres's own classes starts with B.
const alreadyApplied = 'BOO01';

async function prepareSchema(sql: AnySql, schema: string): Promise<void> {
  const [found] = await sql.unsafe<{ schema: boolean; older: boolean }[]>(
    `select to_regnamespace('${schema}') is not null as schema, to_regclass('boocode_migrations') is not null as older`,
  );
  if (found?.schema !== true) {
    // Not “if not exists”, which goes by what the connection looked up before it waited for the lock.
    const create = `do $$ begin create schema ${schema}; exception when duplicate_schema or unique_violation then end $$;`;
    await sql.unsafe(`${beginSchemaChange} ${create}`).catch((error: unknown) => {
      if ((error as { code?: unknown }).code !== '42501') throw error;
      throw new BooError(
        'storage_unavailable',
        `The database user may not create the schema ${schema}. Create it first: create schema ${schema} authorization the_user;`,
        { cause: error },
      );
    });
  }
  if (found?.older === true && schema === defaultSchema) await sql.unsafe(`${beginSchemaChange} ${moveFromOlderPlace}`);
}

async function run(
  sql: AnySql,
  sequence: Sequence,
  { isRestoring = false, only }: { isRestoring?: boolean; only?: readonly number[] | undefined } = {},
): Promise<number[]> {
  const migrations = await readMigrations(sequence.directory);
  const present = await readVersions(sql, sequence);
  if (!isRestoring) {
    refuseNewer(
      present,
      migrations.map(({ version }) => version),
    );
  }
  const applied: number[] = [];
  for (const migration of migrations) {
    if (only && !only.includes(migration.version)) continue;
    if (!present.has(migration.version) && (await apply(sql, sequence, migration))) applied.push(migration.version);
  }
  return applied;
}

async function readMigrations(directory: string): Promise<Migration[]> {
  const names = (await readdir(directory)).filter((name) => /^\d{6}\.sql$/.test(name)).sort();
  return names.map((name) => ({ version: Number.parseInt(name, 10), name }));
}

async function readVersions(sql: AnySql, { schema, table }: Sequence): Promise<Set<number>> {
  const [found] = await sql.unsafe<{ found: boolean }[]>(
    `select to_regclass('${schema}.${table}') is not null as found`,
  );
  if (found?.found !== true) {
    await sql.unsafe(
      `${beginSchemaChange}
       ${migrationsTable(`${schema}.${table}`)};`,
    );
  }
  const rows = await sql.unsafe<{ version: number }[]>(`select version from ${schema}.${table}`);
  return new Set(rows.map((row) => row.version));
}

/** Throws `storage_unavailable` for a schema that this version does not know. */
export function refuseNewer(present: Iterable<number>, migrations: readonly number[]): void {
  const database = Math.max(0, ...present);
  const known = Math.max(0, ...migrations);
  if (database <= known) return;
  if (database === unfinishedRestore) {
    throw new BooError(
      'storage_unavailable',
      'The database is being restored from a backup, or that was cut off: wait for it, or run `boocode restore` with the backup again, which starts over.',
      { details: { reason: 'unfinished_restore' } },
    );
  }
  throw new BooError(
    'storage_unavailable',
    `The database has schema version ${database}, but this BooCode knows only ${known}: start a newer BooCode.`,
    { details: { database, known } },
  );
}

/** False if another host was faster. */
async function apply(sql: AnySql, { schema, table, directory }: Sequence, migration: Migration): Promise<boolean> {
  const { version, name } = migration;
  const text = await readFile(join(directory, name), 'utf8');
  try {
    await sql.unsafe(
      `${beginSchemaChange}
       set local search_path to ${schema};
       do $$ begin
         if exists (select from ${schema}.${table} where version = ${version}) then
           raise exception 'already applied' using errcode = '${alreadyApplied}';
         end if;
       end $$;
       ${text}
       ;
       insert into ${schema}.${table} (version, name) values (${version}, '${name}');`,
    );
    return true;
  } catch (error) {
    if ((error as { code?: unknown }).code === alreadyApplied) return false;
    throw new BooError('storage_unavailable', `Migration ${name} failed: ${toBooError(error).message}`, {
      cause: error,
    });
  }
}

async function plainErrors<R>(task: () => Promise<R>): Promise<R> {
  try {
    return await task();
  } catch (error) {
    if (error instanceof BooError) throw error;
    throw new BooError('storage_unavailable', `The database could not be migrated: ${toBooError(error).message}`, {
      cause: error,
    });
  }
}
