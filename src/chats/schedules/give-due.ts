/**
 * Gives the prompts of a chat's schedules that are due. The statement that stores a prompt also moves its schedule on, under
 * the chat's epoch: whoever dies, and whichever host does it, each is given once.
 */
import { randomUUID } from 'node:crypto';
import type { ChatContext } from '../chat-context.ts';
import type { Write } from '../../store/events.ts';
import { findPrompt } from '../../store/prompts.ts';
import { changeSchedule, type DueRow, endSchedule, findDue } from '../../store/schedules.ts';
import { type NameAfter, naming, promptAcceptance } from '../prompt-acceptance.ts';
import { recurrenceOf } from './schedule-edits.ts';
import { judge } from './schedule-times.ts';

type Parts = Pick<ChatContext, 'sql' | 'log' | 'settings'>;

/** `isLeft` says which are left to somebody else for now. True if anything was due. */
export async function giveDue(parts: Parts, isLeft: (row: DueRow) => boolean = () => false): Promise<boolean> {
  const { sql, log, settings } = parts;
  const giveNext = (name: NameAfter) =>
    log.appendIf(async () => {
      const due = await log.ask(() => findDue(sql, log.lease.chatId));
      const next = due.find((row) => !isLeft(row));
      return next ? passage(parts, next, name) : null;
    });
  let wasDue = false;
  while (await naming(settings, giveNext)) wasDue = true;
  return wasDue;
}

/** What is written when it is due. */
async function passage({ sql, log }: Parts, row: DueRow, name: NameAfter): Promise<Write> {
  const { lease } = log;
  const { is, nextAt } = judge({ ...row, recurrence: recurrenceOf(row) });
  const { id: scheduleId, content, actor } = row;
  const dueAt = row.nextAt.toISOString();
  if (is !== 'given') {
    const body = { type: 'schedule_skipped', scheduleId, content, reason: is, dueAt } as const;
    return {
      events: [{ body: { ...body, nextAt: nextAt?.toISOString() ?? null } }],
      side: (db) => [nextAt ? changeSchedule(db, lease, scheduleId, { nextAt }) : endSchedule(db, lease, row)],
    };
  }
  const usualId = `schedule:${scheduleId}:${row.nextAt.getTime()}`;
  // A client may have taken it.
  const promptId = (await log.ask(() => findPrompt(sql, lease.chatId, usualId))) ? randomUUID() : usualId;
  const prompt = { id: promptId, content: [{ type: 'text' as const, text: content }], actor };
  const schedule = { scheduleId, madeBy: row.agentKey === null ? 'person' : 'agent', dueAt } as const;
  const write = promptAcceptance(log, prompt, name(prompt), { schedule });
  const given = { at: row.nextAt, promptId };
  return {
    ...write,
    side: (db) => [
      ...(write.side?.(db) ?? []),
      nextAt ? changeSchedule(db, lease, scheduleId, { nextAt, given }) : endSchedule(db, lease, row, given),
    ],
  };
}
