/** What other hosts have done with the chats since this one looked last. */
import type { Decision } from '../protocol/decision.ts';
import { chatColumns, type ChatRow, type RawRow, toRow } from './chats.ts';
import type { Sql } from './database.ts';
import { hasRunTurn } from './leases.ts';
import { decisionColumns, type DecisionRow, toDecision } from './decisions.ts';

/** How late a write may appear after the time that is stored with it: a statement takes up to 30 s. */
const overlap = (db: Sql) => db`interval '60 seconds'`;

/** What tells whether a chat must be read again. */
export interface Glance {
  head: number;
  /** The other host that holds it, with a lease that lives. */
  holderId: string | null;
  isRunning: boolean;
  isAsking: boolean;
  /** Its holder has started an agent for it. */
  isWarm: boolean;
}

const glance = (db: Sql, hostId: string) => db`
  case when owner_host <> ${hostId} and lease_until >= clock_timestamp() then owner_host end as "holderId",
  exists (select from boocode.turns where chat_id = chats.id and outcome is null) as "isRunning",
  ${hasRunTurn(db)} as "isWarm"`;

/** The database's time, and the chats that were deleted in the minute before `since`, and after it. */
export async function findDeleted(db: Sql, since: Date | null): Promise<{ at: Date; chatIds: string[] }> {
  const [row] = await db<{ at: Date; ids: string }[]>`
    select now() as at, (
      select coalesce(json_agg(id), '[]') from boocode.deleted_chats
      where deleted_at >= coalesce(${since}, now()) - ${overlap(db)}) as ids`;
  return { at: row!.at, chatIds: JSON.parse(row!.ids) as string[] };
}

/**
 * The chats that may have changed, apart from those that this host holds: what other hosts hold, what was released or
 * created in the minute before `since` and after it, and those `known`.
 */
export async function findGlances(
  db: Sql,
  hostId: string,
  { since, known }: { since: Date; known: readonly string[] },
): Promise<(Glance & { id: string; isRecent: boolean })[]> {
  return db<(Glance & { id: string; isRecent: boolean })[]>`
    with candidates as (
      select id from boocode.chats where owner_host is not null
      union select id from boocode.chats where free_since >= ${since}::timestamptz - ${overlap(db)}
      union select unnest(${known as string[]}::uuid[]))
    select chat.* from candidates cross join lateral (
      select id, next_seq - 1 as head, ${glance(db, hostId)},
        exists (select from boocode.decisions where chat_id = chats.id and is_open and outcome is null) as "isAsking",
        owner_host is not null or coalesce(free_since >= ${since}::timestamptz - ${overlap(db)}, false) as "isRecent"
      from boocode.chats
      where chats.id = candidates.id and importing_session is null
        and (owner_host is distinct from ${hostId} or lease_until < clock_timestamp())
      -- Keeps the planner from reading all chats.
      limit 1) as chat`;
}

/** These chats, as stored. Those that this host holds, or that are gone, are left out. */
export async function readElsewhere(
  db: Sql,
  hostId: string,
  chatIds: readonly string[],
): Promise<(Glance & { row: ChatRow })[]> {
  const rows = await db<(RawRow & Glance)[]>`
    select ${chatColumns(db)}, ${glance(db, hostId)} from boocode.chats
    where id = any(${chatIds as string[]}::uuid[]) and importing_session is null
      and (owner_host is distinct from ${hostId} or lease_until < clock_timestamp())`;
  return rows.map(({ holderId, isRunning, isWarm, ...raw }) => {
    const row = toRow(raw);
    return { row, head: row.head, holderId, isRunning, isWarm, isAsking: row.isAsking };
  });
}

/** The decisions of these chats that were requested or settled in the minute before `since`, and after it. Oldest first. */
export async function findRecentDecisions(db: Sql, chatIds: readonly string[], since: Date): Promise<Decision[]> {
  const rows = await db<DecisionRow[]>`
    select ${decisionColumns(db)} from boocode.decisions
    where chat_id = any(${chatIds as string[]}::uuid[])
      and greatest(requested_at, resolved_at) >= ${since}::timestamptz - ${overlap(db)}
    order by ordinal`;
  return rows.map(toDecision);
}

export type DecisionStatus = Pick<Decision, 'id' | 'chatId' | 'status'>;

/** The decisions that wait for an answer, and those that were settled in the last minute. */
export async function findDecisionStatuses(db: Sql): Promise<DecisionStatus[]> {
  return db<DecisionStatus[]>`
    select id, chat_id as "chatId", case when outcome is null then 'pending' else 'resolved' end as status
    from boocode.decisions where outcome is null or resolved_at >= now() - ${overlap(db)}`;
}
