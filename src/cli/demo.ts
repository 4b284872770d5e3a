import type { Command } from 'commander';
import type { Cli } from './cli.ts';
import { runServer } from './serve.ts';
import { addSettings } from './setting-options.ts';

export function addDemo(program: Command, cli: Cli): void {
  const command = program
    .command('demo')
    .description('Start the server with a scripted demo model: nothing leaves this machine, no account is needed')
    .action(async (_options, demo: Command) => {
      cli.exitCode = await runServer(cli, demo, true);
    });
  addSettings(command);
}
