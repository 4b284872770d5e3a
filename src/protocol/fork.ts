/** A fork: a new chat that begins with everything that was said in another one up to an answer. */
import { z } from 'zod';

// Not from chat.ts, whose chats name what they were forked from.
export const forkedFrom = z
  .object({
    /** It may have been deleted since. */
    chatId: z.uuid(),
    /** Of the last event that both logs have: a `turn_finished`. Up to there, events have the same seq in both. */
    seq: z.int(),
  })
  .meta({ id: 'ForkedFrom' });
export type ForkedFrom = z.infer<typeof forkedFrom>;
