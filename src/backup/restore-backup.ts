import { BooError, toBooError } from '../protocol/error.ts';
import type { CopyIn } from '../store/copy-in.ts';
import { knownVersions, type SchemaVersions } from '../store/migrate.ts';
import { openRestoreTarget, type PinnedChats, type RestoreTarget } from '../store/restore-target.ts';
import { type Backup, type BackupHeader, type BackupOptions, badBackup } from './backup-format.ts';
import { BackupFile, createTally } from './read-backup.ts';

export interface RestoreBackup extends BackupOptions {
  file: string;
  /** Of this BooCode. */
  version: string;
  /** The database's address. Asked for only once the whole backup has been verified. */
  openUrl: () => Promise<string>;
}

export interface Restored extends Backup {
  pinned: PinnedChats[];
}

/** A transaction's share, so that checking its foreign keys needs little memory. */
const batchBytes = 64 * 1024 * 1024;

/**
 * Fills an empty database from a backup. Nothing is written before the whole file has been verified. Throws
 * `invalid_request` for a backup that is damaged or newer than this BooCode, `config_invalid` for a database that is not
 * empty. What fails later leaves a database that no server starts on, and in which the restore can be repeated.
 */
export async function restoreBackup(options: RestoreBackup): Promise<Restored> {
  const { signal, onProgress } = options;
  const file = await BackupFile.open(options.file);
  try {
    const backup = await file.verify({ signal, onProgress });
    assertKnown(backup.header, await knownVersions(), options.version);
    const target = await openRestoreTarget(await options.openUrl(), signal);
    try {
      await target.prepare(backup.header.schema);
      try {
        await fill(target, file, options);
        const pinned = await target.finish(new Map(backup.tables.map(({ name, rows }) => [name, rows])));
        return { ...backup, pinned };
      } catch (error) {
        throw unfinished(signal?.aborted === true ? signal.reason : error);
      }
    } finally {
      await target.close();
    }
  } finally {
    await file.close();
  }
}

async function fill(target: RestoreTarget, file: BackupFile, { signal, onProgress }: BackupOptions): Promise<void> {
  const tally = createTally('restore', onProgress);
  let columns: string[] = [];
  let copy: CopyIn | undefined;
  let table = '';
  let bytes = 0;
  const end = async (): Promise<void> => {
    await copy?.end();
    copy = undefined;
  };
  for await (const part of file.parts(signal)) {
    if (part.kind === 'table') ({ name: table, columns } = part);
    if (part.kind === 'tableEnd') await end();
    if (part.kind === 'rows') {
      if (!copy) bytes = 0;
      copy ??= await target.fill(table, columns);
      await copy.write(part.rows);
      bytes += part.rows.length;
      // Only between two rows.
      if (bytes >= batchBytes && part.rows.at(-1) === 10) await end();
    }
    tally(part);
  }
}

function assertKnown({ schema, version }: BackupHeader, known: SchemaVersions, ours: string): void {
  for (const name of ['server', 'sessionStore'] as const) {
    const newest = Math.max(0, ...schema[name]);
    const last = Math.max(0, ...known[name]);
    const missing = schema[name].find((each) => !known[name].includes(each));
    if (missing === undefined) continue;
    const what = name === 'server' ? 'schema version' : 'session store version';
    throw badBackup(
      newest > last
        ? `The backup has ${what} ${newest} (BooCode ${version}), but this BooCode ${ours} knows only ${last}: use a newer BooCode.`
        : `The backup has had migration ${missing} (BooCode ${version}), which this BooCode ${ours} does not have.`,
    );
  }
}

function unfinished(error: unknown): BooError {
  const { code, message, details } = toBooError(error);
  const way = 'The restore is unfinished: repeat it with the same command, which starts over.';
  return new BooError(code === 'internal' ? 'storage_unavailable' : code, `${message.replace(/\.?$/, '.')} ${way}`, {
    cause: error,
    details: { ...details },
  });
}
