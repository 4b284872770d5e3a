import { z } from 'zod';
import { budgetUsd } from './budget.ts';
import { forkedFrom } from './fork.ts';
import { hold } from './hold.ts';
import { workspace } from './workspace.ts';
import { sandboxModes, sandboxNetworks } from './sandbox.ts';
import { visibilities } from './sharing.ts';
import { newWorktree, worktree } from './worktree.ts';

/** Of an agent or a backend: which there are is in `GET /v1/info`. */
export const registeredName = z.string().regex(/^[a-z][a-z0-9_]{0,31}$/, 'must be a name as in GET /v1/info');
export const permissionModes = ['default', 'acceptEdits', 'plan', 'dontAsk', 'auto', 'bypassPermissions'] as const;
export const efforts = ['low', 'medium', 'high', 'xhigh', 'max'] as const;
/** What a flip does with a running turn: wait for its end, interrupt it, or refuse to flip. */
export const runningChoices = ['finish', 'interrupt', 'refuse'] as const;
/** What happens to a turn that its host did not survive: it stays interrupted, or an agent continues it by itself. */
export const interruptedChoices = ['stop', 'continue'] as const;
export const chatStates = ['cold', 'warming', 'ready', 'running', 'waiting', 'failed'] as const;

export type AgentName = string;
export type BackendName = string;
export type PermissionMode = (typeof permissionModes)[number];
export type Effort = (typeof efforts)[number];
export type RunningChoice = (typeof runningChoices)[number];
export type InterruptedChoice = (typeof interruptedChoices)[number];
export type ChatState = (typeof chatStates)[number];
export const waitKinds = ['model', 'tool', 'person', 'rate_limit', 'sign_in', 'background', 'start', 'memory'] as const;
export const mcpServerStatuses = ['connected', 'pending', 'failed', 'needs_auth', 'disabled'] as const;

// Postgres stores no NUL in text, and no name needs one.
const noNul = (value: string): boolean => !value.includes('\u0000');

export const title = z.string().trim().min(1).max(200).refine(noNul, 'must not contain a NUL character');
export const modelName = z
  .string()
  .trim()
  .min(1)
  .max(200)
  .regex(/^\P{Cc}+$/u, 'must be printable');

/** What a chat is waiting for when it has been quiet for a while, is retrying, or cannot start its agent yet. */
export const waitsFor = z
  .object({
    for: z.enum(waitKinds),
    /** Since its last sign; for a tool, since its call; for a person, since they were asked. */
    since: z.iso.datetime(),
    /**
     * Which tool, what a person is asked, what runs in the background, or why the agent cannot start yet: one line. Null for
     * a model.
     */
    what: z.string().nullable(),
    /** With `start`, which waits for other agents that start, and `memory`: its place in the host's line, from 1. */
    place: z.int().optional(),
    /** The model API failed and is being retried. Null if nothing failed. */
    retry: z
      .object({
        /** The number of the next attempt, from 1; null if the agent does not count. */
        attempt: z.int().nullable(),
        maxAttempts: z.int().nullable(),
        /** When it is made, or was made. */
        at: z.iso.datetime().nullable(),
        /** What went wrong, in a few words. */
        reason: z.string(),
      })
      .nullable(),
  })
  .meta({ id: 'WaitsFor' });
export type WaitsFor = z.infer<typeof waitsFor>;

/** An MCP server, as reported by the agent. */
export const mcpServer = z
  .object({
    name: z.string(),
    status: z.enum(mcpServerStatuses),
    /** Why it failed, if known. */
    error: z.string().nullable(),
  })
  .meta({ id: 'McpServer' });
export type McpServer = z.infer<typeof mcpServer>;

/** Of a host, as people and pins use it. */
export const hostName = z
  .string()
  .trim()
  .regex(/^[^\s\p{C}/]{1,64}$/u, 'must be 1 to 64 printable characters without spaces and slashes');

const directory = z.string().min(1).max(4096).refine(noNul, 'must not contain a NUL character');

/** The same everywhere. */
const setting = <S extends z.ZodType>(schema: S, initial: z.infer<S>) => ({
  create: schema,
  patch: schema,
  shown: schema,
  initial,
});
const effort = z.enum(efforts);
const sandbox = z.enum(sandboxModes);
const network = z.enum(sandboxNetworks);
const idleSeconds = z
  .int()
  .min(1)
  .max(7 * 24 * 3600);

/**
 * The settings of a chat: what a new chat may be given, what a patch may set, what the chat and its events show, and
 * what a new chat has if nothing was given. A new setting also needs its column in `store/chats.ts`, and a migration.
 */
