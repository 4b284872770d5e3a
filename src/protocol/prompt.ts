import { z } from 'zod';
import { type ContentBlock, contentBlock } from './content.ts';
import { doneBy } from './principal.ts';

/** A client-chosen id: sending a prompt twice under one id is sending it once. */
export const promptId = z
  .string()
  .regex(/^[A-Za-z0-9_.:-]{1,128}$/, 'must be 1 to 128 characters of A-Z a-z 0-9 _ . : -');

const promptText = z.string().refine((text) => text.trim() !== '', 'must not be empty');

export const submitPrompt = z
  .strictObject({
    id: promptId.optional(),
    content: z.union([
      promptText,
      z
        .array(contentBlock)
        .min(1)
        .max(100)
        .refine(
          (blocks) => blocks.some((block) => block.type === 'image' || block.text.trim() !== ''),
          'must contain text or an image',
        ),
    ]),
  })
  .meta({ id: 'SubmitPrompt' });
export type SubmitPrompt = z.infer<typeof submitPrompt>;

export const receipt = z
  .object({
    promptId: z.string(),
    chatId: z.uuid(),
    seq: z.int().positive(),
    /** Set if the chat's queue is held, so that the prompt waits until it is resumed. The chat's `hold` says why. */
    held: z.literal(true).optional(),
  })
  .meta({ id: 'Receipt' });
/** Proof that a prompt is stored. `seq` is that of its `prompt_accepted` event. */
export type Receipt = z.infer<typeof receipt>;

export const waitingPrompt = z
  .object({
    promptId: z.string(),
    /** That of its `prompt_accepted` event. */
    seq: z.int().positive(),
    content: z.array(contentBlock),
    ...doneBy,
  })
  .meta({ id: 'WaitingPrompt' });
export type WaitingPrompt = z.infer<typeof waitingPrompt>;

/** The waiting prompts, in the order they will be taken. */
export const waitingPromptList = z.object({ items: z.array(waitingPrompt) }).meta({ id: 'WaitingPromptList' });
export type WaitingPromptList = z.infer<typeof waitingPromptList>;

export const movePrompt = z
  .strictObject({
    /** The waiting prompt to take it before; null for the end of the queue. */
    before: promptId.nullable(),
  })
  .meta({ id: 'MovePrompt' });
export type MovePrompt = z.infer<typeof movePrompt>;

export const interruptResult = z
  .object({ interrupted: z.boolean(), turnId: z.string().nullable() })
  .meta({ id: 'InterruptResult' });
export type InterruptResult = z.infer<typeof interruptResult>;

/** A prompt's content as blocks, however it was given. */
export function toBlocks(content: SubmitPrompt['content']): ContentBlock[] {
  return typeof content === 'string' ? [{ type: 'text', text: content }] : content;
}
