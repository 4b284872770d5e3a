import { randomUUID } from 'node:crypto';
import { readlinkSync } from 'node:fs';
import { hostname } from 'node:os';
import { identifyProcess, isAlive } from '../lib/process-identity.ts';
import type { Sql } from '../store/database.ts';
import { findUnstoppedHosts, type HostOffers, insertHost, stopHost } from '../store/hosts.ts';

export interface HostDescription {
  version: string;
  /** Where other hosts reach it. */
  address: string | null;
  offers: HostOffers;
}

/** Registers this process as a host, and immediately frees what dead hosts of this machine still hold. */
export async function registerHost(sql: Sql, description: HostDescription): Promise<string> {
  const self = identifyProcess(process.pid);
  const id = randomUUID();
  const machine = machineName();
  const name = hostname();
  await insertHost(sql, { id, machine, name, pid: process.pid, pidStarted: self?.startedAt ?? '', ...description });
  for (const other of await findUnstoppedHosts(sql, machine)) {
    const isDead = !isAlive({ pid: other.pid, startedAt: other.pidStarted });
    if (other.id !== id && isDead) await stopHost(sql, other.id);
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
