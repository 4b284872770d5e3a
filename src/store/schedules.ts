import type { Actor } from '../protocol/principal.ts';
import { isOfVisible } from './chat-access.ts';
import type { Sql } from './database.ts';
import type { Lease } from './events.ts';
import { isFor } from './leases.ts';

export interface NewSchedule {
  id: string;
  content: string;
  /** Exactly one of the two. */
  at: Date | null;
  cron: string | null;
  timeZone: string;
  missed: 'run' | 'skip';
  nextAt: Date;
  /** Null: the agent. */
  actor: Actor | null;
  /** The agent's program's own name for it. */
  agentKey?: string | undefined;
  laterMs?: number | undefined;
  until?: Date | null | undefined;
}

export interface ScheduleRow extends Omit<NewSchedule, 'nextAt' | 'agentKey'> {
  ordinal: number;
  chatId: string;
  chatTitle: string | null;
  isPaused: boolean;
  isOver: boolean;
  nextAt: Date | null;
  lastAt: Date | null;
  agentKey: string | null;
  laterMs: number;
  until: Date | null;
  createdAt: Date;
}

type Stored = Omit<ScheduleRow, 'content' | 'actor'> & { content: string; actor: string | null };

const columns = (db: Sql) => db`
  schedules.id, schedules.ordinal, schedules.chat_id as "chatId", content, at, cron, time_zone as "timeZone", missed,
  is_paused as "isPaused", is_over as "isOver", next_at as "nextAt", last_at as "lastAt", actor, agent_key as "agentKey",
  later_ms as "laterMs", until, schedules.created_at as "createdAt",
  (select title from boocode.chats where chats.id = schedules.chat_id) as "chatTitle"`;

const toRow = <T extends Stored>({ content, actor, ...row }: T) => ({
  ...row,
  content: JSON.parse(content) as string,
  actor: actor === null ? null : (JSON.parse(actor) as Actor | null),
});

/** Goes with the append of its `schedule_created`. */
export function insertSchedule(db: Sql, lease: Lease, schedule: NewSchedule) {
  const { id, content, at, cron, timeZone, missed, nextAt, actor, agentKey, laterMs = 0, until = null } = schedule;
  return db`
    insert into boocode.schedules
      (id, chat_id, content, at, cron, time_zone, missed, next_at, actor, agent_key, later_ms, until)
    values (${id}, ${lease.chatId}, ${JSON.stringify(content)}::text::json, ${at}, ${cron}, ${timeZone}, ${missed}, ${nextAt},
      ${actor && JSON.stringify(actor)}::text::json, ${agentKey ?? null}, ${laterMs}, ${until})`;
}

/** Of one chat, those that are due first. */
export async function listSchedules(db: Sql, chatId: string): Promise<ScheduleRow[]> {
  const rows = await db<Stored[]>`
    select ${columns(db)} from boocode.schedules where chat_id = ${chatId} and not is_over
    order by is_paused, next_at, ordinal`;
  return rows.map(toRow);
}

/** Of all chats, the newest first. */
export async function listAllSchedules(
  db: Sql,
  { before, limit, visibleTo }: { before: number | null; limit: number; visibleTo?: string | undefined },
): Promise<ScheduleRow[]> {
  const rows = await db<Stored[]>`
    select ${columns(db)} from boocode.schedules
    where not is_over and ${isOfVisible(db, visibleTo, 'schedules.chat_id')}
      and (${before}::bigint is null or ordinal < ${before})
    order by ordinal desc limit ${limit}`;
  return rows.map(toRow);
}

export async function findSchedule(db: Sql, chatId: string, id: string): Promise<ScheduleRow | null> {
  const [row] = await db<Stored[]>`
    select ${columns(db)} from boocode.schedules where chat_id = ${chatId} and id = ${id} and not is_over`;
  return row ? toRow(row) : null;
}

/** How many schedules people have made in a chat, and the database's time. */
export async function countSchedules(db: Sql, chatId: string): Promise<{ count: number; now: Date }> {
  const [row] = await db<{ count: number; now: Date }[]>`
    select count(*)::int as count, clock_timestamp() as now from boocode.schedules
    where chat_id = ${chatId} and agent_key is null and not is_over`;
  return row!;
}

export interface ScheduleChanges {
  isPaused?: boolean | undefined;
  /** Null: it is over. */
  nextAt?: Date | null | undefined;
  /** Its prompt is given. */
  given?: { at: Date; promptId: string } | undefined;
}

/** Goes with an append that says so. */
export function changeSchedule(db: Sql, lease: Lease, id: string, { isPaused, nextAt, given }: ScheduleChanges) {
  return db`
    update boocode.schedules set id = id
      ${isPaused === undefined ? db`` : db`, is_paused = ${isPaused}`}
      ${nextAt === undefined ? db`` : db`, next_at = ${nextAt}`}
      ${given ? db`, last_at = ${given.at}, last_prompt = ${given.promptId}` : db``}
    where chat_id = ${lease.chatId} and id = ${id}`;
}

