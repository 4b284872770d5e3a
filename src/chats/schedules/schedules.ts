import { randomUUID } from 'node:crypto';
import { type Actor, doneByActor } from '../../protocol/principal.ts';
import type { CreateSchedule, PatchSchedule, Schedule, SchedulePage } from '../../protocol/schedule.ts';
import { findChat } from '../../store/chats.ts';
import type { Sql } from '../../store/database.ts';
import { findSchedule, listAllSchedules, listSchedules, type ScheduleRow } from '../../store/schedules.ts';
import type { Host } from '../host.ts';
import { pageCursor } from '../page-cursor.ts';
import { ask, unknownChat } from '../storage.ts';
import type { ChatSchedules } from './chat-schedules.ts';
import { creating, pausing, removing, type ScheduleEdit, unknownSchedule } from './schedule-edits.ts';

/** The schedules of all chats, for callers. */
export class Schedules implements ChatSchedules {
  readonly #sql: Sql;
  readonly #host: Pick<Host, 'use' | 'lookSoon'>;

  constructor({ sql, host }: { sql: Sql; host: Pick<Host, 'use' | 'lookSoon'> }) {
    this.#sql = sql;
    this.#host = host;
  }

  async create(actor: Actor, chatId: string, input: CreateSchedule): Promise<Schedule> {
    const id = randomUUID();
    await this.#edit(chatId, creating(actor, input, id));
    return this.#find(chatId, id);
  }

  async list(chatId: string): Promise<Schedule[]> {
    if (!(await ask(() => findChat(this.#sql, chatId)))) throw unknownChat();
    return (await ask(() => listSchedules(this.#sql, chatId))).map(toSchedule);
  }

  async listAll({ after, limit, visibleTo }: Parameters<ChatSchedules['listAll']>[0]): Promise<SchedulePage> {
    const before = after === undefined ? null : pageCursor(after);
    const rows = await ask(() => listAllSchedules(this.#sql, { before, limit, visibleTo }));
    const last = rows.length === limit ? rows.at(-1) : undefined;
    return { items: rows.map(toSchedule), next: last ? String(last.ordinal) : null };
  }

  async patch(actor: Actor, chatId: string, id: string, { isPaused }: PatchSchedule): Promise<Schedule> {
    await this.#edit(chatId, pausing(actor, id, isPaused));
    return this.#find(chatId, id);
  }

  async remove(actor: Actor, chatId: string, id: string): Promise<void> {
    await this.#edit(chatId, removing(actor, id));
  }

  async #edit(chatId: string, edit: ScheduleEdit): Promise<void> {
    await this.#host.use(chatId, (chat) => chat.editSchedules(edit));
    this.#host.lookSoon();
  }

  async #find(chatId: string, id: string): Promise<Schedule> {
    const row = await ask(() => findSchedule(this.#sql, chatId, id));
    if (!row) throw unknownSchedule();
    return toSchedule(row);
  }
}

function toSchedule(row: ScheduleRow): Schedule {
  const { id, chatId, chatTitle, content, at, cron, timeZone, missed, isPaused, nextAt, lastAt, createdAt } = row;
  return {
    id,
    chatId,
    chatTitle,
    madeBy: row.agentKey === null ? 'person' : 'agent',
    content,
    ...(at && { at: at.toISOString() }),
    ...(cron !== null && { cron }),
    timeZone,
    missed,
    isPaused,
    nextAt: isPaused ? null : (nextAt?.toISOString() ?? null),
    lastAt: lastAt?.toISOString() ?? null,
    createdAt: createdAt.toISOString(),
    ...(row.actor ? doneByActor(row.actor) : { by: 'agent' }),
  };
}
