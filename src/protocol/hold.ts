/**
 * Why a chat's queue is held: something failed that was not the prompt's own fault, and would fail the next one too. What
 * waits goes on waiting until a person resumes the queue, or until a limit resets, where that was chosen.
 */
import { z } from 'zod';

export const holdReasons = [
  'usage_limit', // a rate or usage limit of the account
  'sign_in', // the agent is not signed in, or its key is not accepted
  'billing', // no credit, or an account on hold
  'model_unavailable', // the model API is overloaded, failing, or out of reach, after the program's own retries
  'model_not_found', // the chat's model does not exist, or the account may not use it
  'directory', // the working directory is missing
  'agent', // the agent's process cannot start, or dies before it takes a prompt
  'storage', // a disk or the database takes no writes
  'context', // what was sent last is more than the model takes, and so is whatever follows it, until it is taken back
  'crashes', // the host died each time this prompt was begun
] as const;
export type HoldReason = (typeof holdReasons)[number];

const facts = {
  reason: z.enum(holdReasons),
  /** One sentence for people, with what to do. */
  message: z.string(),
  /** When the limit resets, where the failure told. */
  resetsAt: z.iso.datetime().nullable(),
  /** When the queue is resumed by itself; null where only a person does. */
  resumesAt: z.iso.datetime().nullable(),
  /** The prompt whose turn failed, where it can be sent again; null where what failed waits itself. */
  promptId: z.string().nullable(),
  /** Whether resuming sends that prompt again, unless told otherwise: nothing was said or done in its turn. */
  sendsAgain: z.boolean(),
};

/** The body of `queue_held`. */
export const queueHeld = z.object({ type: z.literal('queue_held'), ...facts });

export const hold = z.object({ ...facts, since: z.iso.datetime() }).meta({ id: 'Hold' });
export type Hold = z.infer<typeof hold>;

export const resumeQueue = z
  .strictObject({
    /** Whether the prompt whose turn failed is run again, before what waits. Default: the hold's `sendsAgain`. */
    sendAgain: z.boolean().optional(),
  })
  .meta({ id: 'ResumeQueue' });
export type ResumeQueue = z.infer<typeof resumeQueue>;
