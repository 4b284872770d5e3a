import type { SharedBudgetName } from './budgets.ts';
import type { Sql } from './database.ts';
import type { Lease } from './events.ts';
import { isTaking } from './hosts.ts';

/** Whether a host may run the chat: it is pinned to no other, and was not moved to another that lives and takes chats. */
export const isFor = (db: Sql, hostId: string) => db`
  (pinned_host is null or pinned_host = (select name from boocode.hosts where id = ${hostId}))
  and (next_host is null or next_host = ${hostId}
    or not exists (select from boocode.hosts where id = next_host and ${isTaking(db)}))`;

export interface ClaimOptions {
  /** Only to decide which host is to run the chat: one that is meant for another host may be claimed, too. */
  toAssign?: boolean;
}

/**
 * Takes the right to write to a chat, if nobody holds it: the epoch grows, so the previous holder can write no more.
 * Only the database's clock decides whether a lease has expired. Null if another host holds it or is to have it, or if
 * there is no such chat.
 */
export async function claimLease(
  db: Sql,
  chatId: string,
  hostId: string,
  ttlMs: number,
  { toAssign = false }: ClaimOptions = {},
): Promise<Lease | null> {
  const [row] = await db<{ epoch: number; next_seq: number }[]>`
    update boocode.chats set owner_host = ${hostId}, epoch = epoch + 1,
      lease_until = clock_timestamp() + ${ttlMs} * interval '1 millisecond'
      ${toAssign ? db`` : db`, next_host = null`}
    where id = ${chatId} and importing_session is null
      and (owner_host is null or owner_host = ${hostId} or lease_until < clock_timestamp())
      ${toAssign ? db`` : db`and ${isFor(db, hostId)}`}
    returning epoch, next_seq`;
  return row ? { chatId, hostId, epoch: row.epoch, nextSeq: row.next_seq } : null;
}

/**
 * Renews a host's leases of these chats, and of no others: one that it released must expire. Returns the chats it still
 * holds, with their epochs.
 */
export async function renewLeases(
  db: Sql,
  hostId: string,
  chatIds: readonly string[],
  ttlMs: number,
): Promise<Map<string, number>> {
  const rows = await db<{ id: string; epoch: number }[]>`
    update boocode.chats set lease_until = clock_timestamp() + ${ttlMs} * interval '1 millisecond'
    where owner_host = ${hostId} and id = any(${chatIds as string[]}::uuid[]) returning id, epoch`;
  return new Map(rows.map((row) => [row.id, row.epoch]));
}

/** Releases a lease. Does nothing if it has been lost already. */
export async function releaseLease(db: Sql, lease: Lease): Promise<void> {
  await db`
    update boocode.chats set owner_host = null, lease_until = null, free_since = clock_timestamp()
    where id = ${lease.chatId} and epoch = ${lease.epoch} and owner_host = ${lease.hostId}`;
}

/**
 * Whether the budget that holds a chat has another limit by now. One of all chats must also allow more than was spent: hosts
 * whose settings differ would pass the chat to each other without end.
 */
const isLimitOther = (db: Sql, { day, server }: Readonly<Record<SharedBudgetName, number | null>>) => db`
  case hold -> 'budget' ->> 'of'
    when 'chat' then (hold -> 'budget' ->> 'limitUsd')::double precision is distinct from budget_usd
    when 'day' then ${allowsMore(db, day)}
    else ${allowsMore(db, server)} end`;

const allowsMore = (db: Sql, limitUsd: number | null) => db`
  (${limitUsd}::double precision is null
    or (${limitUsd}::double precision is distinct from (hold -> 'budget' ->> 'limitUsd')::double precision
      and ${limitUsd}::double precision > (hold -> 'budget' ->> 'spentUsd')::double precision))`;

