import type { HostInfo } from '../protocol/host.ts';
import type { Sql } from '../store/database.ts';
import { listHosts, type SeenHost, silentAfterMs } from '../store/hosts.ts';

/** The hosts on this database, as clients see them. */
export async function describeHosts(sql: Sql, thisHost: string): Promise<HostInfo[]> {
  return (await listHosts(sql, silentAfterMs)).map((host) => describe(host, thisHost));
}

function describe(
  { isUp, drainingSince, offers, load, machine, seenAt, startedAt, ...host }: SeenHost,
  thisHost: string,
): HostInfo {
  const { memoryBytes = 0, freeMemoryBytes = 0, warmChats = 0, waitingStarts = 0 } = load ?? {};
  return {
    id: host.id,
    // A version without a heartbeat has stored none.
    name: host.name ?? machine.split('/')[0]!,
    address: host.address,
    version: host.version,
    state: isUp ? (drainingSince ? 'draining' : 'up') : 'silent',
    isThis: host.id === thisHost,
    startedAt: startedAt.toISOString(),
    seenAt: seenAt?.toISOString() ?? null,
    backends: offers?.backends ?? [],
    workspaces: offers?.workspaces ?? [],
    chats: host.chats,
    warmChats,
    waitingStarts,
    memoryBytes,
    freeMemoryBytes,
  };
}
