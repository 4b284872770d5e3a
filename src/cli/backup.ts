import { resolve } from 'node:path';
import type { Command } from 'commander';
import type { Backup } from '../backups.ts';
import { countOf } from '../protocol/count-text.ts';
import { settings } from '../settings.ts';
import { whileShown } from './backup-progress.ts';
import { type Cli, type GlobalFlags, printJson, usualDataDirs } from './cli.ts';
import { runningDataDir, type ServerFlags } from './find-server.ts';
import { plainLine, plainText } from './plain-text.ts';
import { addSetting, settingFlags } from './setting-options.ts';

interface BackupFlags extends GlobalFlags {
  verify?: true;
}

const help = `
Backs up everything that the server has in its database, the embedded one of the data directory or your own
(DATABASE_URL), while servers run or while none does. The file is compressed and readable by you only: it contains
conversations. It contains no token, no key and no file of a working directory. See also: boocode restore
`;

export function addBackup(program: Command, cli: Cli): void {
  const command = program
    .command('backup')
    .description('Write all chats into one file, which boocode restore reads')
    .argument('<file>', 'the file to write; it must not exist yet')
    .option('--verify', 'write nothing: only check that the file is a complete, undamaged backup')
    .addHelpText('after', help)
    .action(async (given: string, _options, backup: Command) => {
      const flags = backup.optsWithGlobals<BackupFlags>();
      const file = resolve(given);
      const { backUp, verifyBackup } = await import('../backups.ts');
      const written = await whileShown(cli, async (options) => {
        if (flags.verify) return verifyBackup(file, options);
        const { readConfig } = await import('../config.ts');
        const running = await runningDataDir({
          flags: backup.optsWithGlobals<ServerFlags>(),
          env: cli.env,
          usualDataDirs: usualDataDirs(cli.env),
        });
        const source = { flags: settingFlags(flags as Record<string, unknown>), env: cli.env };
        return backUp(readConfig({ ...source, ...(running && { defaultDataDir: running }) }), { ...options, file });
      });
      if (flags.json) return printJson(cli, written);
      cli.terminal.out(
        `${plainLine(file, 4096)}: ${flags.verify ? 'a complete backup of' : 'backed up'} ${plainText(inWords(written))}\n`,
      );
    });
  addDatabaseUrl(command);
}

/** Which database is meant, beside the data directory that all commands share. */
export function addDatabaseUrl(command: Command): void {
  for (const setting of settings) if (setting.flag === 'database-url') addSetting(command, setting);
}

/** `12 chats with 4,210 events, 1.2 MB, of 2026-11-29 09:00 (BooCode 0.1.0, schema version 25)`. */
export function inWords({ tables, bytes, header }: Backup): string {
  const rows = (table: string): number => tables.find(({ name }) => name === table)?.rows ?? 0;
  const at = header.takenAt.slice(0, 16).replace('T', ' ');
  const made = `BooCode ${header.version}, schema version ${Math.max(0, ...header.schema.server)}`;
  return `${countOf(rows('chats'), 'chat')} with ${countOf(rows('events'), 'event')}, ${megabytes(bytes)}, of ${at} UTC (${made}).`;
}

const megabytes = (bytes: number): string =>
  bytes < 100_000 ? `${(bytes / 1e3).toFixed(1)} kB` : `${(bytes / 1e6).toFixed(1)} MB`;
