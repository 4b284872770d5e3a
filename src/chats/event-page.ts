import { BooError } from '../protocol/error.ts';
import type { EventPage } from '../protocol/event.ts';
import { isInLog, isMarked, logCursor, type LogCursor, seqOf } from '../protocol/log-cursor.ts';
import type { Sql } from '../store/database.ts';
import { findLogPlace, readEvents } from '../store/events.ts';
import { ask, unknownChat } from './storage.ts';

export type EventPageQuery = { limit: number } & ({ after: LogCursor } | { before: LogCursor });

/** Throws `not_found`, and `log_replaced` if the cursor is of another log than the chat has. */
export async function readEventPage(sql: Sql, chatId: string, query: EventPageQuery): Promise<EventPage> {
  const cursor = 'before' in query ? query.before : query.after;
  const seq = seqOf(cursor);
  const place = await ask(() => findLogPlace(sql, chatId, seq));
  if (!place) throw unknownChat();
  if (isMarked(cursor) && !isInLog(cursor, place)) {
    throw new BooError('log_replaced', 'The chat has another log than this cursor belongs to: read it from the start.');
  }
  const { head, logId } = place;
  const from = 'before' in query ? { before: seq } : { after: seq };
  const items = await ask(() => readEvents(sql, chatId, { ...from, limit: query.limit }));
  const [first, last] = [items[0], items.at(-1)];
  const ends = { start: first ? logCursor(logId, first) : null, end: last ? logCursor(logId, last) : null };
  if ('before' in query) return { items, next: first && first.seq > 1 ? first.seq : null, head, ...ends };
  const reached = last?.seq ?? head;
  return { items, next: reached < head ? reached : null, head, ...ends };
}
