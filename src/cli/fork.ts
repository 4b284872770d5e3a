import type { Command } from 'commander';
import type { ForkChat } from '../client/client.ts';
import { type Cli, connect, type GlobalFlags, misuse, printJson } from './cli.ts';
import { findChat } from './find-chat.ts';
import { plainLine } from './plain-text.ts';

interface ForkFlags extends GlobalFlags {
  at?: string;
  title?: string;
  worktree?: string | true;
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
    .option(
      '--worktree [name]',
      'the new chat gets a branch and a working tree of its own, with the files as they were at that answer',
    )
    .action(async (given: string, _options, command: Command) => {
      const flags = command.optsWithGlobals<ForkFlags>();
      const client = await connect(cli, flags);
      const chat = await findChat(client, given);
      const fork: ForkChat = {
        ...(flags.at === undefined ? {} : { at: seqOf(flags.at) }),
        ...(flags.title === undefined ? {} : { title: flags.title }),
        ...(flags.worktree !== undefined && { isolation: 'worktree' as const }),
        ...(typeof flags.worktree === 'string' && { worktree: { name: flags.worktree } }),
      };
      const forked = await client.fork(chat.id, fork);
      if (flags.json) return printJson(cli, forked);
      cli.terminal.out(`Forked into chat ${forked.id}: ${plainLine(forked.title)}\n`);
      const { worktree } = forked;
      if (worktree) cli.terminal.err(`· ${plainLine(`${worktree.branch} in ${worktree.path}`, 500)}\n`);
    });
}

function seqOf(given: string): number {
  const seq = Number(given);
  if (/^\d+$/.test(given) && Number.isSafeInteger(seq) && seq > 0) return seq;
  throw misuse(`--at must be the number of an event, not '${plainLine(given)}'.`);
}
