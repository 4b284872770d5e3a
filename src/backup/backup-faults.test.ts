// What happens while a backup is written or restored, and when that goes wrong.
import { randomUUID } from 'node:crypto';
import { mkdtemp, readdir, rm } from 'node:fs/promises';
import { tmpdir } from 'node:os';
import { join } from 'node:path';
import { afterEach, beforeEach, describe, expect, test } from 'vitest';
import { newChat } from '../../test/support/new-chat.ts';
import { type Pgbouncer, pgbouncerPath, startPgbouncer } from '../../test/support/pgbouncer.ts';
import { createTestDatabase, type TestDatabase } from '../../test/support/postgres.ts';
import { until } from '../../test/support/until.ts';
import { insertChat } from '../store/chats.ts';
import { openDatabase, type Sql } from '../store/database.ts';
import { appendEvents, type Lease } from '../store/events.ts';
import { insertHost } from '../store/hosts.ts';
import { insertImport } from '../store/imports.ts';
import { claimLease } from '../store/leases.ts';
import { beginSchemaChange, migrate, migrateSessionStore } from '../store/migrate.ts';
import { openSnapshot } from '../store/snapshot.ts';
import type { BackupProgress } from './backup-format.ts';
import { countLines } from './count-lines.ts';
import { restoreBackup } from './restore-backup.ts';
import { writeBackup } from './write-backup.ts';

let directory: string;
let source: TestDatabase;
let target: TestDatabase;
let lease: Lease;
let file: string;
beforeEach(async () => {
  directory = await mkdtemp(join(tmpdir(), 'boocode-backup-'));
  file = join(directory, 'backup.gz');
  [source, target] = [await createTestDatabase(), await createTestDatabase()];
  await target.sql`drop schema boocode cascade`;
  const hostId = randomUUID();
  await insertHost(source.sql, { id: hostId, machine: 'm', name: 'n', pid: 1, pidStarted: 'x', version: '0' });
  const { id } = await insertChat(source.sql, newChat());
  lease = (await claimLease(source.sql, id, hostId, 60_000))!;
  await append(2);
});
afterEach(async () => {
  await source.drop();
  await target.drop();
  await rm(directory, { recursive: true, force: true });
});

const notice = { body: { type: 'notice', level: 'info', code: 'n', message: 'm' } } as const;
const append = (count: number) =>
  appendEvents(source.sql, lease, { events: Array.from({ length: count }, () => notice) });
const write = (signal?: AbortSignal) => writeBackup({ url: source.url, file, version: '1.2.3', signal });
const restore = (options: { signal?: AbortSignal; onProgress?: (progress: BackupProgress) => void } = {}) =>
  restoreBackup({ file, version: '1.2.3', openUrl: () => Promise.resolve(target.url), ...options });
const eventsIn = async (sql: Sql): Promise<number> => (await sql`select from boocode.events`).length;

/** Someone else's transaction, which keeps a lock. */
async function holding(statement: string): Promise<{ release(): Promise<void> }> {
  const sql = openDatabase(source.url, { max: 1 });
  await sql.unsafe(`begin; set local idle_in_transaction_session_timeout = 0; ${statement}`);
  return { release: () => sql.end({ timeout: 0 }) };
}

const waiting = (count = 1) =>
  until(async () => {
    const rows = await source.sql`
      select from pg_stat_activity where datname = current_database() and wait_event_type = 'Lock'`;
    return rows.length >= count;
  });

test('BACKUP-1: everything is as it was at one moment, while servers write on', async () => {
  const snapshot = await openSnapshot(source.url);
  await append(3);
  await insertChat(source.sql, newChat());
  const read: Record<string, number> = {};
  for (const table of snapshot.tables) {
    read[table.name] = 0;
    for await (const rows of snapshot.read(table)) read[table.name]! += countLines(rows);
  }
  await snapshot.close();
  expect(read).toMatchObject({ chats: 1, events: 2 });
  expect(await eventsIn(source.sql)).toBe(5);
});

test('BACKUP-1: a migration waits for a backup and a backup for a migration, and no server waits for either', async () => {
  const snapshot = await openSnapshot(source.url);
  const migrating = openDatabase(source.url, { max: 1 });
  const migrated = migrating.unsafe(`${beginSchemaChange} alter table boocode.events add column other integer`);
  migrated.catch(() => undefined);
  await waiting();
  await append(1);
  await snapshot.close();
  await migrated;

  await migrating.unsafe(`begin; ${beginSchemaChange} alter table boocode.events drop column other`);
  const written = write();
  await waiting();
  await migrating.unsafe('commit');
  await migrating.end();
  await written;
  const { tables } = await restore();
  expect(tables.find(({ name }) => name === 'events')).toMatchObject({ rows: 3 });
});

