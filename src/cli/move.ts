import { resolve } from 'node:path';
import { type Command, Option } from 'commander';
import { type Cli, connect, printJson } from './cli.ts';
import { findChat } from './find-chat.ts';
import { explained, type RunningFlags, running } from './flip.ts';
import { plainLine } from './plain-text.ts';

export function addMove(program: Command, cli: Cli): void {
  program
    .command('move')
    .description('Move a chat to another directory, in the same session: after `mv project elsewhere`, for instance')
    .argument('<chat>', 'the id of the chat or the start of it')
    .argument('<directory>', "the directory, on the server's machine")
    .addOption(new Option('--finish', 'let a running turn finish first').conflicts(['interrupt']))
    .option('--interrupt', "interrupt a running turn, and end the session's other work")
    .action(async (given: string, directory: string, _options, command: Command) => {
      const flags = command.optsWithGlobals<RunningFlags>();
      const client = await connect(cli, flags);
      const chat = await findChat(client, given);
      if (flags.finish && (chat.state === 'running' || chat.state === 'waiting')) {
        cli.terminal.err('A turn is running: waiting until it has finished. Ctrl-C leaves the chat where it is.\n');
      }
      const patch = { cwd: resolve(directory), ...running(flags) };
      const moved = await client.patchChat(chat.id, patch).catch(explained('move'));
      if (flags.json) return printJson(cli, moved);
      const now = plainLine(moved.cwd, 4096);
      if (moved.cwd === chat.cwd) return cli.terminal.out(`Chat ${chat.id} already works in ${now}.\n`);
      cli.terminal.out(`Chat ${chat.id} now works in ${now}; it worked in ${plainLine(chat.cwd, 4096)}.\n`);
      if (chat.trusted && !moved.trusted)
        cli.terminal.out('It was trusted for the old directory: see `boocode trust` for the new one.\n');
    });
}
