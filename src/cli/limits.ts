import type { Command } from 'commander';
import type { PlanUsage } from '../client/client.ts';
import { planWindowName, usedText } from '../protocol/plan-words.ts';
import { type Cli, connect, type GlobalFlags, printJson } from './cli.ts';
import { localTime } from './hold-text.ts';
import { plainLine } from './plain-text.ts';
import { ageText, type Cell, tableText } from './table.ts';

export function addLimits(program: Command, cli: Cli): void {
  program
    .command('limits')
    .description('Show how much of the plan (5 hours, 7 days) the accounts of the hosts have used, where they tell it')
    .action(async (_options, command: Command) => {
      const flags = command.optsWithGlobals<GlobalFlags>();
      const usage = await (await connect(cli, flags)).planUsage();
      if (flags.json) return printJson(cli, usage);
      if (usage.items.length === 0) {
        return cli.terminal.err(
          'Nothing is known yet: only accounts with a plan tell it, with the answers to chats on the engine claude_sdk.\n',
        );
      }
      cli.terminal.out(limitTable(usage, cli));
    });
}

const formats: Readonly<Record<string, Cell['format']>> = { near: 'yellow', reached: 'red' };

function limitTable({ items }: PlanUsage, { terminal }: Cli): string {
  const nowMs = Date.now();
  const head = ['HOST', 'PLAN', 'USED', 'RESETS', 'HEARD'].map((text): Cell => ({ text, format: 'dim' }));
  const rows = items.flatMap(({ host, windows }) =>
    windows.map(({ name, used, status, resetsAt, seenAt }): Cell[] => {
      const format = formats[status];
      return [
        { text: plainLine(host, 40) },
        { text: plainLine(planWindowName(name), 40) },
        { text: usedText(used, status), ...(format === undefined ? {} : { format }) },
        { text: resetsAt === null ? '-' : localTime(resetsAt) },
        { text: `${ageText(seenAt, nowMs)} ago` },
      ];
    }),
  );
  return tableText([head, ...rows], terminal.outStyle);
}
