import type { Command } from 'commander';
import type { ShareLink } from '../client/client.ts';
import { type Cli, connect, type GlobalFlags, misuse, printJson } from './cli.ts';
import { findChat, onlyOne } from './find-chat.ts';
import { plainLine } from './plain-text.ts';
import { ageText, shortIds, tableText } from './table.ts';
import { readExpires } from './tokens.ts';

interface LinkFlags extends GlobalFlags {
  expires?: string;
  until?: string;
}

const examples = `
Examples:
  boocode share link 3f2a                          anybody with the link reads the chat for a week, as it goes on
  boocode share link 3f2a --until 120              up to event 120, as boocode show --json numbers them
  boocode share link 3f2a --expires 2h --json
  boocode share links 3f2a                         which links there are, and when they were opened last
  boocode share revoke 3f2a 81c0                   what is open by it ends

Whoever has a link sees what was said and what the agent did, files and commands included, without an account.
They see no costs, decisions, settings or other chats, and cannot do anything.
`;

const chatArgument = 'the id of the chat or the start of it';

export function addShareLinks(share: Command, cli: Cli): void {
  share
    .command('link')
    .description('Make a link by which anybody reads the chat, and print it once')
    .argument('<chat>', chatArgument)
    .option('--expires <time>', 'when it ends, from now: 30d, 12h, at most a year (default: 7d)')
    .option('--until <event>', 'show nothing after the event of this number')
    .addHelpText('after', examples)
    .action(async (given: string, _options, command: Command) => {
      const flags = command.optsWithGlobals<LinkFlags>();
      const until = flags.until === undefined ? undefined : readEvent(flags.until);
      const expiresInSeconds = flags.expires === undefined ? undefined : readExpires(flags.expires);
      const client = await connect(cli, flags);
      const { id } = await findChat(client, given);
      const made = await client.createShareLink(id, {
        ...(until !== undefined && { until }),
        ...(expiresInSeconds !== undefined && { expiresInSeconds }),
      });
      if (flags.json) return printJson(cli, made);
      cli.terminal.out(`${made.url}\n`);
      const shows = made.until === null ? 'the chat as it goes on' : `the chat up to event ${made.until}`;
      const where = made.loopback ? ' It works on the server’s own machine only: see --public-origin.' : '';
      cli.terminal.err(
        `It shows anybody ${shows}, until ${new Date(made.expiresAt).toLocaleString()}. It is not shown again.${where}\n`,
      );
    });

  share
    .command('links')
    .description('List the links by which anybody reads the chat')
    .argument('<chat>', chatArgument)
    .action(async (given: string, _options, command: Command) => {
      const flags = command.optsWithGlobals<GlobalFlags>();
      const client = await connect(cli, flags);
      const { id } = await findChat(client, given);
      const { items } = await client.listShareLinks(id);
      if (flags.json) return printJson(cli, items);
      if (items.length === 0) {
        return cli.terminal.err(`There are none. To make one: \`boocode share link ${id.slice(0, 8)}\`.\n`);
      }
      cli.terminal.out(linkTable(items, cli));
    });

  share
    .command('revoke')
    .description('Revoke a link: what is open by it ends')
    .argument('<chat>', chatArgument)
    .argument('<link>', 'the id of the link or the start of it')
    .action(async (given: string, link: string, _options, command: Command) => {
      const flags = command.optsWithGlobals<GlobalFlags>();
      const client = await connect(cli, flags);
      const { id } = await findChat(client, given);
      const found = await onlyOne('link', link.trim().toLowerCase(), (await client.listShareLinks(id)).items);
      await client.revokeShareLink(id, found.id);
      if (flags.json) return printJson(cli, { id: found.id });
      cli.terminal.err('Revoked: the link shows nothing any more.\n');
    });
}

function readEvent(given: string): number {
  const seq = Number(given);
  if (!/^[1-9]\d*$/.test(given) || !Number.isSafeInteger(seq)) {
    throw misuse(`--until: '${plainLine(given, 60)}' is not the number of an event.`);
  }
  return seq;
}

function linkTable(items: readonly ShareLink[], cli: Cli): string {
  const now = Date.now();
  const short = shortIds(items.map(({ id }) => id));
  const rows = items.map(({ id, createdBy, createdAt, expiresAt, until, lastUsedAt }) => [
    { text: short.get(id) ?? id },
    { text: until === null ? 'as it goes on' : `up to event ${until}` },
    { text: `made ${ageText(createdAt, now)} ago by ${plainLine(createdBy.name, 60)}` },
    { text: lastUsedAt === null ? 'never opened' : `opened ${ageText(lastUsedAt, now)} ago` },
    { text: `until ${new Date(expiresAt).toLocaleString()}` },
  ]);
  return tableText(rows, cli.terminal.outStyle);
}
