import { type Command, InvalidArgumentError, Option } from 'commander';
import type { AuditEntry, AuditQuery } from '../client/client.ts';
import { type Cli, connect, type GlobalFlags, printJson } from './cli.ts';
import { findChat } from './find-chat.ts';
import { plainLine } from './plain-text.ts';
import { type Cell, tableText } from './table.ts';

interface AuditFlags extends GlobalFlags {
  person?: string;
  chat?: string;
  act?: string;
  outcome?: NonNullable<AuditQuery['outcome']>;
  since?: string;
  until?: string;
  after?: string;
  limit: number;
}

const examples = `
Examples:
  boocode audit                                       the last 50 acts, of everybody
  boocode audit --person alice --since 7d             what Alice did in the last seven days
  boocode audit --chat 3f2a --limit 500
  boocode audit --outcome refused                     what was refused, with the reason
  boocode audit --json > audit.jsonl                  all of it, the oldest first, one JSON object per line
  boocode audit --json --after 1234 >> audit.jsonl    what came after the entry with that seq

Only owners may read it. Nothing removes or changes an entry.
`;

export function addAudit(program: Command, cli: Cli): void {
  program
    .command('audit')
    .description('Show what people did: who, when, from where, and whether it was refused')
    .option('--person <name>', 'of this person: a name or an id')
    .option('--chat <chat>', 'in this chat: its id or the start of it; in full if the chat is deleted')
    .option('--act <name>', 'of this kind, such as submitPrompt: an operation of the API')
    .addOption(new Option('--outcome <what>', 'only these').choices(['done', 'refused', 'failed']))
    .option('--since <time>', 'from then on: 30m, 12h, 7d, a day such as 2027-01-31, or an ISO time', readTime)
    .option('--until <time>', 'before that', readTime)
    .option('--after <seq>', 'with --json, only entries after this one', readCount)
    .option('--limit <count>', 'how many at most, without --json', readCount, 50)
    .addHelpText('after', examples)
    .action(async (_options, command: Command) => {
      const flags = command.optsWithGlobals<AuditFlags>();
      const client = await connect(cli, flags);
      const { person, act, outcome, since: from, until: to, chat: given } = flags;
      const chat = given === undefined ? undefined : isWhole(given) ? given : (await findChat(client, given)).id;
      const query = { person, act, outcome, from, to, chat };
      if (flags.json) {
        const after = flags.after === undefined ? undefined : String(flags.after);
        for await (const entry of client.auditEntries({ ...query, order: 'oldest', after })) printJson(cli, entry);
        return;
      }
      const items: AuditEntry[] = [];
      let after: string | undefined;
      do {
        const limit = Math.min(1000, flags.limit - items.length);
        const page = await client.audit({ ...query, limit, after });
        items.push(...page.items);
        after = page.next ?? undefined;
      } while (after !== undefined && items.length < flags.limit);
      if (items.length === 0) return cli.terminal.err('Nothing of that is in the audit log.\n');
      cli.terminal.out(auditTable(items, cli));
    });
}

// Of a deleted chat nothing else is known.
const isWhole = (text: string): boolean => /^[0-9a-f]{8}(-[0-9a-f]{4}){3}-[0-9a-f]{12}$/i.test(text);

function auditTable(items: readonly AuditEntry[], { terminal }: Cli): string {
  const head = ['WHEN', 'WHO', 'ACT', 'CHAT', 'OUTCOME', 'FROM', ''].map((text): Cell => ({ text, format: 'dim' }));
  const rows = items.toReversed().map((entry): Cell[] => {
    const { at, person, act, chatId, outcome, code, count, via, source } = entry;
    const result = `${outcome === 'done' ? 'done' : `${outcome}: ${code ?? ''}`}${count > 1 ? ` (${count} times)` : ''}`;
    return [
      { text: at.replace('T', ' ').replace(/\.\d+Z$/, 'Z') },
      person ? { text: plainLine(person.name, 30) } : { text: '(nobody)', format: 'dim' },
      { text: plainLine(act, 40) },
      { text: chatId?.slice(0, 8) ?? '' },
      { text: plainLine(result, 60), ...(outcome === 'done' ? {} : { format: 'red' as const }) },
      { text: plainLine([via, source].filter((text) => text !== null).join(', '), 60) },
      { text: detailsText(entry), format: 'dim' },
    ];
  });
  return tableText([head, ...rows], terminal.outStyle);
}

function detailsText({ details }: AuditEntry): string {
  const parts = Object.entries(details).map(([name, value]) => {
    const text = typeof value === 'string' ? value : Array.isArray(value) ? value.join(' ') : JSON.stringify(value);
    return `${name}=${text}`;
  });
  return plainLine(parts.join(', '), 100);
}

const units = { m: 60_000, h: 3_600_000, d: 86_400_000 } as const;

function readTime(text: string): string {
  const [, count, unit] = /^(\d{1,6})([mhd])$/.exec(text) ?? [];
  if (count !== undefined)
    return new Date(Date.now() - Number(count) * units[unit as keyof typeof units]).toISOString();
  const time = new Date(text);
  if (!/^\d{4}-\d{2}-\d{2}/.test(text) || Number.isNaN(time.getTime()))
    throw new InvalidArgumentError('It must look like 30m, 12h, 7d, 2027-01-31 or 2027-01-31T09:00:00Z.');
  // A day is one in the caller's own time zone.
  return (text.length === 10 ? new Date(`${text}T00:00:00`) : time).toISOString();
}

function readCount(text: string): number {
  const count = Number(text);
  if (!Number.isSafeInteger(count) || count < 1) throw new InvalidArgumentError('It must be a whole number above 0.');
  return count;
}
