import { z } from 'zod';
import { hold } from './hold.ts';

export const agentNames = ['claude'] as const;
export const backendNames = ['claude_pty', 'claude_sdk'] as const;
export const permissionModes = ['default', 'acceptEdits', 'plan', 'dontAsk', 'auto', 'bypassPermissions'] as const;
/** What a flip does with a turn that runs: wait for its end, end it, or not flip. */
export const runningChoices = ['finish', 'interrupt', 'refuse'] as const;
export const chatStates = ['cold', 'warming', 'ready', 'running', 'waiting', 'failed'] as const;

export type AgentName = (typeof agentNames)[number];
export type BackendName = (typeof backendNames)[number];
export type PermissionMode = (typeof permissionModes)[number];
export type RunningChoice = (typeof runningChoices)[number];
export type ChatState = (typeof chatStates)[number];

// Postgres keeps no NUL in text, and no name needs one.
const noNul = (value: string): boolean => !value.includes('\u0000');

export const title = z.string().trim().min(1).max(200).refine(noNul, 'must not hold a NUL character');
export const modelName = z
  .string()
  .trim()
  .min(1)
  .max(200)
  .regex(/^\P{Cc}+$/u, 'must be printable');

export const chat = z
  .object({
    id: z.uuid(),
    title: z.string(),
    /** Absolute path of the working directory, symbolic links resolved. */
    cwd: z.string(),
    agent: z.enum(agentNames),
    backend: z.enum(backendNames),
    /** The model asked for; null leaves the choice to the agent. */
    model: z.string().nullable(),
    permissionMode: z.enum(permissionModes),
    /** True when the directory's own settings, hooks and instructions may be loaded. */
    trusted: z.boolean(),
    /** Whether agents of other sessions on the machine may begin turns here, by a message. */
    acceptsAgentMessages: z.boolean(),
    state: z.enum(chatStates),
    /** Put away: lists show it only to who asks for it. */
    archived: z.boolean(),
    /** How many prompts wait for their turn. */
    waiting: z.int(),
    /** Why what waits is not taken; null while it is. */
    hold: hold.nullable(),
    /** Whether a queue that a usage limit holds is resumed by itself when the limit resets. */
    resumeAtReset: z.boolean(),
    /** What the chat has cost so far, in US dollars, as the agent reckons it. */
    costUsd: z.number(),
    /** Tokens that the agent was given so far, from the cache or not, over all models and sub-agents. */
    tokensIn: z.number(),
    /** Tokens that the agent has written so far. */
    tokensOut: z.number(),
    /** The seq of the newest event. */
    head: z.int(),
    createdAt: z.iso.datetime(),
    updatedAt: z.iso.datetime(),
  })
  .meta({ id: 'Chat' });
export type Chat = z.infer<typeof chat>;

export const createChat = z
  .strictObject({
    cwd: z.string().min(1).max(4096).refine(noNul, 'must not hold a NUL character'),
    title: title.optional(),
    agent: z.enum(agentNames).optional(),
    backend: z.enum(backendNames).optional(),
    model: modelName.optional(),
    permissionMode: z.enum(permissionModes).optional(),
    trusted: z.boolean().optional(),
    acceptsAgentMessages: z.boolean().optional(),
    /** Default: the server's own setting, which is off unless it was switched on. */
    resumeAtReset: z.boolean().optional(),
  })
  .meta({ id: 'CreateChat' });
export type CreateChat = z.infer<typeof createChat>;

export const patchChat = z
  .strictObject({
    title: title.optional(),
    model: modelName.nullable().optional(),
    permissionMode: z.enum(permissionModes).optional(),
    trusted: z.boolean().optional(),
    acceptsAgentMessages: z.boolean().optional(),
    resumeAtReset: z.boolean().optional(),
    archived: z.boolean().optional(),
    /** A flip: the chat goes on with this backend, in the same session. It happens between turns. */
    backend: z.enum(backendNames).optional(),
    /**
     * With `backend`: what becomes of a running turn, or of other work that the flip would end, such as a background
     * task. `finish` answers once it is done and the chat is flipped, as long as the client waits; prompts that wait run
     * on the new backend. `refuse` is the default.
     */
    running: z.enum(runningChoices).optional(),
  })
  .refine((patch) => Object.keys(patch).some((field) => field !== 'running'), 'must change at least one field')
  .refine((patch) => patch.running === undefined || patch.backend !== undefined, {
    path: ['running'],
    message: 'goes with backend only',
  })
  .meta({ id: 'PatchChat' });
export type PatchChat = z.infer<typeof patchChat>;

export const chatPage = z.object({ items: z.array(chat), next: z.string().nullable() }).meta({ id: 'ChatPage' });
export type ChatPage = z.infer<typeof chatPage>;
