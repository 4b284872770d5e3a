/** Prompts for later: at a time, or at the times of a cron pattern. */
import { z } from 'zod';
import { doneBy } from './principal.ts';

export const maxSchedules = 100;
export const maxScheduleText = 100_000;

/** What happens to times at which no host was there: the prompt runs once, however many there were, or they are skipped. */
export const missedChoices = ['run', 'skip'] as const;
const missed = z.enum(missedChoices);

const pattern = {
  /** Minute, hour, day of the month, month, day of the week: when it is given again and again. */
  cron: z.string().optional(),
  /** Of the pattern; the IANA name. */
  timeZone: z.string(),
};

export const createSchedule = z
  .strictObject({
    at: z.iso
      .datetime({ offset: true, error: 'must be a time with an offset, like 2027-01-31T09:00:00+01:00' })
      .optional(),
    cron: z.string().max(200).optional(),
    timeZone: z.string().min(1).max(100).optional(),
    content: z
      .string()
      .max(maxScheduleText)
      .refine((text) => text.trim() !== '', 'must not be empty'),
    missed: missed.default('run'),
  })
  .refine(({ at, cron }) => (at === undefined) !== (cron === undefined), {
    path: ['at'],
    message: 'must be given, or else cron, and not both',
  })
  .meta({ id: 'CreateSchedule' });
export type CreateSchedule = z.input<typeof createSchedule>;

export const patchSchedule = z.strictObject({ isPaused: z.boolean() }).meta({ id: 'PatchSchedule' });
export type PatchSchedule = z.infer<typeof patchSchedule>;

export const schedule = z
  .object({
    id: z.uuid(),
    chatId: z.uuid(),
    chatTitle: z.string().nullable(),
    /** `agent`: the agent's program has scheduled it for itself. */
    madeBy: z.enum(['person', 'agent']),
    content: z.string(),
    /** When it is given, if it is given once. */
    at: z.iso.datetime().optional(),
    ...pattern,
    missed,
    isPaused: z.boolean(),
    /** When it is due; null while it is paused. */
    nextAt: z.iso.datetime().nullable(),
    /** When it was due last and its prompt was given. */
    lastAt: z.iso.datetime().nullable(),
    createdAt: z.iso.datetime(),
    ...doneBy,
  })
  .meta({ id: 'Schedule' });
export type Schedule = z.infer<typeof schedule>;

export const scheduleList = z.object({ items: z.array(schedule) }).meta({ id: 'ScheduleList' });
export const schedulePage = z
  .object({ items: z.array(schedule), next: z.string().nullable() })
  .meta({ id: 'SchedulePage' });
export type SchedulePage = z.infer<typeof schedulePage>;

const scheduleId = z.uuid();

/** Said by the event of a prompt that comes from a schedule. */
export const scheduleOrigin = z.object({
  scheduleId,
  madeBy: z.enum(['person', 'agent']),
  /** When it was due. */
  dueAt: z.iso.datetime(),
});

/** Events about schedules. */
export const scheduleBodies = [
  z.object({
    type: z.literal('schedule_created'),
    scheduleId,
    madeBy: z.enum(['person', 'agent']),
    content: z.string(),
    ...pattern,
    nextAt: z.iso.datetime(),
    ...doneBy,
  }),
  z.object({ type: z.literal('schedule_paused'), scheduleId, content: z.string(), ...doneBy }),
  z.object({
    type: z.literal('schedule_resumed'),
    scheduleId,
    content: z.string(),
    nextAt: z.iso.datetime(),
    ...doneBy,
  }),
  z.object({ type: z.literal('schedule_removed'), scheduleId, content: z.string(), ...doneBy }),
  z.object({
    type: z.literal('schedule_skipped'),
    scheduleId,
    content: z.string(),
    /** `missed`: no host was there. `waiting`: its previous prompt still waited. `told`: the agent's program has told it. */
    reason: z.enum(['missed', 'waiting', 'told']),
    /** The first time that was skipped. */
    dueAt: z.iso.datetime(),
    /** Null: it is over. */
    nextAt: z.iso.datetime().nullable(),
  }),
] as const;
