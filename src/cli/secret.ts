import { resolve } from 'node:path';
import type { Command } from 'commander';
import { type BooClient, BooError, type Secret } from '../client/client.ts';
import { askHidden } from './ask-hidden.ts';
import { type Cli, connect, type GlobalFlags, misuse, printJson } from './cli.ts';
import { findChat } from './find-chat.ts';
import { plainLine } from './plain-text.ts';
import { ageText, type Cell, tableText } from './table.ts';

interface SecretFlags extends GlobalFlags {
  dir?: string;
  fromEnv?: string | true;
  drop?: boolean;
  chat?: string;
  fromFile?: boolean;
}

const examples = `
Examples:
  boocode secret set GITHUB_TOKEN                asks for the value, which is not shown
  gh auth token | boocode secret set GITHUB_TOKEN
  boocode secret use GITHUB_TOKEN 3f2a           the chat's agent gets it as an environment variable
  boocode secret set NPM_TOKEN --dir .           for all chats in this directory; owners only
  boocode secret list

A value is stored encrypted, goes only to the agents of the chats that it is for, and is never shown again: where it turns up
in what they say, [secret NAME] is shown and stored instead. An agent that runs gets a change when it starts again.
`;

export function addSecret(program: Command, cli: Cli): void {
  const secret = program
    .command('secret')
    .description("Set environment variables for chats' agents, whose values nobody is shown again")
    .usage('[list] | set <name> | use <name> <chat> | remove <name> | rekey')
    .addHelpText('after', examples);

  secret
    .command('list', { isDefault: true })
    .alias('ls')
    .description('List yours and those of directories, without their values. `list` can be left out')
    .option('--chat <chat>', 'only what this chat gets')
    .action(async (_options, command: Command) => {
      const flags = command.optsWithGlobals<SecretFlags>();
      const client = await connect(cli, flags);
      const ofChat = flags.chat === undefined ? undefined : await findChat(client, flags.chat);
      const items = await (ofChat ? client.listChatSecrets(ofChat.id) : client.listSecrets());
      if (flags.json) return printJson(cli, items);
      if (items.length === 0) return cli.terminal.err('There are none. To set one: `boocode secret set --help`.\n');
      cli.terminal.out(secretTable(items, cli));
    });

  secret
    .command('set')
    .description('Set a secret of yours, or one of a directory. The value is asked for, or read from standard input')
    .argument('<name>', 'the environment variable')
    .option('--dir <path>', "a directory of the server's machine: the secret is for all chats in it and below")
    .option('--from-env [variable]', "take the value from this command's own environment; by default from that name")
    .addHelpText('after', examples)
    .action(async (name: string, _options, command: Command) => {
      const flags = command.optsWithGlobals<SecretFlags>();
      const client = await connect(cli, flags);
      const value = await valueFor(cli, name, flags.fromEnv);
      const directory = flags.dir === undefined ? undefined : resolve(flags.dir);
      const set = await client.setSecret({ name, value, ...(directory !== undefined && { directory }) });
      if (flags.json) return printJson(cli, set);
      const whose = set.directory === null ? 'yours' : `of ${plainLine(set.directory)}`;
      const next =
        set.directory === null && set.chats === 0
          ? ` Give it to a chat with: boocode secret use ${set.name} <chat>`
          : '';
      cli.terminal.err(`Set: ${set.name}, ${whose}. Agents that run get it when they start again.${next}\n`);
    });

  secret
    .command('use')
    .description('Give a secret of yours to a chat, or take it back')
    .argument('<name>', 'the environment variable')
    .argument('<chat>', 'the id of the chat or the start of it')
    .option('--drop', 'take it back')
    .action(async (name: string, given: string, _options, command: Command) => {
      const flags = command.optsWithGlobals<SecretFlags>();
      const client = await connect(cli, flags);
      const chat = await findChat(client, given);
      if (flags.drop) return drop(cli, client, flags, { name, chatId: chat.id });
      const items = await client.useSecret(chat.id, name);
      if (flags.json) return printJson(cli, items);
      const when = chat.state === 'cold' ? '' : ' It runs now, and starts again for its next turn.';
      cli.terminal.err(`The agent of this chat gets: ${items.map((item) => item.name).join(', ')}.${when}\n`);
    });

  secret
    .command('remove')
    .alias('rm')
    .description('Remove a secret: no agent is started with it any more')
    .argument('<name>', 'the environment variable')
    .option('--dir <path>', 'the one of this directory')
    .action(async (name: string, _options, command: Command) => {
      const flags = command.optsWithGlobals<SecretFlags>();
      const client = await connect(cli, flags);
      const found = await named(client, name, flags.dir);
      await client.removeSecret(found.id);
      if (flags.json) return printJson(cli, { id: found.id });
      cli.terminal.err(
        `Removed: ${found.name}. Agents that run have it until they end. If others may know it, change it.\n`,
      );
    });

  secret
    .command('rekey')
    .description('Encrypt all secrets with a fresh key, which is put first in the key file; owners only')
    .option('--from-file', 'use the first key of the file instead: one that you have put there, on all hosts')
    .action(async (_options, command: Command) => {
      const flags = command.optsWithGlobals<SecretFlags>();
      const done = await (await connect(cli, flags)).rekeySecrets({ freshKey: flags.fromFile !== true });
      if (flags.json) return printJson(cli, done);
      cli.terminal.err(
        `${done.secrets} secrets have another key now, the first one in ${plainLine(done.keyFile)}. Copy that file to all other hosts:\n` +
          'until then they start no chat that has secrets. The keys after it open only older backups.\n',
      );
    });
}

