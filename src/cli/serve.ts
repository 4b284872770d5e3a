import type { Command } from 'commander';
import type { Cli } from './cli.ts';
import { defaultDataDir } from '../settings.ts';
import { addSettings, settingFlags } from './setting-options.ts';

export function addServe(program: Command, cli: Cli): void {
  const command = program
    .command('serve', { isDefault: true })
    .description('Start the server')
    .usage('[options]')
    .action(async (_options, serve: Command) => {
      cli.exitCode = await runServer(cli, serve, false);
    });
  addSettings(command);
}

/** The server's code is loaded only now: the other commands start without it. */
export async function runServer({ env }: Cli, command: Command, demo: boolean): Promise<number> {
  const { readConfig } = await import('../config.ts');
  const flags = settingFlags(command.optsWithGlobals());
  const config = readConfig({ flags, env, defaultDataDir: defaultDataDir(env, demo ? 'boocode-demo' : 'boocode') });
  const server = await import('../run-server.ts');
  const exitCode = await server.runServer(config, { demo });
  // Everything is closed. A connection whose peer is gone would keep the process alive for many minutes.
  setTimeout(() => process.exit(exitCode), 1_000).unref();
  return exitCode;
}
