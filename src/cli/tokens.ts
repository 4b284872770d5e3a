import { type Command, Option } from 'commander';
import { type AccessToken, type BooClient, BooError, type Role } from '../client/client.ts';
import { type Cli, connect, type GlobalFlags, misuse, printJson, usualDataDirs } from './cli.ts';
import { findServer } from './find-server.ts';
import { onlyOne } from './find-chat.ts';
import { personNamed } from './people.ts';
import { plainLine } from './plain-text.ts';
import { durationMs } from './schedule-time.ts';
import { ageText, type Cell, shortIds, tableText } from './table.ts';

interface TokenFlags extends GlobalFlags {
  name: string;
  role?: Role;
  expires?: string;
  person?: string;
  all?: true;
  endSessions?: true;
}

export const tokenExamples = `
Examples:
  boocode token                                          where the server's own token is
  boocode token create --name ada --role member          for Ada, who is added if there is no such person yet
  boocode token create --name ci --role viewer --expires 30d
  boocode token create --name laptop --person ada        one more for Ada
  boocode token list                                     your tokens and signed-in browsers; --all: everybody's
  boocode token revoke 3f2a
  boocode token rotate                                   replace the server's own token, without a restart;
                                                         --end-sessions: if somebody else may have had it

Use a token in BOOCODE_TOKEN or --token-file, or sign in with it in a browser.
`;

export const roleOption = (what: string): Option =>
  new Option('--role <role>', what).choices(['owner', 'member', 'viewer']);

/** Seconds, from `30d` or `12h`. */
export function readExpires(given: string): number {
  const ms = durationMs(given);
  if (ms === undefined)
    throw misuse(`--expires: '${plainLine(given)}' is not a time from now, such as 30d, 12h or 1d12h.`);
  return Math.ceil(ms / 1000);
}

export function addTokens(token: Command, cli: Cli): void {
  token
    .command('create')
    .description('Create a token, and print it once')
    .requiredOption('--name <name>', 'what it is called, and whose it is unless --person says so')
    .addOption(roleOption('what it allows: owner, member or viewer (default: what the person may do)'))
    .option('--expires <time>', 'when it ends, from now: 30d, 12h (default: never)')
    .option('--person <name>', 'whose it is; `me` for yourself')
    .addHelpText('after', tokenExamples)
    .action(async (_options, command: Command) => create(cli, command.optsWithGlobals<TokenFlags>()));

  token
    .command('list')
    .alias('ls')
    .description('List your tokens and signed-in browsers')
    .option('--all', 'those of everybody, for owners')
    .action(async (_options, command: Command) => {
      const flags = command.optsWithGlobals<TokenFlags>();
      const client = await connect(cli, flags);
      const items = await client.listTokens({ everyone: flags.all === true });
      if (flags.json) return printJson(cli, items);
      if (items.length === 0) {
        const more = flags.all ? '' : ' Everybody’s: `boocode token list --all`.';
        return cli.terminal.err(`There are none.${more} To make one: \`boocode token create --help\`.\n`);
      }
      cli.terminal.out(tokenTable(items, cli));
    });

  token
    .command('revoke')
    .description('Revoke a token: what was opened with it ends at once')
    .argument('<token>', 'the id of the token or the start of it')
    .action(async (given: string, _options, command: Command) => {
      const flags = command.optsWithGlobals<TokenFlags>();
      const client = await connect(cli, flags);
      const found = await onlyOne('token', given.trim().toLowerCase(), await reachable(client));
      await client.revokeToken(found.id);
      if (flags.json) return printJson(cli, { id: found.id });
      cli.terminal.err(`Revoked: ${plainLine(found.name)}, of ${plainLine(found.personName)}.\n`);
    });

  token
    .command('rotate')
    .description("Replace the server's own token by a new one, without a restart: the old one ends at once")
    .option('--end-sessions', "also end all browsers, tokens and passkeys of the server's owner")
    .action(async (_options, command: Command) => {
      const flags = command.optsWithGlobals<TokenFlags>();
      await (await connect(cli, flags)).rotateServerToken({ endSessions: flags.endSessions === true });
      const place = await newPlace(cli, flags);
      if (flags.json) return printJson(cli, { rotated: true, ...(place !== undefined && { file: place }) });
      const rest = flags.endSessions
        ? 'Browsers, tokens and passkeys of its owner have ended, too.'
        : 'What holds the old one has to sign in again; signed-in browsers stay so (--end-sessions ends them).';
      cli.terminal.err(`The server has a new token${place === undefined ? '' : `, in ${place}`}. ${rest}\n`);
    });
}