test('BACKUP-5: a backup whose connection is lost is not kept, and says so', async () => {
  for (const which of ['backend_start', 'backend_start desc']) {
    const lock = await holding('lock table boocode.claude_session_summaries in access exclusive mode');
    const written = write().then(
      () => 'written',
      (error: unknown) => error,
    );
    await waiting();
    // The one that reads, and the one that keeps migrations away.
    const [row] = await source.sql.unsafe(`
      select pg_terminate_backend(pid) as cut from pg_stat_activity where datname = current_database()
        and (wait_event_type = 'Lock' or query like '%advisory_xact_lock_shared%' and pid <> pg_backend_pid())
      order by ${which} limit 1`);
    expect(row).toEqual({ cut: true });
    await lock.release();
    expect(await written).toMatchObject({ code: 'storage_unavailable' });
    expect(await readdir(directory)).toEqual([]);
  }
});

test('BACKUP-5: a backup that is interrupted leaves no file, and no existing file is replaced', async () => {
  const lock = await holding('lock table boocode.claude_session_summaries in access exclusive mode');
  const stop = new AbortController();
  const written = write(stop.signal).catch((error: unknown) => error);
  await waiting();
  stop.abort();
  expect(await written).toBeInstanceOf(Error);
  await lock.release();
  expect(await readdir(directory)).toEqual([]);
  await write();
  await expect(write()).rejects.toMatchObject({
    code: 'invalid_request',
    message: `The file ${file} exists already: choose another name, or remove it.`,
  });
  await expect(
    writeBackup({ url: source.url, file: join(directory, 'none', 'x'), version: '1' }),
  ).rejects.toMatchObject({ message: `The directory ${join(directory, 'none')} does not exist.` });
});

const unfinished = {
  code: 'storage_unavailable',
  message:
    'The database is being restored from a backup, or that was cut off: wait for it, or run `boocode restore` with the backup again, which starts over.',
};

test('BACKUP-6: a restore that is cut off leaves a database that nothing starts on, and can be repeated', async () => {
  await write();
  const stop = new AbortController();
  const onProgress = ({ phase, table }: BackupProgress): void => {
    if (phase === 'restore' && table === 'events') stop.abort();
  };
  await expect(restore({ signal: stop.signal, onProgress })).rejects.toMatchObject({
    message: expect.stringMatching(
      /The restore is unfinished: repeat it with the same command, which starts over\.$/,
    ) as string,
  });
  await expect(migrate(target.sql)).rejects.toMatchObject(unfinished);
  await expect(migrateSessionStore(target.sql)).rejects.toMatchObject(unfinished);
  await expect(writeBackup({ url: target.url, file: join(directory, 'x'), version: '1' })).rejects.toMatchObject(
    unfinished,
  );
  await restore();
  expect(await migrate(target.sql)).toEqual({ applied: [] });
  expect(await eventsIn(target.sql)).toBe(2);
});

test('BACKUP-2: an import that nobody will finish is not restored', async () => {
  await insertImport(source.sql, newChat(), randomUUID());
  await write();
  const { tables } = await restore();
  expect(tables.find(({ name }) => name === 'chats')).toMatchObject({ rows: 2 });
  expect(await target.sql`select id from boocode.chats`).toEqual([{ id: lease.chatId }]);
});

describe.skipIf(pgbouncerPath === undefined)('DATA-13 BACKUP-7: through pgbouncer in transaction mode', () => {
  test('a backup is written and restored', async () => {
    const bouncers: Pgbouncer[] = [];
    const through = async ({ url }: TestDatabase): Promise<string> => {
      bouncers.push(await startPgbouncer(url, { pool_mode: 'transaction', default_pool_size: 3 }));
      return bouncers.at(-1)!.url;
    };
    try {
      await writeBackup({ url: await through(source), file, version: '1' });
      const url = await through(target);
      await restoreBackup({ file, version: '1', openUrl: () => Promise.resolve(url) });
      expect(await eventsIn(target.sql)).toBe(2);
    } finally {
      for (const bouncer of bouncers) await bouncer.close();
    }
  });
});

test('BACKUP-6: only an empty database is restored into, by one restore at a time', async () => {
  await write();
  await expect(restoreBackup({ file, version: '1', openUrl: () => Promise.resolve(source.url) })).rejects.toMatchObject(
    { code: 'config_invalid', message: expect.stringMatching(/^The database is not empty/) as string },
  );
  expect(await eventsIn(source.sql)).toBe(2);
  const other = openDatabase(target.url, { max: 1 });
  await other`select pg_advisory_lock(712460915244)`;
  await expect(restore()).rejects.toMatchObject({
    message: 'Another restore into this database is running: wait until it has finished.',
  });
  await other.end();
  // Where versions before schema 9 kept everything; a later one leaves a sign that it was moved.
  await target.sql`create table public.boocode_migrations (version integer)`;
  await expect(restore()).rejects.toMatchObject({ code: 'config_invalid' });
  await target.sql`insert into public.boocode_migrations values (999999)`;
  // A schema without tables is what its administrator has made for it.
  await target.sql`create schema boocode`;
  await restore();
  expect(await eventsIn(target.sql)).toBe(2);
});
