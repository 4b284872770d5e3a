import { type Command, Option } from 'commander';
import { type BooClient, BooError, type CreateSchedule, type Schedule } from '../client/client.ts';
import { ownTimeZone } from '../protocol/own-time-zone.ts';
import { momentText, patternText } from '../protocol/schedule-text.ts';
import { type Cli, connect, type GlobalFlags, misuse, printJson } from './cli.ts';
import { allPages, findChat } from './find-chat.ts';
import { plainLine } from './plain-text.ts';
import { timeAt, timeIn } from './schedule-time.ts';
import { type Cell, shortIds, tableText } from './table.ts';

interface ScheduleFlags extends GlobalFlags {
  at?: string;
  in?: string;
  cron?: string;
  timeZone?: string;
  missed?: 'run' | 'skip';
}

const scheduleArgument = ['<schedule>', 'the id of the schedule or the start of it'] as const;

const examples = `
Examples:
  boocode schedule 3f2a --at 09:00 "Run the tests and tell me what is red"
  boocode schedule 3f2a --in 2h "Is the deployment through?"
  boocode schedule 3f2a --cron "0 9 * * mon-fri" "What has changed since yesterday?"
  boocode schedule ls

Times and patterns are in your own time zone; --time-zone sets another one.
`;

export function addSchedule(program: Command, cli: Cli): void {
  const schedule = program
    .command('schedule')
    .description('Send prompts to a chat later: once, or again and again')
    .usage('<chat> (--at <time> | --in <duration> | --cron <pattern>) [text...] | ls | pause | resume | rm')
    .addHelpText('after', examples);

  schedule
    .command('add', { isDefault: true })
    .description('Schedule a prompt. `add` can be left out')
    .argument('<chat>', 'the id of the chat or the start of it')
    .argument('[text...]', 'the prompt; without it, it is read from standard input')
    .option('--at <time>', "once: 09:00, '2027-01-31 09:00', or an ISO time")
    .option('--in <duration>', 'once, from now: 90s, 10m, 2h, 1d12h')
    .option('--cron <pattern>', 'again and again: minute, hour, day of the month, month, day of the week')
    .option('--time-zone <name>', 'of the pattern (default: your own)')
    .addOption(
      new Option('--missed <what>', 'if no server ran at the time: run the prompt once, or skip it')
        .choices(['run', 'skip'])
        .default('run'),
    )
    .addHelpText('after', examples)
    .action(async (given: string, words: string[], _options, command: Command) => {
      await add(cli, given, words, command.optsWithGlobals<ScheduleFlags>());
    });

  schedule
    .command('ls')
    .description('List the schedules of a chat, or all of them')
    .argument('[chat]', 'the id of the chat or the start of it')
    .action(async (given: string | undefined, _options, command: Command) => {
      const flags = command.optsWithGlobals<ScheduleFlags>();
      const client = await connect(cli, flags);
      const items = await list(client, given);
      if (flags.json) return printJson(cli, items);
      if (items.length === 0) return cli.terminal.err('Nothing is scheduled. See `boocode schedule --help`.\n');
      cli.terminal.out(scheduleTable(items, cli));
    });

  schedule
    .command('pause')
    .description('Pause a schedule')
    .argument(...scheduleArgument)
    .action((given: string, _options, command: Command) => setPaused(cli, given, true, command));

  schedule
    .command('resume')
    .description('Resume a paused schedule with its next time')
    .argument(...scheduleArgument)
    .action((given: string, _options, command: Command) => setPaused(cli, given, false, command));

  schedule
    .command('rm')
    .description('Remove a schedule')
    .argument(...scheduleArgument)
    .action(async (given: string, _options, command: Command) => {
      const flags = command.optsWithGlobals<ScheduleFlags>();
      const client = await connect(cli, flags);
      const found = await findSchedule(client, given);
      await client.deleteSchedule(found.chatId, found.id);
      if (flags.json) return printJson(cli, found);
      cli.terminal.out(`Removed: ${plainLine(found.content, 60)}\n`);
    });
}

