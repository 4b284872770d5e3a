import { randomUUID } from 'node:crypto';
import { readlinkSync } from 'node:fs';
import { hostname } from 'node:os';
import { identifyProcess, isAlive } from '../lib/process-identity.ts';
import type { Sql } from '../store/database.ts';
import type { Log } from '../lib/log.ts';
import { findUnstoppedHosts, type HostOffers, insertHost, listHosts, stopHost, silentAfterMs } from '../store/hosts.ts';

export interface HostDescription {
  /** Among the hosts on the database; null: the machine's. */
  name: string | null;
  version: string;
  /** Where other hosts reach it. */
  address: string | null;
  offers: HostOffers;
}

/** Registers this process as a host, and immediately frees what dead hosts of this machine still hold. */
export async function registerHost(sql: Sql, description: HostDescription, logger: Log): Promise<string> {
  const self = identifyProcess(process.pid);
  const id = randomUUID();
  const machine = machineName();
  const name = description.name ?? hostname();
  await insertHost(sql, { ...description, id, machine, name, pid: process.pid, pidStarted: self?.startedAt ?? '' });
  for (const other of await findUnstoppedHosts(sql, machine)) {
    const isDead = !isAlive({ pid: other.pid, startedAt: other.pidStarted });
    if (other.id !== id && isDead) await stopHost(sql, other.id);
  }
  const namesakes = (await listHosts(sql, silentAfterMs)).filter((other) => other.isUp && other.name === name);
  if (namesakes.length > 1) {
    const hostIds = namesakes.map((other) => other.id).filter((other) => other !== id);
    const problem =
      'Another host on this database has the same name, so a chat that is pinned to it may run on either.';
    logger.warn({ name, hostIds }, `${problem} Set --host-name or BOOCODE_HOST_NAME to tell them apart.`);
  }
  return id;
}

/** Where a process id is valid: on Linux only within its process namespace. */
function machineName(): string {
  try {
    return `${hostname()}/${readlinkSync('/proc/self/ns/pid')}`;
  } catch {
    return hostname();
  }
}