async function create(cli: Cli, flags: TokenFlags): Promise<void> {
  const { name, role, expires } = flags;
  const expiresInSeconds = expires === undefined ? undefined : readExpires(expires);
  const client = await connect(cli, flags);
  const personId = await whose(client, flags);
  const made = await client.createToken({
    name,
    ...(role !== undefined && { role }),
    ...(expiresInSeconds !== undefined && { expiresInSeconds }),
    ...(personId !== undefined && { personId }),
  });
  if (flags.json) return printJson(cli, made);
  const until = made.expiresAt === null ? 'until it is revoked' : `until ${new Date(made.expiresAt).toLocaleString()}`;
  cli.terminal.out(`${made.token}\n`);
  cli.terminal.err(
    `It is ${plainLine(made.personName)}'s, with the role ${made.role}, ${until}. It is not shown again.\n`,
  );
}

/** Undefined: the caller. Owners give a token to the person of that name, who is added if there is none. */
async function whose(client: BooClient, { name, role, person }: TokenFlags): Promise<string | undefined> {
  if (person === 'me') return undefined;
  if (person !== undefined) return (await personNamed(client, person)).id;
  const { principal } = await client.me();
  if (principal.role !== 'owner') return undefined;
  const found = (await client.listPeople()).find((each) => each.name.toLowerCase() === name.trim().toLowerCase());
  if (found) return found.id;
  if (role === undefined) {
    throw misuse(`--role: nobody is called ${plainLine(name)} yet; say what they may do: owner, member or viewer.`);
  }
  return (await client.addPerson({ name, role })).id;
}

/** Those that one may revoke. */
async function reachable(client: BooClient): Promise<AccessToken[]> {
  const { principal } = await client.me();
  return client.listTokens({ everyone: principal.role === 'owner' });
}

/** Where the new token is, if that is on this machine. */
async function newPlace({ env }: Cli, flags: GlobalFlags): Promise<string | undefined> {
  try {
    const { tokenFrom } = await findServer({ flags, env, usualDataDirs: usualDataDirs(env) });
    return 'file' in tokenFrom ? tokenFrom.file : undefined;
  } catch (error) {
    if (error instanceof BooError) return undefined;
    throw error;
  }
}

function tokenTable(items: readonly AccessToken[], { terminal }: Cli): string {
  const nowMs = Date.now();
  const ids = shortIds(items.map(({ id }) => id));
  const head = ['ID', 'PERSON', 'NAME', 'KIND', 'ROLE', 'USED', 'ENDS'].map((text): Cell => ({ text, format: 'dim' }));
  const rows = items.map((item): Cell[] => [
    { text: ids.get(item.id) ?? item.id },
    { text: plainLine(item.personName) },
    { text: plainLine(item.name) + (item.isThis ? ' (this one)' : '') },
    { text: item.kind },
    { text: item.role },
    { text: item.lastUsedAt === null ? 'never' : `${ageText(item.lastUsedAt, nowMs)} ago` },
    { text: endText(item) },
  ]);
  return tableText([head, ...rows], terminal.outStyle);
}

function endText({ expiresAt, idleDays }: AccessToken): string {
  if (expiresAt !== null) return new Date(expiresAt).toLocaleDateString();
  return idleDays === null ? 'never' : `${idleDays} days unused`;
}
