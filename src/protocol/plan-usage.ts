/** How much of an account's plan is used, as the agents of each host have heard last. */
import { z } from 'zod';
import { registeredName } from './chat.ts';

export const planWindow = z
  .object({
    /** `five_hour`, `seven_day`, or another one that the account has. */
    name: z.string(),
    /** The used part, from 0 to 1; null if only the status is known. */
    used: z.number().nullable(),
    /** `near`: the provider has warned. */
    status: z.enum(['ok', 'near', 'reached']),
    resetsAt: z.iso.datetime().nullable(),
    /** When the account has said so. */
    seenAt: z.iso.datetime(),
  })
  .meta({ id: 'PlanWindow' });
export type PlanWindow = z.infer<typeof planWindow>;
/** As an agent hears it. */
export type HeardWindow = Omit<PlanWindow, 'seenAt'>;

export const planUsage = z
  .object({
    /** One for each host and agent of which anything is known. What has been reset since is left out. */
    items: z.array(z.object({ host: z.string(), agent: registeredName, windows: z.array(planWindow) })),
  })
  .meta({ id: 'PlanUsage' });
export type PlanUsage = z.infer<typeof planUsage>;
