import type { Command } from 'commander';
import { InvalidArgumentError } from 'commander';
import type { Chat } from '../client/client.ts';
import { type Cli, connect, type GlobalFlags, printJson } from './cli.ts';
import { costText } from './event-text.ts';
import { allPages } from './find-chat.ts';
import { shortHold } from './hold-text.ts';
import { plainLine } from './plain-text.ts';
import { worksIn } from '../protocol/works-in.ts';
import { shortWait } from '../protocol/wait-words.ts';
import { ageText, type Cell, shortIds, tableText } from './table.ts';

interface LsFlags extends GlobalFlags {
  limit: number;
  archived?: boolean;
  all?: boolean;
}

export function addLs(program: Command, cli: Cli): void {
  program
    .command('ls')
    .description('List the chats, newest first')
    .option('--limit <count>', 'how many at most', readCount, 50)
    .option('--archived', 'only archived chats')
    .option('--all', 'archived chats, too')
    .action(async (_options, command: Command) => {
      const flags = command.optsWithGlobals<LsFlags>();
      const client = await connect(cli, flags);
      const info = flags.json ? undefined : client.info();
      info?.catch(() => undefined);
      const chats: Chat[] = [];
      const page = { limit: Math.min(flags.limit, 200), archived: flags.all ? undefined : (flags.archived ?? false) };
      for await (const chat of allPages((after) => client.listChats({ after, ...page }))) {
        chats.push(chat);
        if (chats.length === flags.limit) break;
      }
      if (flags.json) return printJson(cli, chats);
      if (chats.length === 0 && flags.archived) cli.terminal.err('No chats are archived.\n');
      else if (chats.length === 0) cli.terminal.err('There are no chats yet: start one with `boocode chat "…"`.\n');
      else cli.terminal.out(chatTable(chats, cli, (await info)?.hostId));
    });
}

const stateFormats: Partial<Record<Chat['state'], Cell['format']>> = {
  waiting: ['bold', 'yellow'],
  running: 'green',
  warming: 'green',
  failed: 'red',
  cold: 'dim',
};

/** `hostId`: of the server that was asked. Hosts are named only where chats are on others, or pinned. */
function chatTable(chats: readonly Chat[], { terminal, env }: Cli, hostId: string | undefined): string {
  const short = shortIds(chats.map((chat) => chat.id));
  const nowMs = Date.now();
  const hasHosts = chats.some(({ host, holder }) => host !== null || (holder && holder.id !== hostId));
  const hosts = hasHosts ? ['HOST'] : [];
  const head = ['ID', 'STATE', ...hosts, 'BACKEND', 'TITLE', 'DIRECTORY', 'COST', 'AGE'].map((text): Cell => ({
    text,
    format: 'dim',
  }));
  const rows = chats.map((chat): Cell[] => {
    const format = stateFormats[chat.state];
    return [
      { text: short.get(chat.id) ?? chat.id },
      { text: stateText(chat, nowMs), ...(format === undefined ? {} : { format }) },
      ...(hasHosts ? [{ text: hostText(chat) }] : []),
      { text: chat.backend },
      { text: plainLine(chat.title, 40), ...(chat.state === 'waiting' ? { format: 'bold' } : {}) },
      { text: directoryText(chat, env['HOME']) },
      { text: costText(chat.costUsd) },
      { text: ageText(chat.updatedAt, nowMs) },
    ];
  });
  return tableText([head, ...rows], terminal.outStyle);
}

/** What a chat is waiting for that would otherwise seem to work, or to be idle. */
function stateText({ state, waitsFor, hold }: Chat, nowMs: number): string {
  if (hold && state !== 'running') return `${state} (${shortHold(hold)})`;
  if (!waitsFor || state === 'waiting') return state;
  return `${state} (${shortWait(waitsFor, nowMs)})`;
}

function hostText({ host, holder }: Chat): string {
  if (host === null) return plainLine(holder?.name ?? '', 30);
  return `${plainLine(host, 30)} (pinned)`;
}

function directoryText(chat: Chat, home: string | undefined): string {
  const there = worksIn(chat);
  const own = shortPath(plainLine(chat.cwd, 4096), home);
  return there === null ? own : `${own} (in ${shortPath(plainLine(there, 4096), home)})`;
}

function shortPath(path: string, home: string | undefined): string {
  const short = home && (path === home || path.startsWith(`${home}/`)) ? `~${path.slice(home.length)}` : path;
  return short.length <= 40 ? short : `…${short.slice(-39)}`;
}

function readCount(text: string): number {
  const count = Number(text);
  if (!Number.isSafeInteger(count) || count < 1) throw new InvalidArgumentError('It must be a whole number from 1.');
  return count;
}
