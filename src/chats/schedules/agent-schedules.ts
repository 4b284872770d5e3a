/**
 * What the agent has scheduled for itself. The program that runs it forgets that with its process, or tells it when nobody has
 * asked: so it is stored like any other schedule and given by the chat, as a prompt, and the program's own telling is blocked.
 */
import { randomUUID } from 'node:crypto';
import type { ScheduledChange } from '../../agents/agent-backend.ts';
import type { EventBody } from '../../protocol/event.ts';
import { maxSchedules } from '../../protocol/schedule.ts';
import { ownTimeZone } from '../../protocol/own-time-zone.ts';
import type { Write } from '../../store/events.ts';
import {
  changeSchedule,
  countSchedules,
  endSchedule,
  findAgentSchedules,
  findScheduledWords,
  type NewSchedule,
  type ScheduleRow,
  sweepSchedules,
} from '../../store/schedules.ts';
import type { Sql } from '../../store/database.ts';
import type { ChatContext } from '../chat-context.ts';
import { creation, recurrenceOf } from './schedule-edits.ts';
import { nextTime } from './schedule-times.ts';

type Parts = Pick<ChatContext, 'sql' | 'log'>;

/** How early the program may be. */
const aheadMs = 120_000;

/** Stores what the agent has scheduled or cancelled. What is beyond the most is left to its program; `onFull` is called then. */
export async function noteScheduled(
  { sql, log }: Parts,
  change: ScheduledChange,
  onFull: () => Write | null = () => null,
): Promise<void> {
  await log.appendIf(async () => {
    const known = await log.ask(() => findAgentSchedules(sql, log.lease.chatId));
    const goes = ({ agentKey }: ScheduleRow): boolean =>
      change.is === 'removed'
        ? agentKey === change.key || agentKey!.startsWith(`${change.key}:`)
        : change.replaces !== undefined && agentKey!.startsWith(`${change.replaces}:`);
    const gone = known.filter((row) => !row.isOver && goes(row));
    if (change.is === 'removed') return gone.length === 0 ? null : ending(log, gone);
    // Entries may be stored again.
    if (known.some(({ agentKey }) => agentKey === change.key)) return null;
    if (known.filter(({ isOver }) => !isOver).length - gone.length >= maxSchedules) return onFull();
    const { events, side } = creation(log, toSchedule(change));
    const ended = ending(log, gone);
    return {
      events: [...ended.events, ...events],
      side: (db) => [...(ended.side?.(db) ?? []), ...(side?.(db) ?? []), sweepSchedules(db, log.lease)],
    };
  });
}

/** The agent has more schedules than are stored. */
export function fullNotice(): Write {
  const message = `The agent has more than ${maxSchedules} schedules: those beyond are not stored, and end with its process.`;
  return { events: [{ body: { type: 'notice', level: 'warning', code: 'schedules_full', message } }] };
}

function toSchedule({ key, prompt, nextAt, recurs }: Extract<ScheduledChange, { is: 'added' }>): NewSchedule {
  return {
    id: randomUUID(),
    content: prompt,
    at: recurs ? null : nextAt,
    cron: recurs?.cron ?? null,
    timeZone: ownTimeZone(),
    missed: 'run',
    nextAt,
    actor: null,
    agentKey: key,
    laterMs: recurs?.laterMs,
    until: recurs?.until,
  };
}

/** By the agent. */
function ending({ lease }: ChatContext['log'], rows: readonly ScheduleRow[]): Write {
  const body = ({ id: scheduleId, content }: ScheduleRow): EventBody => ({
    type: 'schedule_removed',
    scheduleId,
    content,
    by: 'agent',
  });
  return {
    events: rows.map((row) => ({ body: body(row) })),
    side: (db) => rows.map((row) => endSchedule(db, lease, row)),
  };
}

/**
 * Whether the chat gives what the program is about to tell its agent, has given it, or is not to. The program of a fork knows
 * what the agents of the chats before it have scheduled, and those chats give it.
 */
export async function isScheduled(sql: Sql, chatId: string, words: string): Promise<boolean> {
  const known = await findScheduledWords(sql, chatId);
  return known.some((content) => content.trim() === words.trim());
}

/** The agent's process has told its agent what was due with these words: it is not given again. */
export async function noteTold({ sql, log }: Parts, words: string): Promise<void> {
  const { chatId } = log.lease;
  await log.appendIf(async () => {
    const { now } = await log.ask(() => countSchedules(sql, chatId));
    const known = await log.ask(() => findAgentSchedules(sql, chatId));
    const row = known.find(
      ({ content, isOver, isPaused, nextAt }) =>
        !isOver && !isPaused && content.trim() === words.trim() && nextAt && nextAt.getTime() - now.getTime() < aheadMs,
    );
    if (!row?.nextAt) return null;
    const recurrence = recurrenceOf(row);
    const nextAt = recurrence && nextTime(recurrence, new Date(Math.max(now.getTime(), row.nextAt.getTime())));
    const { id: scheduleId, content } = row;
    const body = {
      type: 'schedule_skipped',
      scheduleId,
      content,
      reason: 'told',
      dueAt: row.nextAt.toISOString(),
    } as const;
    return {
      events: [{ body: { ...body, nextAt: nextAt?.toISOString() ?? null } }],
      side: (db) => [nextAt ? changeSchedule(db, log.lease, scheduleId, { nextAt }) : endSchedule(db, log.lease, row)],
    };
  });
}
