import type { Command } from 'commander';
import type { ChatSharing } from '../client/client.ts';
import { type Cli, connect, type GlobalFlags, misuse, printJson } from './cli.ts';
import { findChat } from './find-chat.ts';
import { plainLine } from './plain-text.ts';
import { addShareLinks } from './share-links.ts';

interface ShareFlags extends GlobalFlags {
  participant?: true;
  stop?: true;
  team?: true;
  private?: true;
}

const examples = `
Examples:
  boocode share 3f2a                        whose it is, and who sees it
  boocode share 3f2a alice                  Alice may read it
  boocode share 3f2a alice --participant    Alice may also prompt, decide and open its terminal
  boocode share 3f2a alice --stop           and now she may not
  boocode share 3f2a --team                 everybody on this server may, --private takes that back
  boocode share link 3f2a                   anybody with the link reads it: see boocode share link --help
`;

export function addShare(program: Command, cli: Cli): void {
  const share = program.command('share');
  addShareLinks(share, cli);
  share
    .description('Show who may see a chat, and share it with people or the team')
    .argument('<chat>', 'the id of the chat or the start of it')
    .argument('[person]', 'the name or id of one of the people')
    .option('--participant', 'the person may also prompt, decide and open terminals')
    .option('--stop', 'share it no more with the person')
    .option('--team', 'make it the team’s')
    .option('--private', 'make it private, except for those it is shared with')
    .addHelpText('after', examples)
    .action(async (given: string, person: string | undefined, _options, command: Command) => {
      const flags = command.optsWithGlobals<ShareFlags>();
      if (person === undefined && (flags.participant || flags.stop)) throw misuse('Name the person, too.');
      if (flags.team && flags.private) throw misuse('Say --team or --private, not both.');
      if (flags.participant && flags.stop) throw misuse('Say --participant or --stop, not both.');
      const client = await connect(cli, flags);
      const { id } = await findChat(client, given);
      let sharing = await client.getSharing(id);
      if (flags.team || flags.private) sharing = await client.setVisibility(id, flags.team ? 'team' : 'private');
      if (person !== undefined) {
        sharing = flags.stop
          ? await client.unshareChat(id, sharedWith(sharing, person))
          : await client.shareChat(id, { person, access: flags.participant ? 'participant' : 'reader' });
      }
      if (flags.json) return printJson(cli, sharing);
      cli.terminal.out(sharingText(sharing));
    });
}

function sharedWith({ items }: ChatSharing, given: string): string {
  const name = given.toLowerCase();
  const found = items.find(({ person }) => person.id === name || person.name.toLowerCase() === name);
  if (!found) throw misuse(`It is not shared with ${plainLine(given, 60)}.`);
  return found.person.id;
}

function sharingText({ owner, visibility, items }: ChatSharing): string {
  const whose = owner.id === 'owner' ? 'the server’s owner' : plainLine(owner.name, 60);
  const lines = [
    `It belongs to ${whose}, and is ${visibility === 'team' ? 'the team’s: everybody here sees it' : 'private'}.`,
    ...items.map(({ person, access }) => `${plainLine(person.name, 60)}: ${access}`),
  ];
  return lines.map((line) => `${line}\n`).join('');
}
