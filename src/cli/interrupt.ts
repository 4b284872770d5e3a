import type { Command } from 'commander';
import { type Cli, connect, type GlobalFlags, printJson } from './cli.ts';
import { findChat } from './find-chat.ts';

export function addInterrupt(program: Command, cli: Cli): void {
  program
    .command('interrupt')
    .description("Interrupt a chat's running turn")
    .argument('<chat>', 'the id of the chat or the start of it')
    .action(async (given: string, _options, command: Command) => {
      const flags = command.optsWithGlobals<GlobalFlags>();
      const client = await connect(cli, flags);
      const chat = await findChat(client, given);
      const result = await client.interrupt(chat.id);
      if (flags.json) printJson(cli, result);
      else cli.terminal.out(result.interrupted ? 'The turn is interrupted.\n' : 'No turn is running.\n');
    });
}
