import type { Command } from 'commander';
import type { ForkChat } from '../client/client.ts';
import { type Cli, connect, type GlobalFlags, misuse, printJson } from './cli.ts';
import { findChat } from './find-chat.ts';
import { plainLine } from './plain-text.ts';

interface ForkFlags extends GlobalFlags {
  at?: string;
  title?: string;
}

export function addFork(program: Command, cli: Cli): void {
  program
    .command('fork')
    .description(
      'Fork a chat: a new one begins with all that was said up to an answer, and knows nothing of what followed',
    )
    .argument('<chat>', 'the id of the chat or the start of it')
    .option(
      '--at <seq>',
      'after this turn: the number of its turn_finished, as `boocode show --json` prints it; by default the last one',
    )
    .option('--title <title>', 'the new chat’s title (default: the other one’s, with “(fork)”)')
    .action(async (given: string, _options, command: Command) => {
      const flags = command.optsWithGlobals<ForkFlags>();
      const client = await connect(cli, flags);
      const chat = await findChat(client, given);
      const fork: ForkChat = {
        ...(flags.at === undefined ? {} : { at: seqOf(flags.at) }),
        ...(flags.title === undefined ? {} : { title: flags.title }),
      };
      const forked = await client.fork(chat.id, fork);
      if (flags.json) return printJson(cli, forked);
      cli.terminal.out(`Forked into chat ${forked.id}: ${plainLine(forked.title)}\n`);
    });
}

function seqOf(given: string): number {
  const seq = Number(given);
  if (/^\d+$/.test(given) && Number.isSafeInteger(seq) && seq > 0) return seq;
  throw misuse(`--at must be the number of an event, not '${plainLine(given)}'.`);
}