/**
 * Chats that nobody holds, that this host may run, and that have work left: a turn that was running or is to continue by
 * itself, an answer that the agent has yet to get, a waiting prompt that neither a hold nor a decision keeps back, or a
 * held queue that is due to resume automatically, or that a budget holds which has another limit by now: the chat's own, or
 * one of all chats under which this host may spend more than was spent. Without those of `except`.
 */
export async function findOrphanedWork(
  db: Sql,
  hostId: string,
  limit: number,
  except: readonly string[] = [],
  budgets: Readonly<Record<SharedBudgetName, number | null>> = { day: null, server: null },
): Promise<string[]> {
  // Each sign of work has an index of its own: there may be a million chats without any.
  const rows = await db<{ id: string }[]>`
    with signs as (
      select chat_id as id from boocode.turns where outcome is null
      union select id from boocode.chats where continuation is not null
      union select chat_id from boocode.decisions where is_open
      union select chat_id from boocode.prompts where turn_id is null
      union select id from boocode.chats where hold is not null and resume_at_reset
      union select id from boocode.chats where hold ->> 'reason' = 'budget_spent')
    select id from boocode.chats
    where id in (select id from signs)
      and (owner_host is null or lease_until < clock_timestamp()) and ${isFor(db, hostId)}
      and id <> all(${except as string[]}::uuid[])
      and (exists (select from boocode.turns where chat_id = chats.id and outcome is null)
        or continuation is not null
        or exists (select from boocode.decisions where chat_id = chats.id and is_open and outcome is not null)
        or (hold is null and exists (select from boocode.prompts where chat_id = chats.id and turn_id is null)
          and not exists (select from boocode.decisions where chat_id = chats.id and is_open and outcome is null))
        or ((resume_at_reset or hold ->> 'reason' = 'budget_spent')
          and (hold ->> 'resetsAt')::timestamptz < clock_timestamp())
        or (hold ->> 'reason' = 'budget_spent' and ${isLimitOther(db, budgets)}))
    order by updated_at limit ${limit}`;
  return rows.map((row) => row.id);
}

/**
 * In how many milliseconds the next lease of another host runs out; null if none does in this time. A host that lives renews
 * its leases long before.
 */
export async function findNextLeaseEnd(db: Sql, hostId: string, withinMs: number): Promise<number | null> {
  const [row] = await db<{ ms: number | null }[]>`
    select (extract(epoch from min(lease_until) - clock_timestamp()) * 1000)::float8 as ms from boocode.chats
    where owner_host <> ${hostId} and lease_until >= clock_timestamp()
      and lease_until < clock_timestamp() + ${withinMs} * interval '1 millisecond'`;
  return row?.ms ?? null;
}

/**
 * Whether a chat's holder has begun a turn in it: then its agent is warm. Many chats are held only because something about
 * them was changed.
 */
export const hasRunTurn = (db: Sql) => db`
  exists (select from boocode.turns where chat_id = chats.id and epoch = chats.epoch)`;

/**
 * What chats held by other hosts are doing, as far as it is stored: a turn runs, waits for a person, or neither; `cold` if
 * none has begun on that host.
 */
export async function findHeldElsewhere(
  db: Sql,
  hostId: string,
  chatIds: readonly string[],
): Promise<Map<string, 'running' | 'waiting' | 'ready' | 'cold'>> {
  const rows = await db<{ id: string; running: boolean; asked: boolean; warm: boolean }[]>`
    select id, ${hasRunTurn(db)} as warm, exists (select from boocode.turns where chat_id = chats.id and outcome is null) as running,
      exists (select from boocode.decisions where chat_id = chats.id and outcome is null) as asked
    from boocode.chats
    where id = any(${chatIds as string[]}::uuid[]) and owner_host <> ${hostId} and lease_until >= clock_timestamp()`;
  return new Map(
    rows.map(({ id, running, asked, warm }) => [id, asked ? 'waiting' : running ? 'running' : warm ? 'ready' : 'cold']),
  );
}
