/** Backup and restore of a server's database: the embedded one of the data directory, or the user's own. */
import type { Backup, BackupOptions } from './backup/backup-format.ts';
import { type Restored, restoreBackup } from './backup/restore-backup.ts';
import { writeBackup } from './backup/write-backup.ts';
import type { Config } from './config.ts';
import { openDataDirectory } from './data-directory.ts';
import { silentLog } from './lib/log.ts';
import { BooError } from './protocol/error.ts';
import { guardDriver } from './store/driver-guard.ts';
import { openEmbeddedPostgres } from './store/embedded-postgres/embedded-postgres.ts';
import { reachEmbeddedPostgres } from './store/embedded-postgres/reach.ts';
import { version } from './version.ts';

export type { Backup, BackupProgress } from './backup/backup-format.ts';
export { verifyBackup } from './backup/write-backup.ts';

interface BackupFileOptions extends BackupOptions {
  file: string;
}

/** Writes a backup while the servers go on, if there are any. Throws as `writeBackup` and `reachEmbeddedPostgres` do. */
export async function backUp(config: Config, options: BackupFileOptions): Promise<Backup> {
  return guarded(async () => {
    if (config.databaseUrl !== null) return writeBackup({ ...options, url: config.databaseUrl, version });
    const embedded = await reachEmbeddedPostgres(config.dataDir, options.signal);
    try {
      return await writeBackup({ ...options, url: embedded.url, version });
    } finally {
      await embedded.close();
    }
  });
}

/** Fills an empty database, or a data directory without one. Throws as `restoreBackup` does. */
export async function restore({ databaseUrl, dataDir }: Config, options: BackupFileOptions): Promise<Restored> {
  return guarded(async () => {
    if (databaseUrl !== null) {
      return restoreBackup({ ...options, version, openUrl: () => Promise.resolve(databaseUrl) });
    }
    let close = (): Promise<void> => Promise.resolve();
    const openUrl = async (): Promise<string> => {
      openDataDirectory(dataDir);
      const embedded = await openEmbeddedPostgres({ dataDir });
      close = () => embedded.close();
      return embedded.url;
    };
    try {
      return await restoreBackup({ ...options, version, openUrl });
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
