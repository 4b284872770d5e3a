import type { Command } from 'commander';
import type { BooClient, Budgets, Chat } from '../client/client.ts';
import { usdText } from '../protocol/budget-text.ts';
import { type Cli, connect, type GlobalFlags, misuse, printJson } from './cli.ts';
import { readBudget } from './chat-options.ts';
import { findChat } from './find-chat.ts';
import { plainLine } from './plain-text.ts';
import { type Cell, tableText } from './table.ts';

interface BudgetFlags extends GlobalFlags {
  chat?: string;
  day?: true;
  server?: true;
}

const examples = `
Examples:
  boocode budget                        what all chats may spend, and have spent
  boocode budget 3f2a                   the same for one chat
  boocode budget set 5 --chat 3f2a      this chat may cost 5 dollars in all
  boocode budget set 20 --day           all chats together may cost 20 dollars a day
  boocode budget set none --day         on a day, they may cost any amount, whatever the servers' settings say
  boocode budget clear --day            the servers' own settings apply again

What a spent budget has stopped goes on by itself as soon as the budget allows it.
`;

export function addBudget(program: Command, cli: Cli): void {
  const budget = program
    .command('budget')
    .description('Show or set what chats may cost')
    .usage('[chat] | set <dollars|none> (--chat <chat> | --day | --server) | clear (--chat <chat> | --day | --server)')
    .addHelpText('after', examples);

  budget
    .command('show', { isDefault: true })
    .description('Show the budgets of all chats together, or of one. `show` can be left out')
    .argument('[chat]', 'the id of the chat or the start of it')
    .action(async (given: string | undefined, _options, command: Command) => {
      const flags = command.optsWithGlobals<BudgetFlags>();
      const client = await connect(cli, flags);
      if (given !== undefined) return showChat(cli, flags, await findChat(client, given));
      showShared(cli, flags, await client.getBudgets());
    });

  addWhich(
    budget
      .command('set')
      .description('Set a budget')
      .argument('<dollars>', 'in US dollars, or `none` for any amount', readBudget),
  )
    .addHelpText('after', examples)
    .action((given: number | 'none', _options, command: Command) =>
      change(cli, command, given === 'none' ? null : given),
    );

  addWhich(
    budget.command('clear').description('Remove a budget: for all chats, the settings of each server apply again'),
  )
    .addHelpText('after', examples)
    .action((_options, command: Command) => change(cli, command, 'default'));
}

const addWhich = (command: Command): Command =>
  command
    .option('--chat <chat>', 'of this chat, in all')
    .option('--day', 'of all chats together, on a day')
    .option('--server', 'of all chats together, ever');

async function change(cli: Cli, command: Command, limitUsd: number | null | 'default'): Promise<void> {
  const flags = command.optsWithGlobals<BudgetFlags>();
  const named = [flags.chat, flags.day, flags.server].filter((flag) => flag !== undefined);
  if (named.length !== 1) throw misuse('Say which budget: --chat <chat>, --day or --server.');
  const client = await connect(cli, flags);
  if (flags.chat !== undefined) {
    const budgetUsd = limitUsd === 'default' ? null : limitUsd;
    return showChat(cli, flags, await changeChat(client, flags.chat, budgetUsd));
  }
  showShared(cli, flags, await client.patchBudgets(flags.day ? { dayUsd: limitUsd } : { serverUsd: limitUsd }));
}

async function changeChat(client: BooClient, given: string, budgetUsd: number | null): Promise<Chat> {
  return client.patchChat((await findChat(client, given)).id, { budgetUsd });
}

function showChat(cli: Cli, flags: BudgetFlags, { id, title, budgetUsd, costUsd }: Chat): void {
  if (flags.json) return printJson(cli, { chatId: id, limitUsd: budgetUsd, spentUsd: costUsd });
  cli.terminal.out(table(cli, [[`chat ${id.slice(0, 8)} (${plainLine(title, 40)})`, budgetUsd, costUsd, '']]));
}

function showShared(cli: Cli, flags: BudgetFlags, budgets: Budgets): void {
  if (flags.json) return printJson(cli, budgets);
  const { day, server } = budgets;
  const bySetting = (isSet: boolean, limitUsd: number | null): string =>
    isSet ? 'instead of the servers’ own settings' : limitUsd === null ? '' : 'by the settings of the server';
  cli.terminal.out(
    table(cli, [
      ['all chats, today', day.limitUsd, day.spentUsd, bySetting(day.isSet, day.limitUsd)],
      ['all chats, ever', server.limitUsd, server.spentUsd, bySetting(server.isSet, server.limitUsd)],
    ]),
  );
}

type Row = [what: string, limitUsd: number | null, spentUsd: number, note: string];

function table({ terminal }: Cli, rows: readonly Row[]): string {
  const head = ['OF', 'SPENT', 'BUDGET', 'LEFT', ''].map((text): Cell => ({ text, format: 'dim' }));
  const cells = rows.map(([what, limitUsd, spentUsd, note]): Cell[] => {
    const isSpent = limitUsd !== null && spentUsd >= limitUsd;
    return [
      { text: what },
      { text: usdText(spentUsd), ...(isSpent ? { format: 'red' as const } : {}) },
      { text: limitUsd === null ? 'any amount' : usdText(limitUsd) },
      { text: limitUsd === null ? '-' : usdText(Math.max(0, limitUsd - spentUsd)) },
      { text: note },
    ];
  });
  return tableText([head, ...cells], terminal.outStyle);
}