/** Of a chat that is archived: its times meanwhile pass. Null: it is over. Not part of an append, so it looks at the epoch. */
export function passSchedule(db: Sql, lease: Lease, id: string, nextAt: Date | null) {
  return db`
    update boocode.schedules set next_at = ${nextAt}, is_over = ${nextAt === null}
    where chat_id = ${lease.chatId} and id = ${id}
      and exists (select from boocode.chats where chats.id = chat_id and epoch = ${lease.epoch} and archived)`;
}

/**
 * Goes with an append that says so. What the agent's program may still know stays, so that it is known to be over. `given`: its
 * prompt is.
 */
export function endSchedule(
  db: Sql,
  lease: Lease,
  { id, agentKey }: Pick<ScheduleRow, 'id' | 'agentKey'>,
  given?: ScheduleChanges['given'],
) {
  return agentKey === null
    ? db`delete from boocode.schedules where chat_id = ${lease.chatId} and id = ${id}`
    : db`
        update boocode.schedules set is_over = true, next_at = null
          ${given ? db`, last_at = ${given.at}, last_prompt = ${given.promptId}` : db``}
        where chat_id = ${lease.chatId} and id = ${id}`;
}

/** What the agent has scheduled, also what is over and its program may still know. */
export async function findAgentSchedules(db: Sql, chatId: string): Promise<ScheduleRow[]> {
  const rows = await db<Stored[]>`
    select ${columns(db)} from boocode.schedules where chat_id = ${chatId} and agent_key is not null`;
  return rows.map(toRow);
}

/** How far back the forks of forks are followed. */
const mostForks = 1_000;

/** The words that the program of a chat's agent may know: what was scheduled there, and in those that it was forked from. */
export async function findScheduledWords(db: Sql, chatId: string): Promise<string[]> {
  const rows = await db<{ content: string }[]>`
    with recursive line (id, forked_from, forks) as (
      select id, forked_from, 0 from boocode.chats where id = ${chatId}
      union all
      select chats.id, chats.forked_from, forks + 1 from line
        join boocode.chats on chats.id = (line.forked_from ->> 'chatId')::uuid where forks < ${mostForks}
    )
    select content from boocode.schedules where agent_key is not null and chat_id in (select id from line)`;
  return rows.map(({ content }) => JSON.parse(content) as string);
}

/** Goes with an append: forgets what is over for so long that no program that knows it is running. */
export function sweepSchedules(db: Sql, lease: Lease) {
  return db`
    delete from boocode.schedules where chat_id = ${lease.chatId} and is_over and cron is null
      and created_at < clock_timestamp() - interval '31 days'
      and coalesce(last_at, created_at) < clock_timestamp() - interval '2 days'`;
}

/** It is due, its previous prompt does not wait any more, and its chat is not archived. */
const isDue = (db: Sql) => db`
  not is_paused and not is_over and next_at <= clock_timestamp()
  and not exists (
    select from boocode.prompts where prompts.chat_id = schedules.chat_id and prompts.id = last_prompt and turn_id is null)
  and not exists (select from boocode.chats where chats.id = schedules.chat_id and archived)`;

export interface DueRow extends ScheduleRow {
  nextAt: Date;
  /** When the turn of its last prompt began. */
  takenAt: Date | null;
  now: Date;
}

/** Those of a chat that are due, in the order in which they are. */
export async function findDue(db: Sql, chatId: string): Promise<DueRow[]> {
  const rows = await db<(Stored & { nextAt: Date; takenAt: Date | null; now: Date })[]>`
    select ${columns(db)}, clock_timestamp() as now,
      (select started_at from boocode.turns, boocode.prompts
        where prompts.chat_id = schedules.chat_id and prompts.id = last_prompt and turns.id = prompts.turn_id) as "takenAt"
    from boocode.schedules where chat_id = ${chatId} and ${isDue(db)} order by next_at, ordinal limit 10`;
  return rows.map(toRow);
}

/** Chats with schedules that are due, which this host holds or may take. Without those of `except`. */
export async function findDueChats(
  db: Sql,
  hostId: string,
  limit: number,
  except: readonly string[] = [],
): Promise<string[]> {
  const rows = await db<{ id: string }[]>`
    select id from boocode.chats
    where id in (select chat_id from boocode.schedules where ${isDue(db)}) and importing_session is null
      and ((owner_host = ${hostId} and lease_until >= clock_timestamp())
        or ((owner_host is null or lease_until < clock_timestamp()) and ${isFor(db, hostId)}))
      and id <> all(${except as string[]}::uuid[])
    limit ${limit}`;
  return rows.map((row) => row.id);
}

/** In how many milliseconds the next schedule is due; null if none is in this time. */
export async function findNextDue(db: Sql, withinMs: number): Promise<number | null> {
  const [row] = await db<{ ms: number | null }[]>`
    select (extract(epoch from min(next_at) - clock_timestamp()) * 1000)::float8 as ms from boocode.schedules
    where not is_paused and not is_over and next_at > clock_timestamp()
      and next_at < clock_timestamp() + ${withinMs} * interval '1 millisecond'`;
  return row?.ms ?? null;
}
