import type { Sql } from './database.ts';

export interface HostRow {
  id: string;
  /** Where its process id is valid: the machine, and on Linux its process namespace. */
  machine: string;
  pid: number;
  pidStarted: string;
  version: string;
}

/** What a host can run. */
export interface HostOffers {
  /** Which chats had their directory here last: those with the same `seenBy`. Missing for earlier versions. */
  place?: string;
  backends: string[];
  /** The mapped directories that exist there, by their names elsewhere. A version without mappings has stored none. */
  workspaces?: string[];
}

export interface HostLoad {
  /** 0 if unknown, both. */
  memoryBytes: number;
  freeMemoryBytes: number;
  warmChats: number;
  /** Missing for earlier versions. */
  waitingStarts?: number | undefined;
}

export interface NewHost extends HostRow {
  /** For people, and for pins. */
  name?: string;
  /** Where other hosts reach it. */
  address?: string | null;
  offers?: HostOffers;
}

/** A host without a heartbeat for this long counts as silent. */
export const silentAfterMs = 20_000;

/** Whether another host has had a heartbeat within the limit. */
export const othersAreUp = (db: Sql, hostId: string, limitMs: number) => db`
  exists (select from boocode.hosts as other where other.id <> ${hostId} and other.stopped_at is null
    and other.seen_at > clock_timestamp() - ${limitMs} * interval '1 millisecond')`;

export async function insertHost(db: Sql, host: NewHost): Promise<void> {
  const { id, machine, pid, pidStarted, version, name = null, address = null, offers = null } = host;
  await db`
    insert into boocode.hosts (id, machine, pid, pid_started, version, name, address, offers, seen_at)
    values (${id}, ${machine}, ${pid}, ${pidStarted}, ${version}, ${name}, ${address},
      ${offers === null ? null : JSON.stringify(offers)}::text::json, clock_timestamp())`;
}

/** A heartbeat. Returns whether another host has had one within the limit. */
export async function beatHost(db: Sql, hostId: string, load: HostLoad, limitMs: number): Promise<boolean> {
  const [row] = await db<{ hasOthers: boolean }[]>`
    update boocode.hosts set seen_at = clock_timestamp(), load = ${JSON.stringify(load)}::text::json
    where id = ${hostId}
    returning ${othersAreUp(db, hostId, limitMs)} as "hasOthers"`;
  return row?.hasOthers ?? false;
}

export interface SeenHost {
  id: string;
  machine: string;
  name: string | null;
  address: string | null;
  version: string;
  startedAt: Date;
  seenAt: Date | null;
  /** Since when it has been handing its chats over, and takes none. */
  drainingSince: Date | null;
  offers: HostOffers | null;
  load: HostLoad | null;
  /** It has had a heartbeat within the limit. */
  isUp: boolean;
  /** How many it holds. */
  chats: number;
}

/**
 * The hosts that have not stopped, oldest first. Those that were silent for a day and hold nothing are left out. Only the
 * database's clock decides.
 */
export async function listHosts(db: Sql, limitMs: number): Promise<SeenHost[]> {
  const rows = await db<(Omit<SeenHost, 'offers' | 'load'> & { offers: string | null; load: string | null })[]>`
    select * from (
      select id, machine, name, address, version, started_at as "startedAt", seen_at as "seenAt",
        draining_since as "drainingSince", offers, load,
        coalesce(seen_at > clock_timestamp() - ${limitMs} * interval '1 millisecond', false) as "isUp",
        (select count(*)::int from boocode.chats
          where owner_host = hosts.id and lease_until >= clock_timestamp()) as chats
      from boocode.hosts where stopped_at is null
    ) as host
    where chats > 0 or coalesce("seenAt", "startedAt") > clock_timestamp() - interval '1 day'
    order by "startedAt", id`;
  return rows.map(({ offers, load, ...row }) => ({
    ...row,
    offers: offers === null ? null : (JSON.parse(offers) as HostOffers),
    load: load === null ? null : (JSON.parse(load) as HostLoad),
  }));
}

