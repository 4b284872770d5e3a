import type { Command } from 'commander';
import { BooError } from '../protocol/client.ts';
import { type Cli, type GlobalFlags, usualDataDirs } from './cli.ts';
import { dataDirsOf, tokenIn, tokenPath } from './find-server.ts';

interface TokenFlags extends GlobalFlags {
  show?: true;
}

export function addToken(program: Command, cli: Cli): void {
  program
    .command('token')
    .description("Print where this machine's server keeps its token")
    .option('--show', 'print the token itself')
    .action(async (_options, command: Command) => {
      const flags = command.optsWithGlobals<TokenFlags>();
      const dataDirs = dataDirsOf({ flags, env: cli.env, usualDataDirs: usualDataDirs(cli.env) });
      for (const dataDir of dataDirs) {
        const token = await tokenIn(dataDir);
        if (token === undefined) continue;
        return cli.terminal.out(`${flags.show ? token : tokenPath(dataDir)}\n`);
      }
      const [likeliest = ''] = dataDirs;
      throw new BooError('not_found', `There is no token yet: a server's first start writes ${tokenPath(likeliest)}.`);
    });
}
