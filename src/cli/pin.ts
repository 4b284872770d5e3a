import type { Command } from 'commander';
import { type Cli, connect, type GlobalFlags, printJson } from './cli.ts';
import { findChat } from './find-chat.ts';
import { hostsNamed, onlyHost } from './find-host.ts';
import { plainLine } from './plain-text.ts';

export function addPin(program: Command, cli: Cli): void {
  program
    .command('pin')
    .description('Let a chat run on one host only')
    .argument('<chat>', 'the id of the chat or the start of it')
    .argument('<host>', 'the name of the host, or the start of its id')
    .action(async (given: string, host: string, _options, command: Command) => {
      const client = await connect(cli, command.optsWithGlobals<GlobalFlags>());
      const chat = await findChat(client, given);
      const found = hostsNamed(await client.listHosts(), host);
      // Two hosts of one name are the same to a pin.
      const named = new Set(found.map(({ name }) => name)).size === 1 ? found[0]! : onlyHost(found, host);
      const pinned = await client.patchChat(chat.id, { host: named.name });
      if (command.optsWithGlobals<GlobalFlags>().json) return printJson(cli, pinned);
      cli.terminal.out(`Chat ${chat.id} runs on the host ${plainLine(named.name, 64)} only.\n`);
    });
}

export function addUnpin(program: Command, cli: Cli): void {
  program
    .command('unpin')
    .description('Let a pinned chat run on any host again')
    .argument('<chat>', 'the id of the chat or the start of it')
    .action(async (given: string, _options, command: Command) => {
      const client = await connect(cli, command.optsWithGlobals<GlobalFlags>());
      const chat = await findChat(client, given);
      if (chat.host === null && !command.optsWithGlobals<GlobalFlags>().json) {
        return cli.terminal.out(`Chat ${chat.id} is not pinned.\n`);
      }
      const free = await client.patchChat(chat.id, { host: null });
      if (command.optsWithGlobals<GlobalFlags>().json) return printJson(cli, free);
      cli.terminal.out(`Chat ${chat.id} runs on any host; it was pinned to ${plainLine(chat.host ?? '', 64)}.\n`);
    });
}