/**
 * Another host that takes chats and has an address: the one that had the chat's directory last, or without it any, unless it
 * has to be that one.
 */
export async function findOtherHost(
  db: Sql,
  hostId: string,
  chatId: string,
  { hasDirectory }: { hasDirectory: boolean },
): Promise<Holder | null> {
  const [row] = await db<(Holder & { hadIt: boolean })[]>`
    select hosts.id, hosts.name, hosts.address,
      coalesce(hosts.offers ->> 'place' = chats.workspace ->> 'seenBy', false) as "hadIt"
    from boocode.chats, boocode.hosts
    where chats.id = ${chatId} and hosts.id <> ${hostId} and hosts.address is not null and ${isTaking(db)}
    order by "hadIt" desc, hosts.started_at desc limit 1`;
  if (!row || (hasDirectory && !row.hadIt)) return null;
  return { id: row.id, name: row.name, address: row.address };
}

/** The names of other hosts that are up and have told the same address. */
export async function findHostsAt(db: Sql, address: string, hostId: string, limitMs: number): Promise<string[]> {
  const rows = await db<{ name: string }[]>`
    select coalesce(name, machine) as name from boocode.hosts
    where address = ${address} and id <> ${hostId} and stopped_at is null
      and seen_at > clock_timestamp() - ${limitMs} * interval '1 millisecond' order by started_at`;
  return rows.map(({ name }) => name);
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
    update boocode.chats set owner_host = null, lease_until = null, free_since = clock_timestamp()
    where owner_host = ${hostId}`;
}

/** A host to which a chat was moved loses its right to it after this long without a heartbeat: as long as a lease lives. */
const takesWithinMs = 15_000;

/** Whether a row of `hosts` is one that lives and takes chats. */
export const isTaking = (db: Sql) => db`
  stopped_at is null and draining_since is null
    and coalesce(seen_at >= clock_timestamp() - ${takesWithinMs} * interval '1 millisecond', false)`;

/** Marks a host as one that takes no chats, or takes that back. */
export async function markDraining(db: Sql, hostId: string, isDraining: boolean): Promise<void> {
  await db`
    update boocode.hosts set
      draining_since = case when ${isDraining} then coalesce(draining_since, clock_timestamp()) end
    where id = ${hostId}`;
}

/** The host that holds a chat. */
export interface Holder {
  id: string;
  /** Of its machine; null for a version that stored none. */
  name: string | null;
  /** Where other hosts reach it. */
  address: string | null;
}

/** `isHeld`: it has the chat's lease. */
export type NextHolder = Holder & { isHeld: boolean };

/** The host that holds a chat. If none does: the one that is to take it, because it was moved or is pinned there. */
export async function findHolder(db: Sql, chatId: string): Promise<NextHolder | null> {
  const [row] = await db<NextHolder[]>`
    select hosts.id, hosts.name, hosts.address, "isHeld"
    from (select owner_host, next_host, pinned_host,
        coalesce(owner_host is not null and lease_until >= clock_timestamp(), false) as "isHeld"
      from boocode.chats where id = ${chatId}) as chat
    join boocode.hosts on case when "isHeld" then hosts.id = owner_host
      else (hosts.id = next_host or hosts.name = pinned_host) and ${isTaking(db)} end
    order by coalesce(hosts.id = next_host, false) desc, hosts.started_at limit 1`;
  return row ?? null;
}

/** The name of the only host that takes the chat; null if any does. */
export async function findPin(db: Sql, chatId: string): Promise<string | null> {
  const [row] = await db<{ pin: string | null }[]>`select pinned_host as pin from boocode.chats where id = ${chatId}`;
  return row?.pin ?? null;
}

/** Whether a host that is not known to be gone may have run the chat's open turn. */
export async function otherHostLives(db: Sql, hostId: string, chatId: string): Promise<boolean> {
  const [row] = await db`
    select from boocode.hosts where id <> ${hostId} and stopped_at is null
      and started_at <= (select started_at from boocode.turns where chat_id = ${chatId} and outcome is null) limit 1`;
  return row !== undefined;
}