async function add(cli: Cli, given: string, words: string[], flags: ScheduleFlags): Promise<void> {
  const { terminal } = cli;
  const when = whenOf(flags);
  const text = words.length > 0 ? words.join(' ') : terminal.isInteractive ? '' : (await terminal.readAll()).trimEnd();
  if (text.trim() === '') throw misuse('There is no prompt: give it as arguments or on standard input.');
  const client = await connect(cli, flags);
  const { id } = await findChat(client, given);
  const made = await client.createSchedule(id, { ...when, content: text, missed: flags.missed });
  if (flags.json) return printJson(cli, made);
  const { cron, timeZone, nextAt } = made;
  const pattern = cron === undefined ? '' : `${plainLine(patternText(cron, timeZone))}, next `;
  terminal.out(`schedule ${made.id}: ${pattern}at ${nextAt === null ? '?' : momentText(nextAt)}\n`);
}

function whenOf({ at, in: from, cron, timeZone }: ScheduleFlags): Pick<CreateSchedule, 'at' | 'cron' | 'timeZone'> {
  if ([at, from, cron].filter((each) => each !== undefined).length !== 1)
    throw misuse('When? Give one of --at, --in and --cron: see `boocode schedule --help`.');
  const own = timeZone ?? ownTimeZone();
  if (cron !== undefined) return { cron, timeZone: own };
  if (timeZone !== undefined)
    throw misuse('--time-zone goes with --cron. Times take an offset: 2027-01-31T09:00+01:00.');
  const now = new Date();
  return { at: at === undefined ? timeIn(from!, now) : timeAt(at, now), timeZone: own };
}

async function setPaused(cli: Cli, given: string, isPaused: boolean, command: Command): Promise<void> {
  const flags = command.optsWithGlobals<ScheduleFlags>();
  const client = await connect(cli, flags);
  const { chatId, id } = await findSchedule(client, given);
  const now = await client.patchSchedule(chatId, id, { isPaused });
  if (flags.json) return printJson(cli, now);
  const state = now.nextAt === null ? 'Paused' : `Resumed, next at ${momentText(now.nextAt)}`;
  cli.terminal.out(`${state}: ${plainLine(now.content, 60)}\n`);
}

async function list(client: BooClient, chat: string | undefined): Promise<Schedule[]> {
  if (chat !== undefined) return (await client.listChatSchedules((await findChat(client, chat)).id)).items;
  const items: Schedule[] = [];
  for await (const item of allPages((after) => client.listSchedules({ after, limit: 200 }))) items.push(item);
  return items;
}

/** The only one whose id starts with it. Throws `not_found`, `invalid_request`. */
async function findSchedule(client: BooClient, given: string): Promise<Schedule> {
  const id = given.trim().toLowerCase();
  const found = (await list(client, undefined)).filter((each) => id !== '' && each.id.startsWith(id));
  if (found.length === 1) return found[0]!;
  if (found.length > 1)
    throw new BooError(
      'invalid_request',
      `${found.length} schedules start with ${plainLine(id)}: give more of the id.`,
    );
  throw new BooError(
    'not_found',
    `No schedule has an id that starts with '${plainLine(id)}': see \`boocode schedule ls\`.`,
  );
}

function scheduleTable(items: readonly Schedule[], { terminal }: Cli): string {
  const short = shortIds(items.map(({ id }) => id));
  const chats = shortIds(items.map(({ chatId }) => chatId));
  const head = ['SCHEDULE', 'CHAT', 'NEXT', 'WHEN', 'BY', 'PROMPT'].map((text): Cell => ({ text, format: 'dim' }));
  const rows = items.map((each): Cell[] => [
    { text: short.get(each.id) ?? each.id },
    { text: chats.get(each.chatId) ?? each.chatId },
    each.nextAt === null ? { text: 'paused', format: 'yellow' } : { text: momentText(each.nextAt) },
    { text: each.cron === undefined ? 'once' : plainLine(patternText(each.cron, each.timeZone), 60) },
    { text: each.madeBy === 'agent' ? 'the agent' : plainLine(each.by ?? '', 20) },
    { text: plainLine(each.content, 60) },
  ]);
  return tableText([head, ...rows], terminal.outStyle);
}
