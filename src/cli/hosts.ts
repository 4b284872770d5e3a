import type { Command } from 'commander';
import type { HostInfo } from '../client/client.ts';
import { type Cli, connect, type GlobalFlags, printJson } from './cli.ts';
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
    });
}

function hostTable(hosts: readonly HostInfo[], { terminal }: Cli): string {
  const short = shortIds(hosts.map(({ id }) => id));
  const nowMs = Date.now();
  const names = ['ID', 'STATE', 'NAME', 'ADDRESS', 'CHATS', 'WARM', 'FREE MEMORY', 'VERSION', 'UP FOR', 'WORKSPACES'];
  const head = names.map((text): Cell => ({ text, format: 'dim' }));
  const rows = hosts.map((host): Cell[] => [
    { text: short.get(host.id) ?? host.id, ...(host.isThis ? { format: 'bold' } : {}) },
    host.state === 'up' ? { text: 'up', format: 'green' } : { text: silentText(host, nowMs), format: 'red' },
    { text: plainLine(host.name, 40) },
    { text: host.address === null ? '-' : plainLine(host.address, 60) },
    { text: String(host.chats) },
    { text: String(host.warmChats) },
    { text: host.memoryBytes === 0 ? '-' : `${gigabytes(host.freeMemoryBytes)} of ${gigabytes(host.memoryBytes)} GB` },
    { text: plainLine(host.version, 20) },
    { text: ageText(host.startedAt, nowMs) },
    { text: host.workspaces.length === 0 ? '-' : plainLine(host.workspaces.join(', '), 60) },
  ]);
  return tableText([head, ...rows], terminal.outStyle);
}

const silentText = ({ seenAt }: HostInfo, nowMs: number): string =>
  seenAt === null ? 'unknown' : `silent ${ageText(seenAt, nowMs)}`;

const gigabytes = (bytes: number): string => (bytes / 1e9).toFixed(1);
