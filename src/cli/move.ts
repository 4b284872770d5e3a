import { existsSync } from 'node:fs';
import { resolve } from 'node:path';
import { type Command, Option } from 'commander';
import { BooError, type BooClient, type Chat, type HostInfo } from '../client/client.ts';
import { type Cli, connect, printJson } from './cli.ts';
import { findChat } from './find-chat.ts';
import { hostsNamed, onlyHost } from './find-host.ts';
import { explained, type RunningFlags, running } from './flip.ts';
import { plainLine } from './plain-text.ts';

interface MoveFlags extends RunningFlags {
  host?: true;
  directory?: true;
}

export function addMove(program: Command, cli: Cli): void {
  program
    .command('move')
    .description(
      'Move a chat, in the same session: to another directory, after `mv project elsewhere` for instance, or to another host',
    )
    .argument('<chat>', 'the id of the chat or the start of it')
    .argument('<destination>', "a directory on the server's machine, or the name or the start of the id of a host")
    .addOption(new Option('--host', 'the destination is a host').conflicts(['directory']))
    .option('--directory', 'the destination is a directory, even if a host has that name')
    .addOption(new Option('--finish', 'let a running turn finish first').conflicts(['interrupt']))
    .option('--interrupt', "interrupt a running turn, and end the session's other work")
    .action(async (given: string, destination: string, _options, command: Command) => {
      const flags = command.optsWithGlobals<MoveFlags>();
      const client = await connect(cli, flags);
      const chat = await findChat(client, given);
      const host = await hostMeant(cli, client, destination, flags);
      // Another host takes an open question over.
      if (flags.finish && (chat.state === 'running' || (chat.state === 'waiting' && !host))) {
        cli.terminal.err('A turn is running: waiting until it has finished. Ctrl-C leaves the chat where it is.\n');
      }
      if (host) await moveToHost(cli, client, chat, host, flags);
      else await moveToDirectory(cli, client, chat, destination, flags);
    });
}

/** Undefined for a directory. */
async function hostMeant(
  { terminal }: Cli,
  client: BooClient,
  destination: string,
  flags: MoveFlags,
): Promise<HostInfo | undefined> {
  if (flags.directory || (isPath(destination) && !flags.host)) return undefined;
  const found = hostsNamed(await client.listHosts(), destination);
  if (found.length === 0 && !flags.host) return undefined;
  if (!flags.host && existsSync(destination)) {
    const name = plainLine(destination, 64);
    terminal.err(
      `There is a host and a directory '${name}': it is taken for the host. Use --directory for the other.\n`,
    );
  }
  return onlyHost(found, destination);
}

async function moveToHost(cli: Cli, client: BooClient, { id }: Chat, host: HostInfo, flags: MoveFlags): Promise<void> {
  const moved = await client.moveToHost(id, { hostId: host.id, ...running(flags) }).catch(explained('move'));
  if (flags.json) return printJson(cli, moved);
  const to = plainLine(moved.to.name, 64);
  if (!moved.moved) return cli.terminal.out(`The host ${to} has chat ${id} already.\n`);
  const from = moved.from ? `from the host ${plainLine(moved.from.name, 64)} to ${to}` : `to the host ${to}`;
  const pin = moved.pinnedTo === null ? '' : ` It is pinned to ${plainLine(moved.pinnedTo, 64)} now.`;
  cli.terminal.out(`Chat ${id} was moved ${from}.${pin}\n`);
}

async function moveToDirectory(cli: Cli, client: BooClient, chat: Chat, directory: string, flags: MoveFlags) {
  const patch = { cwd: resolve(directory), ...running(flags) };
  const mayBeHost = !flags.directory && !isPath(directory);
  const moved = await client
    .patchChat(chat.id, patch)
    .catch(explained('move'))
    .catch((error: unknown) => {
      if (!mayBeHost || !isMissing(error)) throw error;
      const [name, path] = [plainLine(directory, 64), plainLine(patch.cwd, 4096)];
      const message = `There is no host '${name}': see \`boocode hosts\`. As a directory: ${path} does not exist.`;
      throw new BooError('invalid_request', message, { cause: error });
    });
  if (flags.json) return printJson(cli, moved);
  const now = plainLine(moved.cwd, 4096);
  if (moved.cwd === chat.cwd) return cli.terminal.out(`Chat ${chat.id} already works in ${now}.\n`);
  cli.terminal.out(`Chat ${chat.id} now works in ${now}; it worked in ${plainLine(chat.cwd, 4096)}.\n`);
  if (chat.trusted && !moved.trusted)
    cli.terminal.out('It was trusted for the old directory: see `boocode trust` for the new one.\n');
}

const isPath = (given: string): boolean => given.includes('/') || given === '.' || given === '..';

/** There is no such directory. */
const isMissing = (error: unknown): error is BooError =>
  error instanceof BooError && error.code === 'cwd_invalid' && error.message === 'cwd: does not exist';
