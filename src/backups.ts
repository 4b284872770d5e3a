/** Backup and restore of a server's database: the embedded one of the data directory, or the user's own. */
import { randomUUID } from 'node:crypto';
import { hostname } from 'node:os';
import type { Backup, BackupOptions } from './backup/backup-format.ts';
import { type Restored, restoreBackup } from './backup/restore-backup.ts';
import { writeBackup } from './backup/write-backup.ts';
import type { Config } from './config.ts';
import { openDataDirectory } from './data-directory.ts';
import { silentLog } from './lib/log.ts';
import { BooError } from './protocol/error.ts';
import { appendAudit } from './store/audit-log.ts';
import { openDatabase } from './store/database.ts';
import { guardDriver } from './store/driver-guard.ts';
import { openEmbeddedPostgres } from './store/embedded-postgres/embedded-postgres.ts';
import { reachEmbeddedPostgres } from './store/embedded-postgres/reach.ts';
import { inTime } from './store/in-time.ts';
import { version } from './version.ts';

export type { Backup, BackupProgress } from './backup/backup-format.ts';
export { verifyBackup } from './backup/write-backup.ts';

interface BackupFileOptions extends BackupOptions {
  file: string;
}

/** Writes a backup while the servers go on, if there are any. Throws as `writeBackup` and `reachEmbeddedPostgres` do. */
export async function backUp(config: Config, options: BackupFileOptions): Promise<Backup> {
  return guarded(async () => {
    if (config.databaseUrl !== null) return writeNoted(config.databaseUrl, options);
    const embedded = await reachEmbeddedPostgres(config.dataDir, options.signal);
    try {
      return await writeNoted(embedded.url, options);
    } finally {
      await embedded.close();
    }
  });
}

async function writeNoted(url: string, options: BackupFileOptions): Promise<Backup> {
  const backup = await writeBackup({ ...options, url, version });
  await note(url, 'writeBackup');
  return backup;
}

/**
 * In the audit log. Who it was is not known: whoever may read the data directory, or has the database's address. A database
 * that cannot be written to, or is older than the log, has a backup all the same.
 */
async function note(url: string, act: string): Promise<void> {
  const sql = openDatabase(url, { max: 1 });
  const nobody = { person: null, source: null, chatId: null, code: null };
  const row = { id: randomUUID(), ageMs: 0, ...nobody, via: 'cli', host: hostname(), act, count: 1, details: {} };
  try {
    await inTime(appendAudit(sql, [{ ...row, outcome: 'done' }]), 2_000);
  } catch {
    // As said above.
  } finally {
    await sql.end({ timeout: 1 });
  }
}

/** Fills an empty database, or a data directory without one. Throws as `restoreBackup` does. */
export async function restore({ databaseUrl, dataDir }: Config, options: BackupFileOptions): Promise<Restored> {
  return guarded(async () => {
    if (databaseUrl !== null) {
      const restored = await restoreBackup({ ...options, version, openUrl: () => Promise.resolve(databaseUrl) });
      await note(databaseUrl, 'restoreBackup');
      return restored;
    }
    let close = (): Promise<void> => Promise.resolve();
    let url: string | undefined;
    const openUrl = async (): Promise<string> => {
      openDataDirectory(dataDir);
      const embedded = await openEmbeddedPostgres({ dataDir });
      close = () => embedded.close();
      return (url = embedded.url);
    };
    try {
      const restored = await restoreBackup({ ...options, version, openUrl });
      if (url !== undefined) await note(url, 'restoreBackup');
      return restored;
    } catch (error) {
      if (!(error instanceof BooError) || error.details['reason'] !== 'not_empty') throw error;
      const sentence = `The data directory ${dataDir} has a database already: choose another directory with --data-dir.`;
      throw new BooError('config_invalid', sentence, { cause: error, details: { dataDir } });
    } finally {
      await close();
    }
  });
}

async function guarded<T>(task: () => Promise<T>): Promise<T> {
  const release = guardDriver(silentLog);
  try {
    return await task();
  } finally {
    release();
  }
}
