import type { Actor } from '../../protocol/principal.ts';
import type { CreateSchedule, PatchSchedule, Schedule, SchedulePage } from '../../protocol/schedule.ts';

/** Prompts for later. Methods throw `not_found` for an unknown chat or schedule. */
export interface ChatSchedules {
  /** Throws `invalid_request` for times that do not come, and beyond a hundred in one chat. */
  create(actor: Actor, chatId: string, input: CreateSchedule): Promise<Schedule>;
  /** Those that are due first; paused ones last. */
  list(chatId: string): Promise<Schedule[]>;
  /** Of all chats, the newest first. `after` is the `next` of the page before. */
  listAll(page: { after?: string | undefined; limit: number; visibleTo?: string | undefined }): Promise<SchedulePage>;
  patch(actor: Actor, chatId: string, scheduleId: string, patch: PatchSchedule): Promise<Schedule>;
  remove(actor: Actor, chatId: string, scheduleId: string): Promise<void>;
}
