/**
 * A position in a chat's log, after one of its events: the event's seq, and a mark that tells this event from any other
 * with the same seq. The mark is the log's id, which whoever replaces a log renews, and the event's own time, because a
 * database can also be set back by means that renew nothing (a snapshot, recovery to a point in time, a lagging replica).
 * Two logs with the same event at a position are the same up to there, since a log only ever grows: so only the event at
 * the cursor is compared. The mark is opaque to clients. A bare seq is a cursor too, of which only the seq is checked.
 */
export type LogCursor = number | string;

const markChars = 8;

/** The cursor after this event. */
export function logCursor(logId: string, { seq, at }: { seq: number; at: string }): string {
  return `${seq}-${logId.slice(0, markChars)}${Date.parse(at).toString(36)}`;
}

/** Whether a marked cursor is of this log: `at` is the time of the log's event with the cursor's seq, if it has one. */
export const isInLog = (cursor: string, { logId, at }: { logId: string; at: string | null }): boolean =>
  at !== null && logCursor(logId, { seq: seqOf(cursor), at }) === cursor;

export const seqOf = (cursor: LogCursor): number => (typeof cursor === 'number' ? cursor : Number.parseInt(cursor, 10));

export const isMarked = (cursor: LogCursor): cursor is string => typeof cursor === 'string' && cursor.includes('-');

/** A marked cursor, as text. */
export const markedCursor = /^(0|[1-9]\d{0,15})-[0-9a-z]{1,64}$/;
