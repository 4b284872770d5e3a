import { z } from 'zod';
import { principal } from './principal.ts';

export const decisionKinds = ['permission', 'question', 'plan', 'form'] as const;
export const answerOutcomes = ['allow', 'allow_always', 'deny'] as const;
/** `cancelled`: interrupted, or the turn that asked has ended and its call cannot be continued. */
export const decisionOutcomes = [...answerOutcomes, 'cancelled'] as const;

export type DecisionKind = (typeof decisionKinds)[number];
export type AnswerOutcome = (typeof answerOutcomes)[number];
export type DecisionOutcome = (typeof decisionOutcomes)[number];

export const decision = z
  .object({
    id: z.uuid(),
    chatId: z.uuid(),
    turnId: z.uuid().nullable(),
    kind: z.enum(decisionKinds),
    title: z.string(),
    /** What will run, exactly: the tool's input. For a form, what the MCP server asks for: see `formOf`. */
    input: z.record(z.string(), z.unknown()),
    /**
     * The tool that wants to run, by its own name, for example `Bash`. Null for a form, and for decisions stored before
     * this field existed.
     */
    toolName: z.string().nullable(),
    /** The id of its call, as in the event `tool_call`. */
    toolCallId: z.string().nullable(),
    /**
     * If a sub-agent asks: the agent's own call that started it. If its process ends before the answer, the sub-agent
     * starts over once this is allowed, and the answer applies when it asks for the same tool with the same input.
     */
    subagentCallId: z.string().nullable(),
    /** True if the agent would remember `allow_always`. */
    canAllowAlways: z.boolean(),
    /** What it would remember, and for how long, in words: one line per item. */
    alwaysScope: z.array(z.string()),
    status: z.enum(['pending', 'resolved']),
    requestedAt: z.iso.datetime(),
    resolvedAt: z.iso.datetime().nullable(),
    outcome: z.enum(decisionOutcomes).nullable(),
    /** Who settled it: a person's name; `agent`, `host` or `terminal`; of old ones without `principal`, a client's label. */
    by: z.string().nullable(),
    /** The person, if the server knows who it was. */
    principal: principal.nullable(),
    /** What their client calls itself: its own word, which proves nothing. */
    via: z.string().nullable(),
  })
  .meta({ id: 'Decision' });
/** Something only a person can settle: a permission, a question, a plan, or an MCP server's form. */
export type Decision = z.infer<typeof decision>;

export const decisionPage = z
  .object({ items: z.array(decision), next: z.string().nullable() })
  .meta({ id: 'DecisionPage' });
export type DecisionPage = z.infer<typeof decisionPage>;

export const answerDecision = z
  .strictObject({
    outcome: z.enum(answerOutcomes),
    /**
     * With `allow`: the tool's complete input, edited, which runs exactly as given. One identical to the input shown
     * counts as none. A question's answers and a form's values also go here.
     */
    input: z.record(z.string(), z.unknown()).optional(),
    /** With `deny`: the message for the agent. */
    message: z.string().trim().min(1).max(10_000).optional(),
  })
  .refine((answer) => answer.outcome !== 'deny' || answer.input === undefined, {
    path: ['input'],
    message: 'is valid with allow or allow_always only',
  })
  .refine((answer) => answer.outcome === 'deny' || answer.message === undefined, {
    path: ['message'],
    message: 'is valid with deny only',
  })
  .meta({ id: 'AnswerDecision' });
export type AnswerDecision = z.infer<typeof answerDecision>;

/** An answer as it is stored, and given to the agent. */
export interface DecisionAnswer {
  outcome: AnswerOutcome;
  /** Replaces the input that was shown. */
  input?: Record<string, unknown> | undefined;
  message?: string | undefined;
}
