import { resolve } from 'node:path';
import type { Command } from 'commander';
import { defaultDataDir } from '../settings.ts';
import { addDatabaseUrl, inWords } from './backup.ts';
import { whileShown } from './backup-progress.ts';
import { type Cli, type GlobalFlags, printJson } from './cli.ts';
import { plainLine, plainText } from './plain-text.ts';
import { settingFlags } from './setting-options.ts';

const help = `
Restores into a data directory without a database, or with DATABASE_URL into a database without anything of BooCode.
The whole file is checked before anything is written. A restore that was cut off leaves a database on which no server
starts; run the same command again. Nobody holds the restored chats, and turns that were running end as after a crash.
`;

export function addRestore(program: Command, cli: Cli): void {
  const command = program
    .command('restore')
    .description('Fill an empty data directory or database from a file of boocode backup')
    .argument('<file>', 'the backup')
    .addHelpText('after', help)
    .action(async (given: string, _options, restoring: Command) => {
      const flags = restoring.optsWithGlobals<GlobalFlags>();
      const file = resolve(given);
      const [{ readConfig }, backups] = await Promise.all([import('../config.ts'), import('../backups.ts')]);
      const config = readConfig({
        flags: settingFlags(flags as Record<string, unknown>),
        env: cli.env,
        defaultDataDir: defaultDataDir(cli.env, 'boocode'),
      });
      const restored = await whileShown(cli, (options) => backups.restore(config, { ...options, file }));
      if (flags.json) return printJson(cli, restored);
      const { out, err } = cli.terminal;
      const where = config.databaseUrl === null ? config.dataDir : 'your database (DATABASE_URL)';
      out(`${plainLine(where, 4096)}: restored ${plainText(inWords(restored))}\n`);
      for (const { host, chats } of restored.pinned) {
        const which = chats === 1 ? '1 chat is pinned' : `${chats} chats are pinned`;
        const name = plainLine(host, 64);
        err(
          `· ${which} to the host ${name}: start a server with \`--host-name ${name}\`, or unpin them with \`boocode unpin\`.\n`,
        );
      }
    });
  addDatabaseUrl(command);
}
