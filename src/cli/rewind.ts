import type { Command } from 'commander';
import { countOf } from '../protocol/count-text.ts';
import { type Cli, connect, type GlobalFlags, printJson } from './cli.ts';
import { findChat } from './find-chat.ts';

interface RewindFlags extends GlobalFlags {
  prompt?: string;
}

export function addRewind(program: Command, cli: Cli): void {
  program
    .command('rewind')
    .description('Take back what is too long for the model: the agent continues from before it; files stay as they are')
    .argument('<chat>', 'the id of the chat or the start of it')
    .option('--prompt <id>', 'take back this prompt and everything after it')
    .action(async (given: string, _options, command: Command) => {
      const flags = command.optsWithGlobals<RewindFlags>();
      const client = await connect(cli, flags);
      const chat = await findChat(client, given);
      const result = await client.rewind(chat.id, flags.prompt === undefined ? {} : { promptId: flags.prompt });
      if (flags.json) return printJson(cli, result);
      cli.terminal.out(`The agent has forgotten ${countOf(result.promptIds.length, 'prompt')}.\n`);
    });
}
