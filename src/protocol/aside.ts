/** A question beside the conversation: the agent answers it from what it knows, and forgets both. */
import { z } from 'zod';

export const askAside = z
  .strictObject({
    question: z
      .string()
      .max(20_000)
      .refine((text) => text.trim() !== '', 'must not be empty')
      .refine((text) => !text.includes('\u0000'), 'must not contain a NUL character'),
  })
  .meta({ id: 'AskAside' });
export type AskAside = z.infer<typeof askAside>;

export const asideAnswer = z.object({ answer: z.string() }).meta({ id: 'AsideAnswer' });
export type AsideAnswer = z.infer<typeof asideAnswer>;
