import type { Command } from 'commander';
import type { HostInfo } from '../client/client.ts';
import { type Cli, connect, type GlobalFlags, printJson } from './cli.ts';
import { sharedNames } from './find-host.ts';
import { plainLine } from './plain-text.ts';
import { ageText, type Cell, shortIds, tableText } from './table.ts';

export function addHosts(program: Command, cli: Cli): void {
  program
    .command('hosts')
    .description('List the hosts that share the server’s database, oldest first')
    .action(async (_options, command: Command) => {
      const flags = command.optsWithGlobals<GlobalFlags>();
      const hosts = await (await connect(cli, flags)).listHosts();
      if (flags.json) return printJson(cli, hosts);
      cli.terminal.out(hostTable(hosts, cli));
      for (const name of sharedNames(hosts)) {
        cli.terminal.out(`Several hosts are named ${plainLine(name, 64)}: set --host-name to tell them apart.\n`);
      }
    });
}

function hostTable(hosts: readonly HostInfo[], { terminal }: Cli): string {
  const short = shortIds(hosts.map(({ id }) => id));
  const nowMs = Date.now();
  const names = ['ID', 'STATE', 'NAME', 'ADDRESS', 'CHATS', 'WARM', 'FREE MEMORY', 'VERSION', 'UP FOR', 'WORKSPACES'];
  const head = names.map((text): Cell => ({ text, format: 'dim' }));
  const rows = hosts.map((host): Cell[] => [
    { text: short.get(host.id) ?? host.id, ...(host.isThis ? { format: 'bold' } : {}) },
    stateCell(host, nowMs),
    { text: plainLine(host.name, 40) },
    { text: host.address === null ? '-' : plainLine(host.address, 60) },
    { text: String(host.chats) },
    { text: host.waitingStarts > 0 ? `${host.warmChats}, ${host.waitingStarts} waiting` : String(host.warmChats) },
    { text: host.memoryBytes === 0 ? '-' : `${gigabytes(host.freeMemoryBytes)} of ${gigabytes(host.memoryBytes)} GB` },
    { text: plainLine(host.version, 20) },
    { text: ageText(host.startedAt, nowMs) },
    { text: host.workspaces.length === 0 ? '-' : plainLine(host.workspaces.join(', '), 60) },
  ]);
  return tableText([head, ...rows], terminal.outStyle);
}

function stateCell(host: HostInfo, nowMs: number): Cell {
  if (host.state === 'up') return { text: 'up', format: 'green' };
  if (host.state === 'draining') return { text: 'draining', format: 'yellow' };
  return { text: silentText(host, nowMs), format: 'red' };
}

const silentText = ({ seenAt }: HostInfo, nowMs: number): string =>
  seenAt === null ? 'unknown' : `silent ${ageText(seenAt, nowMs)}`;

const gigabytes = (bytes: number): string => (bytes / 1e9).toFixed(1);
