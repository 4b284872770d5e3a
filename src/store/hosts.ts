import type { Sql } from './database.ts';

export interface HostRow {
  id: string;
  /** Where its process id is valid: the machine, and on Linux its process namespace. */
  machine: string;
  pid: number;
  pidStarted: string;
  version: string;
}

export async function insertHost(db: Sql, host: HostRow): Promise<void> {
  await db`
    insert into boocode.hosts (id, machine, pid, pid_started, version)
    values (${host.id}, ${host.machine}, ${host.pid}, ${host.pidStarted}, ${host.version})`;
}

/** Hosts of one machine that did not shut down cleanly. */
export async function findUnstoppedHosts(db: Sql, machine: string): Promise<HostRow[]> {
  return db<HostRow[]>`
    select id, machine, pid, pid_started as "pidStarted", version from boocode.hosts
    where machine = ${machine} and stopped_at is null`;
}

/** Marks a host as gone and frees its leases at once, without waiting for them to expire. */
export async function stopHost(db: Sql, hostId: string): Promise<void> {
  await db`
    with stopped as (update boocode.hosts set stopped_at = clock_timestamp() where id = ${hostId} and stopped_at is null)
    update boocode.chats set owner_host = null, lease_until = null where owner_host = ${hostId}`;
}

/** Whether a host that is not known to be gone may have run the chat's open turn. */
export async function otherHostLives(db: Sql, hostId: string, chatId: string): Promise<boolean> {
  const [row] = await db`
    select from boocode.hosts where id <> ${hostId} and stopped_at is null
      and started_at <= (select started_at from boocode.turns where chat_id = ${chatId} and outcome is null) limit 1`;
  return row !== undefined;
}
