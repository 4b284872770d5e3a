/**
 * Edits of a chat's schedules. Like everything about them, they are writes to its log, so that each changes exactly what it
 * has read.
 */
import { randomUUID } from 'node:crypto';
import { BooError } from '../../protocol/error.ts';
import { ownTimeZone } from '../../protocol/own-time-zone.ts';
import { type Actor, doneByActor } from '../../protocol/principal.ts';
import { type CreateSchedule, maxSchedules } from '../../protocol/schedule.ts';
import type { Sql } from '../../store/database.ts';
import type { Write } from '../../store/events.ts';
import {
  changeSchedule,
  countSchedules,
  endSchedule,
  findSchedule,
  insertSchedule,
  listSchedules,
  type NewSchedule,
  passSchedule,
  type ScheduleRow,
} from '../../store/schedules.ts';
import type { ChatLog } from '../chat-log.ts';
import { assertTimeZone, firstTime, invalid, nextTime } from './schedule-times.ts';

/** Makes the write; null when there is nothing to change. */
export type ScheduleEdit = (sql: Sql, log: ChatLog) => Promise<Write | null>;

/** Throws `invalid_request`. */
export function creating(actor: Actor, input: CreateSchedule, id: string = randomUUID()): ScheduleEdit {
  return async (sql, log) => {
    const { count, now } = await log.ask(() => countSchedules(sql, log.lease.chatId));
    if (count >= maxSchedules) {
      throw new BooError('invalid_request', `A chat has at most ${maxSchedules} schedules: remove one first.`);
    }
    return creation(log, { id, actor, ...timesOf(input, now), content: input.content, missed: input.missed ?? 'run' });
  };
}

function timesOf(
  { at: given, cron: pattern, timeZone = ownTimeZone() }: CreateSchedule,
  now: Date,
): Pick<NewSchedule, 'at' | 'cron' | 'timeZone' | 'nextAt'> {
  assertTimeZone(timeZone);
  if (pattern !== undefined) {
    const cron = pattern.trim().replaceAll(/\s+/g, ' ');
    return { at: null, cron, timeZone, nextAt: firstTime({ cron, timeZone }, now) };
  }
  const at = new Date(given!);
  // Times with more digits are in another format, also in the store.
  if (!(at.getUTCFullYear() <= 9_999)) throw invalid('at', 'must be before the year 10000');
  if (at <= now) throw invalid('at', `must be in the future, and it is ${now.toISOString()} now`);
  return { at, cron: null, timeZone, nextAt: at };
}

export function creation(log: ChatLog, schedule: NewSchedule): Write {
  const { id: scheduleId, content, cron, timeZone, nextAt, actor } = schedule;
  const when = { ...(cron !== null && { cron }), timeZone };
  const madeBy = actor ? 'person' : 'agent';
  const by = actor ? doneByActor(actor) : { by: 'agent' };
  const body = {
    type: 'schedule_created',
    scheduleId,
    madeBy,
    content,
    ...when,
    nextAt: nextAt.toISOString(),
  } as const;
  return {
    events: [{ body: { ...body, ...by } }],
    side: (db) => [insertSchedule(db, log.lease, schedule)],
  };
}

/** Throws `not_found`. */
async function find(sql: Sql, log: ChatLog, id: string): Promise<ScheduleRow> {
  const found = await log.ask(() => findSchedule(sql, log.lease.chatId, id));
  if (!found) throw unknownSchedule();
  return found;
}

export const unknownSchedule = (): BooError => new BooError('not_found', 'This schedule does not exist.');

/** The pattern of one that recurs. */
export const recurrenceOf = ({ cron, timeZone, laterMs, until }: ScheduleRow) =>
  cron === null ? null : { cron, timeZone, laterMs, until };

/** Throws `not_found`. */
export function pausing(actor: Actor, id: string, isPaused: boolean): ScheduleEdit {
  return async (sql, log) => {
    const row = await find(sql, log, id);
    if (row.isPaused === isPaused) return null;
    const by = doneByActor(actor);
    const about = { scheduleId: id, content: row.content, ...by };
    if (isPaused) {
      return {
        events: [{ body: { type: 'schedule_paused', ...about } }],
        side: (db) => [changeSchedule(db, log.lease, id, { isPaused })],
      };
    }
    const { now } = await log.ask(() => countSchedules(sql, log.lease.chatId));
    const recurrence = recurrenceOf(row);
    // Its times meanwhile are those that it was paused for; one that is given once is late, and may have been missed.
    const nextAt = recurrence ? nextTime(recurrence, now) : row.nextAt;
    if (!nextAt) throw invalid('isPaused', 'it is over, and will not be due again: remove it');
    return {
      events: [{ body: { type: 'schedule_resumed', ...about, nextAt: nextAt.toISOString() } }],
      side: (db) => [changeSchedule(db, log.lease, id, { isPaused, nextAt })],
    };
  };
}

/**
 * The chat is about to be no longer archived: its patterns go on with their next times. What is to be given once, and is late
 * by now, was missed.
 */
export async function passTimes(sql: Sql, log: ChatLog): Promise<void> {
  const { chatId } = log.lease;
  const { now } = await log.ask(() => countSchedules(sql, chatId));
  for (const row of await log.ask(() => listSchedules(sql, chatId))) {
    const recurrence = recurrenceOf(row);
    if (!recurrence || row.isPaused || !row.nextAt || row.nextAt > now) continue;
    await log.ask(() => passSchedule(sql, log.lease, row.id, nextTime(recurrence, now)));
  }
}

/** Throws `not_found`. */
export function removing(actor: Actor, id: string): ScheduleEdit {
  return async (sql, log) => {
    const row = await find(sql, log, id);
    return {
      events: [{ body: { type: 'schedule_removed', scheduleId: id, content: row.content, ...doneByActor(actor) } }],
      side: (db) => [endSchedule(db, log.lease, row)],
    };
  };
}