const chatSettings = {
  /** Null, in the database only, until someone names the chat or its first prompt does. */
  title: { create: title, patch: title, shown: z.string(), initial: null },
  /**
   * Absolute path of the working directory, symbolic links resolved. A patch moves the chat: it continues in this
   * directory in the same session. It happens between turns. Trust belongs to a directory and is not carried along:
   * `trusted` becomes false unless the same patch sets it.
   */
  cwd: { create: directory, patch: directory, shown: z.string() },
  /** A patch is a flip: the chat continues with this backend, in the same session. It happens between turns. */
  backend: { create: registeredName, patch: registeredName, shown: registeredName },
  /** The requested model; null leaves the choice to the agent. */
  model: { create: modelName, patch: modelName.nullable(), shown: z.string().nullable(), initial: null },
  /**
   * The requested effort; null leaves it to the agent. A model without such a level uses the nearest lower one, or none.
   */
  effort: { create: effort, patch: effort.nullable(), shown: effort.nullable(), initial: null },
  permissionMode: setting(z.enum(permissionModes), 'default'),
  /** True when the directory's own settings, hooks and instructions may be loaded. */
  trusted: setting(z.boolean(), false),
  /** Whether agents of other sessions on the machine may start turns here by sending a message. */
  acceptsAgentMessages: setting(z.boolean(), false),
  /**
   * Whether a chat that a usage limit has parked goes on by itself when the limit resets: with the prompts that wait, and with
   * the turn that it stopped. A new chat has the server's own setting, which is off unless enabled.
   */
  resumeAtReset: setting(z.boolean(), false),
  /**
   * After the host of a running turn has ended, in order or not. `stop`: the turn stays interrupted. `continue`: the next
   * host has the agent continue it by itself, before prompts that wait; never one that a person interrupted, that failed,
   * or that waits for a decision, and at most twice in a row. Only on engines with the capability `continuesTurns`.
   */
  onInterrupted: setting(z.enum(interruptedChoices), 'stop'),
  /**
   * Pinned: only a host of this name runs the chat, as in `GET /v1/hosts`; null if any host may. If another one holds it,
   * it is handed over when nothing runs.
   */
  host: { create: hostName, patch: hostName.nullable(), shown: z.string().nullable(), initial: null },
  /**
   * How long the agent is kept warm without work, in seconds; null leaves it to the server. If the model's provider forgets
   * the conversation soon after that, within as long again, the agent ends just after instead.
   */
  idleSeconds: {
    create: idleSeconds.nullable(),
    patch: idleSeconds.nullable(),
    shown: z.int().nullable(),
    initial: null,
  },
  /**
   * What the chat may cost in US dollars, all of its turns, sub-agents and side questions together; null for any amount. Once
   * that is spent its model is not asked any more, and prompts wait until there is more. A new chat has the server's setting.
   */
  budgetUsd: { create: budgetUsd.nullable(), patch: budgetUsd.nullable(), shown: z.number().nullable(), initial: null },
  /**
   * Whether the agent runs in a sandbox: `preferred` where it can, `required` or not at all. Null leaves it to the server,
   * whose own setting no chat can go below. Applies from the next start of the agent, before the next turn.
   */
  sandbox: { create: sandbox.nullable(), patch: sandbox.nullable(), shown: sandbox.nullable(), initial: null },
  /**
   * What the agent reaches in a sandbox, besides the provider of its model: everything, the hosts that the server names, or
   * nothing. Null leaves it to the server, which allows no chat more than its own setting. Applies like `sandbox`.
   */
  sandboxNetwork: { create: network.nullable(), patch: network.nullable(), shown: network.nullable(), initial: null },
  /** Archived: lists show it only on request. No new chat is. */
  archived: setting(z.boolean(), false),
};

type Settings = typeof chatSettings;
export type SettingName = keyof Settings;
type NameWithInitial = { [N in SettingName]: Settings[N] extends { initial: unknown } ? N : never }[SettingName];

function shapeOf<C extends 'create' | 'patch' | 'shown'>(column: C): { [N in SettingName]: Settings[N][C] } {
  const shape = Object.entries(chatSettings).map(([name, schemas]) => [name, schemas[column]]);
  return Object.fromEntries(shape) as { [N in SettingName]: Settings[N][C] };
}

export const shownSettings = z.object(shapeOf('shown'));

/** The defaults of a new chat. */
export const initialSettings = Object.fromEntries(
  Object.entries(chatSettings).flatMap(([name, schemas]) => ('initial' in schemas ? [[name, schemas.initial]] : [])),
) as Pick<StoredSettings, NameWithInitial>;

/** The settings of a chat in the database. */
export type StoredSettings = {
  [N in SettingName]: z.infer<Settings[N]['shown']> | (N extends NameWithInitial ? Settings[N]['initial'] : never);
};

/** A host, as `GET /v1/hosts` lists it. */
export const chatHolder = z.object({ id: z.uuid(), name: z.string() });
export type ChatHolder = z.infer<typeof chatHolder>;

