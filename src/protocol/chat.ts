import { z } from 'zod';
import { hold } from './hold.ts';

/** Of an agent or a backend: which there are is in `GET /v1/info`. */
export const registeredName = z.string().regex(/^[a-z][a-z0-9_]{0,31}$/, 'must be a name as in GET /v1/info');
export const permissionModes = ['default', 'acceptEdits', 'plan', 'dontAsk', 'auto', 'bypassPermissions'] as const;
export const efforts = ['low', 'medium', 'high', 'xhigh', 'max'] as const;
/** What a flip does with a turn that runs: wait for its end, end it, or not flip. */
export const runningChoices = ['finish', 'interrupt', 'refuse'] as const;
export const chatStates = ['cold', 'warming', 'ready', 'running', 'waiting', 'failed'] as const;

export type AgentName = string;
export type BackendName = string;
export type PermissionMode = (typeof permissionModes)[number];
export type Effort = (typeof efforts)[number];
export type RunningChoice = (typeof runningChoices)[number];
export type ChatState = (typeof chatStates)[number];
export const waitKinds = ['model', 'tool', 'person', 'rate_limit', 'sign_in', 'background'] as const;
export const mcpServerStatuses = ['connected', 'pending', 'failed', 'needs_auth', 'disabled'] as const;

// Postgres keeps no NUL in text, and no name needs one.
const noNul = (value: string): boolean => !value.includes('\u0000');

export const title = z.string().trim().min(1).max(200).refine(noNul, 'must not hold a NUL character');
export const modelName = z
  .string()
  .trim()
  .min(1)
  .max(200)
  .regex(/^\P{Cc}+$/u, 'must be printable');

/** A chat in which nothing has happened for a while, or that tries again, says what it waits for. */
export const waitsFor = z
  .object({
    for: z.enum(waitKinds),
    /** Since the last sign of it; of a tool since its call, of a person since they were asked. */
    since: z.iso.datetime(),
    /** Which tool, what a person is asked, what runs in the background: one line. Null of a model. */
    what: z.string().nullable(),
    /** The model API failed, and is asked again. Null where nothing failed. */
    retry: z
      .object({
        /** The attempt that comes next, from 1 on; null where the agent does not count. */
        attempt: z.int().nullable(),
        maxAttempts: z.int().nullable(),
        /** When it is made, or was. */
        at: z.iso.datetime().nullable(),
        /** What went wrong, in a few words. */
        reason: z.string(),
      })
      .nullable(),
  })
  .meta({ id: 'WaitsFor' });
export type WaitsFor = z.infer<typeof waitsFor>;

/** An MCP server, as the agent says. */
export const mcpServer = z
  .object({
    name: z.string(),
    status: z.enum(mcpServerStatuses),
    /** Why it failed, where that was said. */
    error: z.string().nullable(),
  })
  .meta({ id: 'McpServer' });
export type McpServer = z.infer<typeof mcpServer>;

export const chat = z
  .object({
    id: z.uuid(),
    title: z.string(),
    /** Absolute path of the working directory, symbolic links resolved. */
    cwd: z.string(),
    /** Where the agent works now; of a chat whose agent does not run, where it goes on. Absolute path. */
    currentDirectory: z.string(),
    agent: registeredName,
    backend: registeredName,
    /** The model asked for; null leaves the choice to the agent. */
    model: z.string().nullable(),
    /** The effort asked for; null leaves it to the agent. A model that has no such level takes the nearest below, or none. */
    effort: z.enum(efforts).nullable(),
    permissionMode: z.enum(permissionModes),
    /** True when the directory's own settings, hooks and instructions may be loaded. */
    trusted: z.boolean(),
    /** Whether agents of other sessions on the machine may begin turns here, by a message. */
    acceptsAgentMessages: z.boolean(),
    state: z.enum(chatStates),
    /** Null while the chat moves on, and where it has nothing to do. */
    waitsFor: waitsFor.nullable(),
    /**
     * The MCP servers of the agent that runs, from its first turn on: on the SDK all of them, of the terminal program those
     * that it tells its model about. Null where none is known.
     */
    mcpServers: z.array(mcpServer).nullable(),
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

const directory = z.string().min(1).max(4096).refine(noNul, 'must not hold a NUL character');

export const createChat = z
  .strictObject({
    cwd: directory,
    title: title.optional(),
    agent: registeredName.optional(),
    backend: registeredName.optional(),
    model: modelName.optional(),
    effort: z.enum(efforts).optional(),
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
    effort: z.enum(efforts).nullable().optional(),
    permissionMode: z.enum(permissionModes).optional(),
    trusted: z.boolean().optional(),
    acceptsAgentMessages: z.boolean().optional(),
    resumeAtReset: z.boolean().optional(),
    archived: z.boolean().optional(),
    /** A flip: the chat goes on with this backend, in the same session. It happens between turns. */
    backend: registeredName.optional(),
    /**
     * The chat goes on in this directory, an absolute path, in the same session. It happens between turns. Trust is by
     * directory and does not come along: `trusted` becomes false unless the same patch sets it.
     */
    cwd: directory.optional(),
    /**
     * With `backend` or `cwd`: what becomes of a running turn, or of other work that the change would end, such as a
     * background task. `finish` answers once it is done and the chat is changed, as long as the client waits; prompts that
     * wait run afterwards. `refuse` is the default.
     */
    running: z.enum(runningChoices).optional(),
  })
  .refine((patch) => Object.keys(patch).some((field) => field !== 'running'), 'must change at least one field')
  .refine(({ running, backend, cwd }) => running === undefined || backend !== undefined || cwd !== undefined, {
    path: ['running'],
    message: 'goes with backend or cwd only',
  })
  .meta({ id: 'PatchChat' });
export type PatchChat = z.infer<typeof patchChat>;

export const chatPage = z.object({ items: z.array(chat), next: z.string().nullable() }).meta({ id: 'ChatPage' });
export type ChatPage = z.infer<typeof chatPage>;
