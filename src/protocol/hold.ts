/**
 * Why a chat's queue is held: a failure that was not the prompt's fault and would also fail the next one. Prompts keep
 * waiting until a person resumes the queue, or, if the chat is set to, until a limit resets. A usage limit that says when it
 * resets holds the queue even if nothing waits: the chat is parked. A spent budget holds it until the budget allows more.
 */
import { z } from 'zod';
import { spentBudget } from './budget.ts';

export const holdReasons = [
  'usage_limit', // a rate or usage limit of the account
  'sign_in', // the agent is not signed in, or its key was rejected
  'billing', // no credit, or an account on hold
  'model_unavailable', // the model API is overloaded, failing, or unreachable, after the program's own retries
  'model_not_found', // the chat's model does not exist, or is not available to the account
  'directory', // the working directory is missing
  'agent', // the agent's process cannot start, or dies before it takes a prompt
  'storage', // a disk or the database accepts no writes
  'context', // the last input is larger than the model accepts, and so is everything after it, until it is rewound
  'crashes', // the host died each time this prompt was starting
  'budget_spent', // a budget is spent; `budget` says which
] as const;
export type HoldReason = (typeof holdReasons)[number];

const facts = {
  reason: z.enum(holdReasons),
  /** One sentence for people, with what to do. */
  message: z.string(),
  /** When the limit resets, if that is known. */
  resetsAt: z.iso.datetime().nullable(),
  /** When the queue resumes automatically; null if only a person can resume it. */
  resumesAt: z.iso.datetime().nullable(),
  /** The prompt whose turn failed, if it can be sent again; null if the failed prompt itself is waiting. */
  promptId: z.string().nullable(),
  /** Whether resuming sends that prompt again by default: nothing was said or done in its turn. */
  sendsAgain: z.boolean(),
  /**
   * The limit stopped a turn that had begun: resuming has the agent continue it, by a prompt of the host, unless the failed
   * prompt is sent again instead, or neither is wanted.
   */
  continues: z.literal(true).optional(),
  /** With `budget_spent`. When it allows again, for whatever reason, the queue resumes automatically. */
  budget: spentBudget.optional(),
};

/** The body of `queue_held`. */
export const queueHeld = z.object({ type: z.literal('queue_held'), ...facts });

export const hold = z.object({ ...facts, since: z.iso.datetime() }).meta({ id: 'Hold' });
export type Hold = z.infer<typeof hold>;

export const resumeQueue = z
  .strictObject({
    /**
     * Whether the prompt whose turn failed runs again, before the waiting ones. Default: the hold's `sendsAgain`. With false,
     * the turn is not continued either.
     */
    sendAgain: z.boolean().optional(),
  })
  .meta({ id: 'ResumeQueue' });
export type ResumeQueue = z.infer<typeof resumeQueue>;