export const chat = z
  .object({
    id: z.uuid(),
    ...shownSettings.shape,
    agent: registeredName,
    /** What the directory is called on every host. Null for a chat of an earlier version until its agent starts again. */
    workspace: workspace.nullable(),
    /**
     * The agent's current working directory; if the agent is not running, where it will resume. Absolute path. On a host
     * where the chat's directory is somewhere else, that is not below `cwd`.
     */
    currentDirectory: z.string(),
    state: z.enum(chatStates),
    /** The host that holds the chat: only its agent works on it, until it is at rest. Null if none does. */
    holder: chatHolder.nullable(),
    /** Null while the chat is making progress, and when it has nothing to do. */
    waitsFor: waitsFor.nullable(),
    /**
     * The MCP servers of the running agent, from its first turn on: on the SDK all of them, for the terminal program
     * those it tells its model about. Null if none is known.
     */
    mcpServers: z.array(mcpServer).nullable(),
    /** How many prompts wait for their turn. */
    waiting: z.int(),
    /** Why waiting prompts are held; null if they are not. */
    hold: hold.nullable(),
    /** What the chat has cost so far, in US dollars, as counted by the agent. */
    costUsd: z.number(),
    /** Input tokens so far, cached or not, across all models and sub-agents. */
    tokensIn: z.number(),
    /** Output tokens so far. */
    tokensOut: z.number(),
    /** The seq of the newest event. */
    head: z.int(),
    /** The chat that it was forked from; null if it was not. */
    forkedFrom: forkedFrom.nullable(),
    /** Its own working tree and branch; null if it has none. */
    worktree: worktree.nullable(),
    /** Shared by chats that are attempts at the same prompt. */
    group: z.uuid().nullable(),
    createdAt: z.iso.datetime(),
    updatedAt: z.iso.datetime(),
  })
  .meta({ id: 'Chat' });
export type Chat = z.infer<typeof chat>;

/** `warming` or `ready`, unless something keeps the agent from starting now. */
export const warmedChat = chat.pick({ state: true }).meta({ id: 'WarmedChat' });
export type WarmedChat = z.infer<typeof warmedChat>;

const isolation = z.enum(['none', 'worktree']);
/** To set `bypassPermissions` and `trusted` in one request: nothing that the directory turns on would be asked about. */
const confirmBypass = z.boolean().optional();

export const createChat = z
  .strictObject(shapeOf('create'))
  .omit({ archived: true })
  .partial()
  .extend({
    cwd: chatSettings.cwd.create,
    agent: registeredName.optional(),
    /** `worktree`: the chat gets a working tree and a branch of its own, made from the repository of `cwd`. */
    isolation: isolation.optional(),
    /** Only with isolation `worktree`. */
    worktree: newWorktree.optional(),
    confirmBypass,
    /** Any id that attempts at the same prompt share. */
    group: z.uuid().optional(),
    /** Who sees it, besides its owner and those that it is shared with: nobody, or everybody with a role here. */
    visibility: z.enum(visibilities).optional(),
  })
  .meta({ id: 'CreateChat' });
export type CreateChat = z.infer<typeof createChat>;

export const patchChat = z
  .strictObject(shapeOf('patch'))
  .partial()
  .extend({
    /**
     * With `backend` or `cwd`: what to do with a running turn, or other work the change would end, such as a background
     * task. `finish` responds once it is done and the chat is changed, as long as the client waits; waiting prompts run
     * afterwards. `refuse` is the default.
     */
    running: z.enum(runningChoices).optional(),
    confirmBypass,
  })
  .refine(
    (patch) => Object.keys(patch).some((field) => !['running', 'confirmBypass'].includes(field)),
    'must change at least one field',
  )
  .refine(({ running, backend, cwd }) => running === undefined || backend !== undefined || cwd !== undefined, {
    path: ['running'],
    message: 'is valid with backend or cwd only',
  })
  .meta({ id: 'PatchChat' });
export type PatchChat = z.infer<typeof patchChat>;

/** The new chat has the other one's directory, engine and settings, as they are now. */
export const forkChat = z
  .strictObject({
    /** The seq of a `turn_finished`: the new chat knows everything up to there, and nothing after it. By default the last one. */
    at: z.int().min(1).optional(),
    /** By default the other chat's title, with `(fork)`. */
    title: title.optional(),
    /** `worktree`: the new chat gets a worktree and branch of its own, with the files as they were at the end of that turn. */
    isolation: isolation.optional(),
    /** Only with isolation `worktree`. */
    worktree: newWorktree.pick({ name: true }).optional(),
  })
  .meta({ id: 'ForkChat' });
export type ForkChat = z.infer<typeof forkChat>;

export const chatPage = z.object({ items: z.array(chat), next: z.string().nullable() }).meta({ id: 'ChatPage' });
export type ChatPage = z.infer<typeof chatPage>;
