/** Everything that a backup holds, as it was at one moment, while servers go on writing. */
import { BooError, toBooError } from '../protocol/error.ts';
import { backupTables, resetColumns } from './backup-tables.ts';
import { readCopy } from './copy-out.ts';
import { readDatabaseFacts } from './database-facts.ts';
import { knownVersions, presentVersions, refuseNewer, schemaLock, type SchemaVersions } from './migrate.ts';
import { type OneConnection, openTransaction } from './one-connection.ts';

export interface SnapshotTable {
  name: string;
  columns: string[];
}

export interface Snapshot {
  /** By the database's clock, as an ISO string. */
  readonly takenAt: string;
  readonly schema: SchemaVersions;
  /** The database's own. */
  readonly encoding: string;
  readonly postgresVersion: string;
  /** In an order in which they can be filled. */
  readonly tables: readonly SnapshotTable[];
  /** The rows in COPY's text format. One table at a time, and each to its end. */
  read(table: SnapshotTable): AsyncIterable<Buffer>;
  /** Throws `storage_unavailable` if what was read is not of one moment because a connection was lost. */
  assertWhole(): Promise<void>;
  close(): Promise<void>;
}

/** How values are written does not depend on the database's settings. */
const plainValues = `
  set local timezone = 'UTC'; set local datestyle = 'ISO, YMD'; set local intervalstyle = 'postgres';
  set local extra_float_digits = 1; set local bytea_output = 'hex'`;

/**
 * Throws `not_found` if the database has none of our tables, and `storage_unavailable` if a newer version made them, or if
 * it cannot be reached.
 */
export async function openSnapshot(url: string, signal?: AbortSignal): Promise<Snapshot> {
  const { isPooled, version } = await readDatabaseFacts(url, signal);
  // Keeps migrations away from the tables, because a table that is changed has a different past. Servers write on.
  const guard = await openTransaction(url, isPooled, 'begin read only');
  const lines = [guard];
  const close = async (): Promise<void> => void (await Promise.all(lines.map((line) => line.close())));
  try {
    await guard.sql`select pg_advisory_xact_lock_shared(${schemaLock})`;
    const line = await openTransaction(url, isPooled, 'begin isolation level repeatable read, read only');
    lines.push(line);
    return await look(line, guard, { close, version });
  } catch (error) {
    await close();
    throw unreadable(error);
  }
}

/** Why the database could not be read, for people. */
export function unreadable(error: unknown): BooError {
  if (error instanceof BooError) return error;
  return new BooError('storage_unavailable', `The database cannot be read: ${toBooError(error).message}.`, {
    cause: error,
  });
}

async function look(
  line: OneConnection,
  guard: OneConnection,
  { close, version }: { close: () => Promise<void>; version: string },
): Promise<Snapshot> {
  const { sql } = line;
  await sql.unsafe(plainValues);
  const schema = await presentVersions(sql);
  if (!schema) throw new BooError('not_found', 'The database contains nothing of BooCode: check which one was meant.');
  const known = await knownVersions();
  refuseNewer(schema.server, known.server);
  refuseNewer(schema.sessionStore, known.sessionStore);
  const [now] = await sql<{ at: Date; encoding: string }[]>`
    select now() as at, current_setting('server_encoding') as encoding`;
  const found = await sql<{ name: string; columns: string }[]>`
    select relname as name, json_agg(attname order by attnum) as columns
    from pg_class join pg_attribute on attrelid = pg_class.oid
    where relnamespace = to_regnamespace('boocode') and relkind = 'r' and relname in ${sql(backupTables)}
      and attnum > 0 and not attisdropped and attgenerated = ''
    group by relname`;
  const tables = found
    .map(({ name, columns }) => ({
      name,
      columns: (JSON.parse(columns) as string[]).filter((column) => resetColumns[name]?.includes(column) !== true),
    }))
    .toSorted((a, b) => place(a) - place(b));
  const assertWhole = async (): Promise<void> => {
    for (const each of [line, guard]) await each.assertKept();
  };
  return {
    takenAt: now!.at.toISOString(),
    encoding: now!.encoding,
    postgresVersion: version,
    schema,
    tables,
    read: ({ name, columns }) => readCopy(sql, name, columns),
    assertWhole,
    close,
  };
}

const place = ({ name }: SnapshotTable): number => (backupTables as readonly string[]).indexOf(name);
