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

/** What was seen of a chat; null for one that this host has just left. */
export interface SeenChat {
  id: string;
  glance: Pick<Glance, 'head' | 'holderId'> | null;
}

/** A chat whose glance differs from what was seen of it. */
export interface ChangedGlance extends Glance {
  id: string;
  /** It may change again. */
  isRecent: boolean;
}

/**
 * The chats that have changed, apart from those that this host holds, of all that may have: what other hosts hold, what was
 * released or created in the minute before `since` and after it, and those `known`. Whatever else a glance says changes only
 * with an event or with the holder. So only where one of these differs is more than the chat's own row read, of which there
 * may be ten thousand every second. `over` are those known that need no look any more.
 */
export async function findGlances(
  db: Sql,
  hostId: string,
  { since, known }: { since: Date; known: readonly SeenChat[] },
): Promise<{ changed: ChangedGlance[]; over: string[] }> {
  const rows = await db<(ChangedGlance & { isChanged: boolean })[]>`
    with known as (
      select * from unnest(
        ${known.map(({ id }) => id)}::uuid[],
        ${known.map(({ glance }) => glance?.head ?? null)}::bigint[],
        ${known.map(({ glance }) => glance?.holderId ?? null)}::uuid[]
      ) as known (id, head, holder)),
    fresh as (select ${since}::timestamptz - ${overlap(db)} as since),
    seen as materialized (
      select chats.id, next_seq - 1 as head, true as "isRecent", importing_session is null
          and (owner_host <> ${hostId} or lease_until < clock_timestamp()) as "isTheirs",
        case when owner_host <> ${hostId} and lease_until >= clock_timestamp() then owner_host end as holder
      from boocode.chats where owner_host is not null
      union all
      select id, next_seq - 1, true, importing_session is null, null
      from boocode.chats where free_since >= (select since from fresh) and owner_host is null
      union all
      select known.id, chat.head, false, chat.head is not null, null
      from known left join lateral (
        select next_seq - 1 as head, owner_host is not null or free_since >= (select since from fresh) as "isAbove"
        from boocode.chats where chats.id = known.id
        -- Keeps the planner from reading all chats.
        limit 1) as chat on true
      where chat."isAbove" is not true),
    looked as materialized (
      select seen.id, "isRecent" and "isTheirs" as "isRecent", "isTheirs"
          and (known.head is distinct from seen.head or known.holder is distinct from seen.holder) as "isChanged"
      from seen left join known on known.id = seen.id
      where known.id is not null or "isTheirs")
    select looked.id, "isRecent", "isChanged", chat.* from looked left join lateral (
      select next_seq - 1 as head, ${glance(db, hostId)},
        exists (select from boocode.decisions where chat_id = chats.id and is_open and outcome is null) as "isAsking"
      from boocode.chats where chats.id = looked.id and "isChanged"
      limit 1) as chat on true
    where "isChanged" or not "isRecent"`;
  return {
    // One may be deleted while this is read.
    changed: rows.filter(({ isChanged, head }) => isChanged && head !== null),
    over: rows.filter(({ isRecent }) => !isRecent).map(({ id }) => id),
  };
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
