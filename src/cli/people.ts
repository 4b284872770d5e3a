import { type Command, Option } from 'commander';
import { type BooClient, BooError, type Invite, type Person, type Role } from '../client/client.ts';
import { type Cli, connect, type GlobalFlags, misuse, printJson } from './cli.ts';
import { onlyOne } from './find-chat.ts';
import { plainLine } from './plain-text.ts';
import { durationMs } from './schedule-time.ts';
import { ageText, type Cell, shortIds, tableText } from './table.ts';

interface PeopleFlags extends GlobalFlags {
  role: Role;
  expires?: string;
  withdraw?: string;
  removed?: true;
}

const roleNames = ['owner', 'member', 'viewer'] as const;

const examples = `
Examples:
  boocode people                         who may use this server
  boocode people invite ada              a link for Ada, which works once; --role viewer: who only reads
  boocode people role ada viewer
  boocode people remove ada              her tokens end at once, and what she has open
  boocode people list --removed          who was removed
  boocode people readmit ada             she may come in again, with a new token or by single sign-on

A viewer reads. A member does everything with chats. An owner does all. The server's owner, whose token is in its data
directory, is always there.
`;

export function addPeople(program: Command, cli: Cli): void {
  const people = program
    .command('people')
    .description('Show, invite, change and remove the people who may use the server')
    .usage('[list] | invite [name] | role <name> <role> | remove <name> | readmit <name>')
    .addHelpText('after', examples);

  people
    .command('list', { isDefault: true })
    .alias('ls')
    .description('List them, and invitations that nobody has used. `list` can be left out')
    .option('--removed', 'those who were removed, for owners')
    .action(async (_options, command: Command) => {
      const flags = command.optsWithGlobals<PeopleFlags>();
      const client = await connect(cli, flags);
      if (flags.removed) {
        const gone = await client.listRemovedPeople();
        if (flags.json) return printJson(cli, { people: gone });
        return gone.length === 0 ? cli.terminal.err('Nobody was removed.\n') : cli.terminal.out(peopleTable(gone, cli));
      }
      const items = await client.listPeople();
      const invites = (await client.me()).principal.role === 'owner' ? await client.listInvites() : [];
      if (flags.json) return printJson(cli, { people: items, invites });
      cli.terminal.out(peopleTable(items, cli));
      if (invites.length > 0) cli.terminal.out(`\n${inviteTable(invites, cli)}`);
    });

  people
    .command('invite')
    .description('Print a link through which somebody becomes one of them, once')
    .argument('[name]', 'what they are called; without it, they choose a name')
    .addOption(new Option('--role <role>', 'what they may do').choices(roleNames).default('member'))
    .option('--expires <time>', 'until when the link works, from now: 12h, 3d (default: a week)')
    .option('--withdraw <invitation>', 'withdraw an invitation instead, by its id or the start of it')
    .addHelpText('after', examples)
    .action(async (name: string | undefined, _options, command: Command) => {
      const flags = command.optsWithGlobals<PeopleFlags>();
      if (flags.withdraw !== undefined) return withdraw(cli, flags, flags.withdraw);
      return invite(cli, flags, name);
    });

  people
    .command('role')
    .description('Say what a person may do, from now on')
    .argument('<name>', 'the person')
    .argument('<role>', 'owner, member or viewer')
    .action(async (name: string, role: string, _options, command: Command) => {
      const flags = command.optsWithGlobals<PeopleFlags>();
      const known = roleNames.find((each) => each === role);
      if (!known) throw misuse(`'${plainLine(role)}' is not a role: owner, member or viewer.`);
      const client = await connect(cli, flags);
      const changed = await client.patchPerson((await personNamed(client, name)).id, { role: known });
      if (flags.json) return printJson(cli, changed);
      cli.terminal.err(`${plainLine(changed.name)} has the role ${changed.role} now.\n`);
    });

  people
    .command('remove')
    .alias('rm')
    .description('Remove a person: their tokens, and what they have open, end at once')
    .argument('<name>', 'the person')
    .action(async (name: string, _options, command: Command) => {
      const flags = command.optsWithGlobals<PeopleFlags>();
      const client = await connect(cli, flags);
      const person = await personNamed(client, name);
      await client.removePerson(person.id);
      if (flags.json) return printJson(cli, { id: person.id });
      cli.terminal.err(`Removed: ${plainLine(person.name)}. What they did keeps their name.\n`);
    });

  people
    .command('readmit')
    .description('Let somebody in again who was removed, with the role that they had')
    .argument('<name>', 'the person')
    .action(async (name: string, _options, command: Command) =>
      readmit(cli, command.optsWithGlobals<PeopleFlags>(), name),
    );
}

