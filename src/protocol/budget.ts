/** What may be spent: by one chat, by all of them on a day, and by all of them ever. */
import { z } from 'zod';

export const budgetScopes = ['chat', 'day', 'server'] as const;
export type BudgetScope = (typeof budgetScopes)[number];

/** US dollars, as the agents count them. */
export const budgetUsd = z.number().positive().max(1_000_000);

/** A budget, and what has been spent of it. */
export const spentBudget = z
  .object({
    /** The chat's own, that of a day, or that of the whole server. */
    of: z.enum(budgetScopes),
    limitUsd: z.number(),
    /** More than the limit, as far as the last requests were dearer than what was left. */
    spentUsd: z.number(),
  })
  .meta({ id: 'SpentBudget' });
export type SpentBudget = z.infer<typeof spentBudget>;

const serverBudget = z.object({
  /** Null: any amount may be spent. */
  limitUsd: z.number().nullable(),
  spentUsd: z.number(),
  /** Set through the API, for all hosts. Otherwise each host has its own setting. */
  isSet: z.boolean(),
});

/** The budgets that all chats share. */
export const budgets = z
  .object({
    /** Today, in the time zone of the server that answers. */
    day: serverBudget.extend({ resetsAt: z.iso.datetime() }),
    server: serverBudget,
  })
  .meta({ id: 'Budgets' });
export type Budgets = z.infer<typeof budgets>;

/** Null: any amount may be spent. `default`: what each host's own settings allow. */
const newLimit = z.union([budgetUsd, z.null(), z.literal('default')]);

export const patchBudgets = z
  .strictObject({
    dayUsd: newLimit.optional(),
    serverUsd: newLimit.optional(),
  })
  .refine((patch) => Object.keys(patch).length > 0, 'must change at least one field')
  .meta({ id: 'PatchBudgets' });
export type PatchBudgets = z.infer<typeof patchBudgets>;
