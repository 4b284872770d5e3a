import type { PendingQuery, Row } from 'postgres';
import type { Event, EventBody } from '../protocol/event.ts';
import { chatChanges, type RowChanges } from './chats.ts';
import type { Sql } from './database.ts';
import { answerLost, inTime } from './in-time.ts';
import { FencedError, isMissingValue, isRetried } from './storage-error.ts';

/**
 * The right to write to one chat's log. One writer holds it and uses it for one write at a time, so it knows the next
 * event's seq.
 */
export interface Lease {
  readonly chatId: string;
  readonly hostId: string;
  readonly epoch: number;
  nextSeq: number;
}

export interface NewEvent {
  turnId?: string | undefined;
  body: EventBody;
}

interface Written {
  seq: number;
  at: Date;
}

function toEvent(chatId: string, row: Written, turnId: string | null | undefined, body: EventBody): Event {
  return { chatId, seq: row.seq, at: row.at.toISOString(), ...(turnId ? { turnId } : {}), ...body };
}

/**
 * Statements that belong to an append and are committed with it, or not at all. They become parts of one statement:
 * each changes rows no other part changes, none sees another's effect, and the chat's own row is not among them.
 */
export type SideWrites = (db: Sql) => readonly PendingQuery<Row[]>[];

export interface Write {
  /** At least one. */
  events: readonly NewEvent[];
  side?: SideWrites | undefined;
  /** What changes in the chat's own row. */
  chat?: RowChanges | undefined;
}

export interface AppendOptions {
  /** Called after a lost connection or a refusal that may pass: whether to try again, once it resolves. False gives up. */
  retry?: ((attempt: number) => Promise<boolean>) | undefined;
}

/**
 * Appends events, and what belongs to them, exactly once: if a connection was lost midway, the log itself shows whether
 * the write was committed.
 */
export async function appendEvents(
  sql: Sql,
  lease: Lease,
  write: Write,
  options: AppendOptions = {},
): Promise<Event[]> {
  const { events } = write;
  for (let attempt = 1; ; attempt += 1) {
    try {
      const written = attempt === 1 ? await writeOnce(sql, lease, write) : await writeAgain(sql, lease, write);
      lease.nextSeq += events.length;
      return written;
    } catch (error) {
      if (!isRetried(error, attempt) || !options.retry || !(await options.retry(attempt))) throw error;
    }
  }
}

/**
 * One statement, so one round trip and one commit, and no transaction that a frozen host could leave open. Numbering
 * the events also checks the epoch: if it has moved on they get no number, which the column refuses, and with it the
 * whole statement.
 * All of it has the time of the statement, so that an event and the row that goes with it agree.
 */
async function writeOnce(sql: Sql, lease: Lease, { events, side, chat }: Write): Promise<Event[]> {
  const parts = (side?.(sql) ?? []).map((statement, index) => sql`, ${sql(`side_${index}`)} as (${statement})`);
  try {
    const rows = await inTime(sql<Written[]>`
      with fence as (
        update boocode.chats set next_seq = next_seq + ${events.length}, ${chatChanges(sql, chat ?? {})}
        where id = ${lease.chatId} and epoch = ${lease.epoch} and next_seq = ${lease.nextSeq}
        returning next_seq - ${events.length} as first
      )
      ${parts.length > 0 ? parts : sql``}
      insert into boocode.events (chat_id, seq, turn_id, type, payload, at)
      select ${lease.chatId}, (select first from fence) + new.ordinal - 1, nullif(new.turn_id, '')::uuid, new.type,
        new.payload::json, statement_timestamp()
      from unnest(
        ${events.map((event) => event.turnId ?? '')}::text[],
        ${events.map((event) => event.body.type)}::text[],
        ${events.map((event) => JSON.stringify(event.body))}::text[]
      ) with ordinality as new (turn_id, type, payload, ordinal)
      returning seq, at`);
    // The driver may also mistake a dead connection's silence for an empty answer.
    if (rows.length !== events.length) throw answerLost();
    return events.map((event, index) => toEvent(lease.chatId, rows[index] as Written, event.turnId, event.body));
  } catch (error) {
    if (isMissingValue(error, 'events', 'seq')) throw new FencedError(lease.chatId);
    throw error;
  }
}

/** After a lost answer. The lost write may commit even now, while this one waits for it: then that one counts. */
async function writeAgain(sql: Sql, lease: Lease, write: Write): Promise<Event[]> {
  const count = write.events.length;
  const landed = await readLanded(sql, lease, count);
  if (landed) return landed;
  try {
    return await writeOnce(sql, lease, write);
  } catch (error) {
    const late = error instanceof FencedError ? await readLanded(sql, lease, count) : null;
    if (late) return late;
    throw error;
  }
}

/**
 * The events of a write whose answer was lost, or null if it was never committed. Throws FencedError for a stale lease.
 */
async function readLanded(sql: Sql, lease: Lease, count: number): Promise<Event[] | null> {
  const [chat] = await inTime(sql<{ epoch: number; next_seq: number }[]>`
    select epoch, next_seq from boocode.chats where id = ${lease.chatId}`);
  if (!chat || chat.epoch !== lease.epoch) throw new FencedError(lease.chatId);
  if (chat.next_seq === lease.nextSeq) return null;
  return readEvents(sql, lease.chatId, { after: lease.nextSeq - 1, limit: count });
}

/** Events after a seq, or the last ones before one. In order. */
export async function readEvents(
  db: Sql,
  chatId: string,
  page: { limit: number } & ({ after: number } | { before: number }),
): Promise<Event[]> {
  const rows = await db<(Written & { turn_id: string | null; payload: string })[]>`
    select seq, at, turn_id, payload from boocode.events
    where chat_id = ${chatId}
      ${'after' in page ? db`and seq > ${page.after} order by seq` : db`and seq < ${page.before} order by seq desc`}
    limit ${page.limit}`;
  if ('before' in page) rows.reverse();
  return rows.map((row) => toEvent(chatId, row, row.turn_id, JSON.parse(row.payload) as EventBody));
}

/** A log as it is now, and the time of one of its events; null if it does not have that event. Null for an unknown chat. */
export interface LogPlace {
  /** The seq of the newest event. */
  head: number;
  logId: string;
  at: string | null;
}

export async function findLogPlace(db: Sql, chatId: string, seq: number): Promise<LogPlace | null> {
  const [row] = await db<{ head: number; logId: string; at: Date | null }[]>`
    select next_seq - 1 as head, log_id as "logId", at
    from boocode.chats left join boocode.events on events.chat_id = chats.id and events.seq = ${seq}
    where chats.id = ${chatId} and importing_session is null`;
  return row ? { ...row, at: row.at?.toISOString() ?? null } : null;
}

/** The tool calls of a turn that have a result in the log. Reads all the chat's events. */
export async function findFinishedCalls(db: Sql, chatId: string, turnId: string): Promise<string[]> {
  const rows = await db<{ id: string }[]>`
    select payload ->> 'toolCallId' as id from boocode.events
    where chat_id = ${chatId} and turn_id = ${turnId} and type = 'tool_call_update' order by seq`;
  return rows.map(({ id }) => id);
}
