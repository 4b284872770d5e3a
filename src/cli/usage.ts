import { type Command, InvalidArgumentError, Option } from 'commander';
import type { UsageGroup, UsageReport, UsageTotals } from '../client/client.ts';
import { ownTimeZone } from '../protocol/own-time-zone.ts';
import { tokensIn } from '../protocol/usage.ts';
import { maxUsageRows } from '../protocol/usage-groups.ts';
import { type Cli, connect, type GlobalFlags, printJson } from './cli.ts';
import { plainLine } from './plain-text.ts';
import { type Cell, shortIds, tableText } from './table.ts';

interface UsageFlags extends GlobalFlags {
  by: keyof typeof groups;
  from?: string;
  to?: string;
  timeZone?: string;
  limit?: number;
}

const groups = { day: 'day', chat: 'chat', directory: 'cwd', model: 'model' } as const satisfies Record<
  string,
  UsageGroup
>;

const examples = `
Examples:
  boocode usage
  boocode usage --by model --from 2027-01-01
  boocode usage --by chat --from 2027-01-01 --to 2027-02-01

Deleted chats are included. Days are those of your own time zone; --time-zone sets another one.
`;

export function addUsage(program: Command, cli: Cli): void {
  program
    .command('usage')
    .description('Show what all chats have used, in tokens and dollars')
    .addOption(new Option('--by <what>', 'one row for each').choices(Object.keys(groups)).default('day', 'day'))
    .option('--from <day>', 'the first day, such as 2027-01-31, or an ISO time (default: thirty days, today included)')
    .option('--to <day>', 'the day after the last one, or an ISO time (default: the end of today)')
    .option('--time-zone <name>', 'of the days (default: your own)')
    .option('--limit <count>', 'how many rows at most; the rest is added up in one', readCount)
    .addHelpText('after', examples)
    .action(async (_options, command: Command) => {
      const flags = command.optsWithGlobals<UsageFlags>();
      const { by, from, to, limit } = flags;
      const timeZone = flags.timeZone ?? ownTimeZone();
      const client = await connect(cli, flags);
      const report = await client.usage({ group: groups[by], from, to, timeZone, limit });
      if (flags.json) return printJson(cli, report);
      if (isNothing(report.total)) return cli.terminal.err('Nothing was used in that time.\n');
      cli.terminal.out(usageTable(report, cli));
      const { unpricedTokens } = report.total;
      if (unpricedTokens === 0) return;
      cli.terminal.err(
        `The price of ${grouped(unpricedTokens)} tokens is not known yet, so their dollars are missing.\n`,
      );
    });
}

const isNothing = (total: UsageTotals): boolean => Object.values(total).every((number) => number === 0);

const heads = { day: 'DAY', chat: 'CHAT', cwd: 'DIRECTORY', model: 'MODEL' } as const;

function usageTable(report: UsageReport, { terminal, env }: Cli): string {
  const { group, items, other, total } = report;
  const short = shortIds(group === 'chat' ? items.map(({ key }) => key ?? '') : []);
  const most = Math.max(...items.map(weightOf(total)), 0);
  const line = (name: Cell, numbers: UsageTotals, bar: string, title: Cell[] = []): Cell[] => [
    name,
    ...title,
    { text: dollars(numbers.costUsd) },
    { text: grouped(tokensIn(numbers)) },
    { text: grouped(numbers.cacheReadInputTokens) },
    { text: grouped(numbers.outputTokens) },
    { text: bar, format: 'cyan' },
  ];
  const isChat = group === 'chat';
  const rows = items.map(({ key, title, ...numbers }) =>
    line(
      { text: nameOf(group, key, short, env['HOME']) },
      numbers,
      barText(weightOf(total)(numbers) / most),
      isChat ? [titleOf(title ?? null)] : [],
    ),
  );
  const none: Cell[] = isChat ? [{ text: '' }] : [];
  const rest = group === 'day' ? 'earlier days' : 'others';
  const table = [
    [heads[group], ...(isChat ? ['TITLE'] : []), 'COST', 'IN', 'CACHED', 'OUT', ''].map((text): Cell => ({
      text,
      format: 'dim',
    })),
    ...rows,
    ...(other ? [line({ text: `${grouped(other.count)} ${rest}`, format: 'dim' }, other, '', none)] : []),
    line({ text: 'total', format: 'bold' }, total, '', none),
  ];
  const first = isChat ? 2 : 1;
  return tableText(rightAligned(table, first, first + 4), terminal.outStyle);
}

const titleOf = (title: string | null): Cell =>
  title === null ? { text: '(deleted)', format: 'dim' } : { text: plainLine(title, 40) };

/** Where nothing has a price, the tokens are compared. */
const weightOf =
  (total: UsageTotals) =>
  (numbers: UsageTotals): number =>
    total.costUsd > 0 ? Math.max(numbers.costUsd, 0) : tokensIn(numbers) + numbers.outputTokens;

function nameOf(
  group: UsageGroup,
  key: string | null,
  short: ReadonlyMap<string, string>,
  home: string | undefined,
): string {
  if (key === null) return '(no model)';
  if (group === 'chat') return short.get(key) ?? key;
  if (group !== 'cwd') return plainLine(key, 60);
  const path = home && (key === home || key.startsWith(`${home}/`)) ? `~${key.slice(home.length)}` : key;
  const text = plainLine(path, 4096);
  return text.length <= 50 ? text : `…${text.slice(-49)}`;
}

const barWidth = 20;
const parts = ['', '▏', '▎', '▍', '▌', '▋', '▊', '▉'];

/** Whatever was used has a bar that can be seen. */
function barText(share: number): string {
  if (!(share > 0)) return '';
  const eighths = Math.max(1, Math.round(share * barWidth * 8));
  return '█'.repeat(Math.floor(eighths / 8)) + parts[eighths % 8]!;
}

/** The columns between these get their blanks in front. */
function rightAligned(rows: readonly Cell[][], from: number, to: number): Cell[][] {
  const widths = rows[0]!.map((_, at) => Math.max(...rows.map((row) => row[at]!.text.length)));
  return rows.map((row) =>
    row.map((cell, at) => (at >= from && at < to ? { ...cell, text: cell.text.padStart(widths[at]!) } : cell)),
  );
}

const dollars = (usd: number): string => `$${usd.toFixed(usd !== 0 && Math.abs(usd) < 1 ? 4 : 2)}`;
const grouped = (count: number): string => count.toLocaleString('en-US');

function readCount(text: string): number {
  const count = Number(text);
  if (!Number.isSafeInteger(count) || count < 1 || count > maxUsageRows)
    throw new InvalidArgumentError(`It must be a whole number from 1 to ${maxUsageRows}.`);
  return count;
}
