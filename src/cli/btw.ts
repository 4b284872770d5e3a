import type { Command } from 'commander';
import { type Cli, connect, type GlobalFlags, misuse, printJson } from './cli.ts';
import { findChat } from './find-chat.ts';
import { plainText } from './plain-text.ts';

export function addBtw(program: Command, cli: Cli): void {
  program
    .command('btw')
    .description('Ask about a chat beside its conversation, also while a turn runs: nothing of it is kept')
    .argument('<chat>', 'the id of the chat or the start of it')
    .argument('<question...>', 'what to ask')
    .action(async (given: string, words: string[], _options, command: Command) => {
      const flags = command.optsWithGlobals<GlobalFlags>();
      const question = words.join(' ');
      if (question.trim() === '') throw misuse('Say what to ask.');
      const client = await connect(cli, flags);
      const chat = await findChat(client, given);
      const { answer } = await client.aside(chat.id, question);
      if (flags.json) return printJson(cli, { answer });
      cli.terminal.out(`${plainText(answer)}\n`);
    });
}