/** Never an argument, which other users of the machine could read. */
async function valueFor({ terminal, env }: Cli, name: string, fromEnv: string | true | undefined): Promise<string> {
  if (fromEnv !== undefined) {
    const variable = fromEnv === true ? name : fromEnv;
    const value = env[variable];
    if (value === undefined || value === '') throw misuse(`--from-env: ${plainLine(variable)} is not set here.`);
    return value;
  }
  if (terminal.isInteractive)
    return askHidden(`Value of ${plainLine(name)} (not shown): `, process.stdin, process.stderr);
  return (await terminal.readAll()).replace(/\r?\n$/, '');
}

async function drop(
  cli: Cli,
  client: BooClient,
  flags: SecretFlags,
  { name, chatId }: { name: string; chatId: string },
): Promise<void> {
  const found = (await client.listChatSecrets(chatId)).find((item) => item.name === name && item.directory === null);
  if (!found) throw new BooError('not_found', `This chat gets no secret ${plainLine(name)} of a person.`);
  await client.dropSecret(chatId, found.id);
  if (flags.json) return printJson(cli, { id: found.id });
  cli.terminal.err(`The agent of this chat starts again without ${found.name} for its next turn.\n`);
}

async function named(client: BooClient, name: string, dir: string | undefined): Promise<Secret> {
  const [{ principal }, items] = await Promise.all([client.me(), client.listSecrets()]);
  const directory = dir === undefined ? null : resolve(dir);
  const found = items.find(
    (item) =>
      item.name === name && item.directory === directory && (directory !== null || item.personId === principal.id),
  );
  if (found) return found;
  throw new BooError('not_found', `There is no such secret ${plainLine(name)}: see \`boocode secret list\`.`);
}

function secretTable(items: readonly Secret[], { terminal }: Cli): string {
  const head = ['NAME', 'OF', 'CHATS', 'SET', 'BY', 'USED'].map((text): Cell => ({ text, format: 'dim' }));
  const ago = (at: string | null): string => (at === null ? '-' : `${ageText(at, Date.now())} ago`);
  const rows = items.map(({ name, personName, directory, chats, setAt, setBy, lastUsedAt, isReadable }): Cell[] => [
    isReadable ? { text: name } : { text: `${name} (no key here)`, format: 'red' },
    { text: plainLine(directory ?? personName ?? '?') },
    { text: directory === null ? String(chats) : '-' },
    { text: ago(setAt) },
    { text: plainLine(setBy) },
    { text: ago(lastUsedAt) },
  ]);
  return tableText([head, ...rows], terminal.outStyle);
}
