import type { Command } from 'commander';
import type { BooClient, Passkey } from '../client/client.ts';
import { type Cli, connect, type GlobalFlags, printJson } from './cli.ts';
import { onlyOne } from './find-chat.ts';
import { plainLine } from './plain-text.ts';
import { ageText, type Cell, shortIds, tableText } from './table.ts';

interface PasskeyFlags extends GlobalFlags {
  all?: true;
}

const examples = `
Examples:
  boocode passkey                  your passkeys; --all: everybody's
  boocode passkey remove 3f2a

A passkey opens the page with a fingerprint, a face or a PIN. A browser makes one: in the page, under People.
Removing one leaves signed-in browsers as they are: see \`boocode token list\` and \`boocode token revoke\`.
`;

export function addPasskey(program: Command, cli: Cli): void {
  const passkey = program
    .command('passkey')
    .description('Show and remove the passkeys that browsers sign in with')
    .usage('[list] [--all] | remove <passkey>')
    .addHelpText('after', examples);

  passkey
    .command('list', { isDefault: true })
    .alias('ls')
    .description('List your passkeys. `list` can be left out')
    .option('--all', 'those of everybody, for owners')
    .action(async (_options, command: Command) => {
      const flags = command.optsWithGlobals<PasskeyFlags>();
      const items = await (await connect(cli, flags)).listPasskeys({ everyone: flags.all === true });
      if (flags.json) return printJson(cli, items);
      if (items.length === 0) {
        const more = flags.all ? '' : ' Everybody’s: `boocode passkey list --all`.';
        return cli.terminal.err(`There are none.${more} To make one, open the page, and there People.\n`);
      }
      cli.terminal.out(passkeyTable(items, cli));
    });

  passkey
    .command('remove')
    .alias('rm')
    .description('Remove a passkey: nobody can sign in with it any more')
    .argument('<passkey>', 'the id of the passkey or the start of it')
    .addHelpText('after', examples)
    .action(async (given: string, _options, command: Command) => {
      const flags = command.optsWithGlobals<PasskeyFlags>();
      const client = await connect(cli, flags);
      const found = await onlyOne('passkey', given.trim().toLowerCase(), await reachable(client));
      await client.removePasskey(found.id);
      if (flags.json) return printJson(cli, { id: found.id });
      cli.terminal.err(`Removed: ${plainLine(found.name)}, of ${plainLine(found.personName)}.\n`);
    });
}

/** Those that one may remove. */
async function reachable(client: BooClient): Promise<Passkey[]> {
  const { principal } = await client.me();
  return client.listPasskeys({ everyone: principal.role === 'owner' });
}

function passkeyTable(items: readonly Passkey[], { terminal }: Cli): string {
  const nowMs = Date.now();
  const ids = shortIds(items.map(({ id }) => id));
  const head = ['ID', 'PERSON', 'NAME', 'ROLE', 'FOR', 'MADE', 'USED'].map((text): Cell => ({ text, format: 'dim' }));
  const ago = (at: string | null): string => (at === null ? 'never' : `${ageText(at, nowMs)} ago`);
  const rows = items.map((item): Cell[] => [
    { text: ids.get(item.id) ?? item.id },
    { text: plainLine(item.personName) },
    { text: plainLine(item.name) },
    { text: item.role },
    { text: plainLine(item.site) },
    { text: ago(item.createdAt) },
    { text: ago(item.lastUsedAt) },
  ]);
  return tableText([head, ...rows], terminal.outStyle);
}
