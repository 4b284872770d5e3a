import type { EventOf } from './event.ts';

type ScheduleEvent = EventOf<
  'schedule_created' | 'schedule_paused' | 'schedule_resumed' | 'schedule_removed' | 'schedule_skipped'
>;

/** A moment in the reader's own time zone: `2027-01-31 09:00`. */
export function momentText(at: string): string {
  const date = new Date(at);
  const two = (value: number): string => String(value).padStart(2, '0');
  const day = `${date.getFullYear()}-${two(date.getMonth() + 1)}-${two(date.getDate())}`;
  const seconds = date.getSeconds() === 0 ? '' : `:${two(date.getSeconds())}`;
  return `${day} ${two(date.getHours())}:${two(date.getMinutes())}${seconds}`;
}

/** The times of a pattern, in words. */
export const patternText = (cron: string, timeZone: string): string => `${cron} (${timeZone})`;

const skippedWords = {
  missed: 'no host was there at the time',
  waiting: 'its previous prompt was still waiting',
  told: 'the agent’s program has told it already',
};

/** What has happened to a schedule, in one line, without its words and without who did it. */
export function scheduleText(event: ScheduleEvent): string {
  switch (event.type) {
    case 'schedule_created': {
      const { cron, timeZone, nextAt } = event;
      if (cron === undefined) return `a prompt is scheduled for ${momentText(nextAt)}`;
      return `a prompt is scheduled for ${patternText(cron, timeZone)}, next at ${momentText(nextAt)}`;
    }
    case 'schedule_paused':
      return 'a schedule is paused';
    case 'schedule_resumed':
      return `a schedule is resumed, next at ${momentText(event.nextAt)}`;
    case 'schedule_removed':
      return 'a schedule was removed';
    case 'schedule_skipped': {
      const why = skippedWords[event.reason];
      const next = event.nextAt === null ? '' : `; next at ${momentText(event.nextAt)}`;
      return `a schedule was skipped, due at ${momentText(event.dueAt)}: ${why}${next}`;
    }
  }
}

/** With who did it and the first words. */
export function scheduleLine(event: ScheduleEvent): string {
  const by = 'by' in event && event.by !== undefined ? ` (${event.by})` : '';
  return `${scheduleText(event)}${by}: ${event.content.trim().split('\n')[0]}`;
}

/** Before the words of a prompt that comes from a schedule. */
export function scheduledText({ by, schedule }: Pick<EventOf<'prompt_accepted'>, 'by' | 'schedule'>): string | null {
  if (!schedule) return null;
  const who = schedule.madeBy === 'agent' ? 'the agent' : (by ?? 'somebody');
  return `scheduled by ${who} for ${momentText(schedule.dueAt)}`;
}
