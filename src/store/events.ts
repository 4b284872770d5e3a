import type { Event, EventBody } from '../protocol/event.ts';
import type { Db, Sql } from './database.ts';
import { FencedError, isPassing } from './storage-error.ts';

/**
 * The right to write to one chat's log. One writer holds it and uses it for one write at a time, so it knows the seq
 * that the next event gets.
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
 * Appends under the lease: the statement that numbers the events is the one that checks the epoch. Throws FencedError.
 * Does not move the lease on: that is for whoever knows that the transaction has committed.
 */
async function insertEvents(db: Db, lease: Lease, events: readonly NewEvent[]): Promise<Event[]> {
  const rows = await db<Written[]>`
    with fence as (
      update chats set next_seq = next_seq + ${events.length}, updated_at = clock_timestamp()
      where id = ${lease.chatId} and epoch = ${lease.epoch} and next_seq = ${lease.nextSeq}
      returning next_seq - ${events.length} as first
    )
    insert into events (chat_id, seq, turn_id, type, payload)
    select ${lease.chatId}, fence.first + new.ordinal - 1, nullif(new.turn_id, '')::uuid, new.type, new.payload::json
    from fence, unnest(
      ${events.map((event) => event.turnId ?? '')}::text[],
      ${events.map((event) => event.body.type)}::text[],
      ${events.map((event) => JSON.stringify(event.body))}::text[]
    ) with ordinality as new (turn_id, type, payload, ordinal)
    returning seq, at`;
  if (rows.length !== events.length) throw new FencedError(lease.chatId);
  return events.map((event, index) => toEvent(lease.chatId, rows[index] as Written, event.turnId, event.body));
}

/** Statements that belong to an append and are committed with it, or not at all. */
export type SideWrites = (db: Db) => readonly PromiseLike<unknown>[];

export interface AppendOptions {
  /** Asked after a lost connection: whether to try again, once it resolves. False gives up. */
  retry?: ((attempt: number) => Promise<boolean>) | undefined;
}

/**
 * Appends events, with side writes in the same transaction, exactly once: after a connection was lost in the middle,
 * the log itself tells whether the write had landed.
 */
export async function appendEvents(
  sql: Sql,
  lease: Lease,
  events: readonly NewEvent[],
  side?: SideWrites,
  options: AppendOptions = {},
): Promise<Event[]> {
  for (let attempt = 1; ; attempt += 1) {
    try {
      const stored = attempt > 1 ? await readLanded(sql, lease, events.length) : null;
      const written = stored ?? (await writeOnce(sql, lease, events, side));
      lease.nextSeq += events.length;
      return written;
    } catch (error) {
      if (!isPassing(error) || !options.retry || !(await options.retry(attempt))) throw error;
    }
  }
}

async function writeOnce(sql: Sql, lease: Lease, events: readonly NewEvent[], side?: SideWrites): Promise<Event[]> {
  if (!side) return insertEvents(sql, lease, events);
  const result = await sql.begin(async (transaction) => {
    // Sent together: the driver pipelines them, and any failure undoes all.
    const [written] = await Promise.all([insertEvents(transaction, lease, events), ...side(transaction)]);
    return { written };
  });
  return result.written;
}

/** The events of a write whose answer was lost, or null if it never landed. Throws FencedError for a stale lease. */
async function readLanded(sql: Sql, lease: Lease, count: number): Promise<Event[] | null> {
  const [chat] = await sql<{ epoch: number; next_seq: number }[]>`
    select epoch, next_seq from chats where id = ${lease.chatId}`;
  if (!chat || chat.epoch !== lease.epoch) throw new FencedError(lease.chatId);
  if (chat.next_seq === lease.nextSeq) return null;
  return readEvents(sql, lease.chatId, { after: lease.nextSeq - 1, limit: count });
}

/** Events after a seq, in order. */
export async function readEvents(db: Db, chatId: string, page: { after: number; limit: number }): Promise<Event[]> {
  const rows = await db<(Written & { turn_id: string | null; payload: string })[]>`
    select seq, at, turn_id, payload from events
    where chat_id = ${chatId} and seq > ${page.after} order by seq limit ${page.limit}`;
  return rows.map((row) => toEvent(chatId, row, row.turn_id, JSON.parse(row.payload) as EventBody));
}
