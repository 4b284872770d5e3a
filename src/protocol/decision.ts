import { z } from 'zod';
import { principal } from './principal.ts';

export const decisionKinds = ['permission', 'question', 'plan', 'form'] as const;
export const answerOutcomes = ['allow', 'allow_always', 'deny'] as const;
/** `cancelled`: the turn that asked has ended, so that nobody can answer any more. */
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
    /** What will run, exactly: the tool's input. Of a form, what the MCP server asks for: see `formOf`. */
    input: z.record(z.string(), z.unknown()),
    /** The tool that wants to run, by its own name, for example `Bash`. Null of a form, and of what was asked before this was kept. */
    toolName: z.string().nullable(),
    /** The call of it, as in the event `tool_call`. */
    toolCallId: z.string().nullable(),
    /** True when `allow_always` would be remembered by the agent. */
    canAllowAlways: z.boolean(),
    /** What it would remember, and for how long, in words: one line for each thing. */
    alwaysScope: z.array(z.string()),
    status: z.enum(['pending', 'resolved']),
    requestedAt: z.iso.datetime(),
    resolvedAt: z.iso.datetime().nullable(),
    outcome: z.enum(decisionOutcomes).nullable(),
    /** Who settled it: a person's name; `agent`, `host` or `terminal`; of old ones without `principal`, a client's label. */
    by: z.string().nullable(),
    /** The person, where it was one whom the server knows. */
    principal: principal.nullable(),
    /** What their client calls itself: its own word, which proves nothing. */
    via: z.string().nullable(),
  })
  .meta({ id: 'Decision' });
/** Something only a person can settle: a permission, a question, a plan, a form of an MCP server. */
export type Decision = z.infer<typeof decision>;

export const decisionPage = z
  .object({ items: z.array(decision), next: z.string().nullable() })
  .meta({ id: 'DecisionPage' });
export type DecisionPage = z.infer<typeof decisionPage>;

export const answerDecision = z
  .strictObject({
    outcome: z.enum(answerOutcomes),
    /**
     * With `allow`: the tool's whole input, edited, which runs as it is. One that is the same as was shown counts as none.
     * A question's answers and a form's values go here.
     */
    input: z.record(z.string(), z.unknown()).optional(),
    /** With `deny`: what the agent is told. */
    message: z.string().trim().min(1).max(10_000).optional(),
  })
  .refine((answer) => answer.outcome !== 'deny' || answer.input === undefined, {
    path: ['input'],
    message: 'goes with allow or allow_always only',
  })
  .refine((answer) => answer.outcome === 'deny' || answer.message === undefined, {
    path: ['message'],
    message: 'goes with deny only',
  })
  .meta({ id: 'AnswerDecision' });
export type AnswerDecision = z.infer<typeof answerDecision>;