/** By the whole name, whatever its case, or by the id. Throws `not_found`. */
export async function personNamed(client: BooClient, given: string): Promise<Person> {
  const found = named(await client.listPeople(), given);
  if (found) return found;
  throw new BooError('not_found', `Nobody here is called '${plainLine(given)}': see \`boocode people\`.`);
}

/** The last one who was removed, if several had the name. */
function named(people: readonly Person[], given: string): Person | undefined {
  const wanted = given.trim().toLowerCase();
  return people.find(({ id, name }) => name.toLowerCase() === wanted || id === wanted);
}

async function readmit(cli: Cli, flags: PeopleFlags, given: string): Promise<void> {
  const client = await connect(cli, flags);
  const found = named(await client.listRemovedPeople(), given);
  if (!found) {
    const where = 'see `boocode people list --removed`';
    throw new BooError('not_found', `Nobody called '${plainLine(given)}' was removed: ${where}.`);
  }
  const person = await client.readmitPerson(found.id);
  if (flags.json) return printJson(cli, person);
  const name = plainLine(person.name);
  const how = `single sign-on, or a token: \`boocode token create --name x --person "${name}"\``;
  cli.terminal.err(`${name} is here again, with the role ${person.role}, and needs ${how}.\n`);
}

async function invite(cli: Cli, flags: PeopleFlags, name: string | undefined): Promise<void> {
  const ms = flags.expires === undefined ? undefined : durationMs(flags.expires);
  if (flags.expires !== undefined && ms === undefined) {
    throw misuse(`--expires: '${plainLine(flags.expires)}' is not a time from now, such as 3d, 12h or 1d12h.`);
  }
  const made = await (
    await connect(cli, flags)
  ).createInvite({
    role: flags.role,
    ...(name !== undefined && { name }),
    ...(ms !== undefined && { expiresInSeconds: Math.ceil(ms / 1000) }),
  });
  if (flags.json) return printJson(cli, made);
  cli.terminal.out(`${made.url}\n`);
  const who =
    made.name === null ? `Whoever opens it becomes a ${made.role}` : `It makes ${plainLine(made.name)} a ${made.role}`;
  cli.terminal.err(`${who}, once, until ${new Date(made.expiresAt).toLocaleString()}. Give it to nobody else.\n`);
  if (made.loopback) {
    cli.terminal.err(
      'It works only on this machine, or through a tunnel to it. For other devices, start the server with an address\n' +
        'they can reach, such as --public-origin https://boo.example.org.\n',
    );
  }
}

async function withdraw(cli: Cli, flags: PeopleFlags, given: string): Promise<void> {
  const client = await connect(cli, flags);
  const found = await onlyOne('invitation', given.trim().toLowerCase(), await client.listInvites());
  await client.deleteInvite(found.id);
  if (flags.json) return printJson(cli, { id: found.id });
  cli.terminal.err('Withdrawn: its link does nothing any more.\n');
}

function peopleTable(items: readonly Person[], { terminal }: Cli): string {
  const head = ['NAME', 'ROLE', 'TOKENS', 'USED'].map((text): Cell => ({ text, format: 'dim' }));
  const rows = items.map(({ name, role, tokens, lastUsedAt }): Cell[] => [
    { text: plainLine(name) },
    { text: role },
    { text: String(tokens) },
    { text: lastUsedAt === null ? '-' : `${ageText(lastUsedAt, Date.now())} ago` },
  ]);
  return tableText([head, ...rows], terminal.outStyle);
}

function inviteTable(items: readonly Invite[], { terminal }: Cli): string {
  const ids = shortIds(items.map(({ id }) => id));
  const head = ['INVITATION', 'FOR', 'ROLE', 'ENDS'].map((text): Cell => ({ text, format: 'dim' }));
  const rows = items.map(({ id, name, role, expiresAt }): Cell[] => [
    { text: ids.get(id) ?? id },
    { text: name === null ? 'anybody' : plainLine(name) },
    { text: role },
    { text: new Date(expiresAt).toLocaleString() },
  ]);
  return tableText([head, ...rows], terminal.outStyle);
}
