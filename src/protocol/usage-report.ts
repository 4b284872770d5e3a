/** What chats have used, by day, chat, directory or model. */
import { z } from 'zod';
import { type UsageGroup, usageGroups } from './usage-groups.ts';

const numbers = {
  inputTokens: z.number(),
  outputTokens: z.number(),
  cacheReadInputTokens: z.number(),
  cacheCreationInputTokens: z.number(),
  costUsd: z.number(),
  /** How many of the tokens have no price yet, so that their dollars are missing. */
  unpricedTokens: z.number(),
};

export const usageTotals = z.object(numbers).meta({ id: 'UsageTotals' });
export type UsageTotals = z.infer<typeof usageTotals>;

export const usageRow = z
  .object({
    /** The day (`2027-01-31`), the chat's id, the directory or the model; null for dollars that belong to no model. */
    key: z.string().nullable(),
    /** Of a chat; null if it has been deleted. */
    title: z.string().nullable().optional(),
    ...numbers,
  })
  .meta({ id: 'UsageRow' });
export type UsageRow = z.infer<typeof usageRow>;

export const usageReport = z
  .object({
    group: z.enum(usageGroups),
    /** Inclusive. */
    from: z.iso.datetime(),
    /** Exclusive. */
    to: z.iso.datetime(),
    /** In which the days are. */
    timeZone: z.string(),
    /** Days in their order, those without usage included; everything else by cost, the highest first. */
    items: z.array(usageRow),
    /** The sum of what has no row because there would be too many: `count` rows with less cost, or earlier days. */
    other: z.object({ count: z.int(), ...numbers }).nullable(),
    /** Of everything in this time. */
    total: usageTotals,
  })
  .meta({ id: 'UsageReport' });
export type UsageReport = z.infer<typeof usageReport>;

export interface UsageQuery {
  group?: UsageGroup | undefined;
  /** A day, which begins in the time zone, or a time. */
  from?: string | undefined;
  /** Exclusive. */
  to?: string | undefined;
  timeZone?: string | undefined;
  limit?: number | undefined;
}
