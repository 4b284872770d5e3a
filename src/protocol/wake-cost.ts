/** What the next prompt of a chat costs before it says anything: its context is sent to the model again. */
import { z } from 'zod';

export const cacheStates = ['live', 'ended', 'unknown'] as const;

/** Why there is no price. */
export const noPriceReasons = [
  'no_context', // nothing was sent yet, or it is not known what the agent still remembers
  'other_model', // the model was changed since, and what it costs is not known
  'not_learned', // the agent has not yet reported what such tokens of this model cost
] as const;

export const wakeCost = z
  .object({
    /** The model that has answered last, as the agent counts it. */
    model: z.string().nullable(),
    /** Tokens in the context after the last answer, which the next prompt sends with its own; null if unknown. */
    contextTokens: z.int().nullable(),
    /** When they were sent last. */
    sentAt: z.iso.datetime().nullable(),
    cache: z.object({
      /** Whether the model's provider still has them in its cache, as far as it said for how long it keeps them. */
      state: z.enum(cacheStates),
      /** When it ends, or ended. */
      endsAt: z.iso.datetime().nullable(),
    }),
    /** An estimate in US dollars, from what the agent has reported about the same model; null if there is none. */
    costUsd: z.number().nullable(),
    /** Why there is none. */
    noPrice: z.enum(noPriceReasons).nullable(),
  })
  .meta({ id: 'WakeCost' });
export type WakeCost = z.infer<typeof wakeCost>;
