/**
 * The event contract. A durable event is a fact in a chat's log, numbered by the chat's own dense `seq`; a delta is a
 * preview of an unfinished event and never the record. Content events use the terms of the Agent Client Protocol's
 * session updates; life-cycle events are ours.
 */
import { z } from 'zod';
import { efforts, permissionModes, registeredName, shownSettings } from './chat.ts';
import { contentBlock, textBlock } from './content.ts';
import { decisionKinds, decisionOutcomes } from './decision.ts';
import { errorCodes } from './error.ts';
import { forkedFrom } from './fork.ts';
import { queueHeld } from './hold.ts';
import { hostMove } from './host.ts';
import { doneBy, settledBy } from './principal.ts';
import { scheduleBodies, scheduleOrigin } from './schedule.ts';

/** Set on what a sub-agent said or did: the id of the tool call that started it. */
const parentToolCallId = z.string().optional();

/** The message was cut off: its turn ended while it streamed, and this is what had arrived. */
const isPartial = z.literal(true).optional();

export const toolKinds = ['read', 'edit', 'delete', 'move', 'search', 'execute', 'think', 'fetch', 'other'] as const;

export const toolCallContent = z
  .discriminatedUnion('type', [
    z.object({ type: z.literal('content'), content: contentBlock }),
    z.object({
      type: z.literal('diff'),
      path: z.string(),
      /** Null for a new file. */
      oldText: z.string().nullable(),
      newText: z.string(),
    }),
  ])
  .meta({ id: 'ToolCallContent' });
export type ToolCallContent = z.infer<typeof toolCallContent>;

/**
 * The origin of text that no person wrote: an agent of another session, one of the agent's own sub-agents, a prompt the
 * agent scheduled, a background task, or the program and what is connected to it.
 */
export const incomingKinds = ['teammate', 'sub_agent', 'wake_up', 'background_task', 'other'] as const;
export type IncomingKind = (typeof incomingKinds)[number];

/** Tokens of one turn across all models and sub-agents, as counted by the agent. */
export const usage = z
  .object({
    inputTokens: z.number(),
    outputTokens: z.number(),
    cacheReadInputTokens: z.number(),
    cacheCreationInputTokens: z.number(),
  })
  .meta({ id: 'Usage' });
export type Usage = z.infer<typeof usage>;

export const turnError = z.object({ code: z.enum(errorCodes), message: z.string() }).meta({ id: 'TurnError' });
export type TurnError = z.infer<typeof turnError>;
export const turnOutcomes = ['completed', 'interrupted', 'failed'] as const;
export type TurnOutcome = (typeof turnOutcomes)[number];

/** What an agent says and does. Emitted by a backend. */
const agentBodies = [
  z.object({
    type: z.literal('session_started'),
    sessionId: z.string(),
    backend: registeredName,
    model: z.string().nullable(),
  }),
  z.object({
    /** What a person typed to the agent in its own terminal, so it is not a prompt of the chat. */
    type: z.literal('user_message'),
    messageId: z.string(),
    content: z.array(contentBlock),
  }),
  z.object({
    /** Text that reached the agent without a person writing it: it started this turn, or arrived during it. */
    type: z.literal('incoming_message'),
    messageId: z.string(),
    origin: z.object({
      kind: z.enum(incomingKinds),
      /** Who sent it, by the name they give themselves; missing if they give none. */
      name: z.string().optional(),
    }),
    content: z.array(contentBlock),
  }),
  z.object({
    type: z.literal('agent_message'),
    messageId: z.string(),
    content: z.array(contentBlock),
    parentToolCallId,
    isPartial,
  }),
  z.object({
    type: z.literal('agent_thought'),
    messageId: z.string(),
    content: z.array(contentBlock),
    parentToolCallId,
    isPartial,
  }),
  z.object({
    type: z.literal('tool_call'),
    toolCallId: z.string(),
    /** One line for people, for example the command. */
    title: z.string(),
    kind: z.enum(toolKinds),
    /** The tool's own name, for example `Bash`. */
    toolName: z.string(),
    rawInput: z.unknown(),
    parentToolCallId,
  }),
  z.object({
    type: z.literal('tool_call_update'),
    toolCallId: z.string(),
    status: z.enum(['completed', 'failed']),
    content: z.array(toolCallContent),
    rawOutput: z.unknown(),
    parentToolCallId,
  }),
  z.object({
    type: z.literal('plan'),
    entries: z.array(
      z.object({
        content: z.string(),
        priority: z.enum(['high', 'medium', 'low']),
        status: z.enum(['pending', 'in_progress', 'completed']),
      }),
    ),
  }),
  z.object({
    type: z.literal('usage_update'),
    /** Tokens now in the context window. */
    used: z.number(),
    /** Size of the context window in tokens, if the agent reported it. */
    size: z.number().nullable(),
    /** For how long the model's provider keeps the conversation cached from now on, if it does. */
    cacheSeconds: z.int().optional(),
  }),
  z.object({
    type: z.literal('current_mode_update'),
    permissionMode: z.enum(permissionModes),
  }),
  z.object({
    /** The agent itself uses another model from now on, as after `/model`: the chat's setting follows. */
    type: z.literal('current_model_update'),
    /** As typed, if known, otherwise its full name; null leaves the choice to the agent. */
    model: z.string().nullable(),
  }),
  z.object({
    /** The agent itself uses another effort from now on, as after `/effort`: the chat's setting follows. */
    type: z.literal('current_effort_update'),
    /** Null leaves it to the agent. */
    effort: z.enum(efforts).nullable(),
  }),
  z.object({
    /**
     * The agent works in another directory from now on, as after a `cd` of its shell, or in a git worktree it entered.
     */
    type: z.literal('current_directory_update'),
    /** Absolute path. The chat's own `cwd` stays. */
    cwd: z.string(),
    /** The worktree the agent is in, where its next process will start. Null: in the chat's `cwd`. */
    worktree: z.string().nullable(),
  }),
  z.object({
    /** The agent's session was given a name, as by `/rename`: the chat's title follows. */
    type: z.literal('session_info_update'),
    title: z.string(),
  }),
  z.object({
    type: z.literal('available_commands_update'),
    commands: z.array(z.object({ name: z.string(), description: z.string() })),
  }),
  z.object({
    type: z.literal('background_tasks'),
    /** All background tasks that are currently alive; an empty list means none. Replaces the previous list. */
    tasks: z.array(z.object({ taskId: z.string(), kind: z.string(), description: z.string() })),
  }),
  z.object({
    type: z.literal('notice'),
    level: z.enum(['info', 'warning', 'error']),
    /** Stable and machine-readable, for example `compacted` or `rate_limited`. */
    code: z.string(),
    message: z.string(),
    data: z.record(z.string(), z.unknown()).optional(),
  }),
] as const;

const aboutRewind = {
  rewindId: z.uuid(),
  promptId: z.string().optional(),
  /** The rewind that is undone. */
  undoes: z.uuid().optional(),
};

/** Recorded by the chat itself. */
const lifecycleBodies = [
  z.object({
    type: z.literal('prompt_accepted'),
    promptId: z.string(),
    content: z.array(contentBlock),
    /** It comes from a schedule, and `by` is who made that. */
    schedule: scheduleOrigin.optional(),
    ...doneBy,
  }),
  /** It was waiting, and will never run. */
  z.object({ type: z.literal('prompt_cancelled'), promptId: z.string(), ...doneBy }),
  /** The waiting prompts, in their new order. */
  z.object({ type: z.literal('prompts_reordered'), promptIds: z.array(z.string()), ...doneBy }),
  z.object({
    /** The agent continues from before these prompts, oldest first, and remembers nothing of them or what followed. */
    type: z.literal('session_rewound'),
    promptIds: z.array(z.string()),
    /** The session it continues in. The previous one's content is kept. */
    sessionId: z.string(),
    ...doneBy,
  }),
  z.object({
    /** Files are taken back to before a prompt, or that is undone. Without a `files_rewound` it was cut short. */
    type: z.literal('files_rewind_started'),
    ...aboutRewind,
    /** How many files are to change. */
    count: z.int(),
    ...doneBy,
  }),
  z.object({
    type: z.literal('files_rewound'),
    ...aboutRewind,
    /** How many files have changed, and how many could not be rewound. */
    changed: z.int(),
    kept: z.int(),
    /** Lines, as far as they were counted. */
    added: z.int(),
    removed: z.int(),
    ...doneBy,
  }),
  z.object({
    /** Everything before was copied from another chat. The agent knows what was said up to the seq of `from`. */
    type: z.literal('chat_forked'),
    from: forkedFrom,
    /** The session it continues in: a copy of the other chat's. */
    sessionId: z.string(),
    ...doneBy,
  }),
  z.object({
    type: z.literal('turn_started'),
    turnId: z.uuid(),
    promptIds: z.array(z.string()),
    /** It continues this turn: with a call that was asked about there, or because the chat's `onInterrupted` says so. */
    continuesTurnId: z.uuid().optional(),
  }),
  /** Waiting prompts are not taken until `queue_resumed`, because they would only fail. */
  queueHeld,
  z.object({
    type: z.literal('queue_resumed'),
    /** By a person, or by the `host`: the limit has reset, or nothing is waiting anymore. */
    ...settledBy,
    /** Prompts that are sent again: they wait again, ahead of all others. */
    requeuedPromptIds: z.array(z.string()).optional(),
  }),
  z.object({
    type: z.literal('decision_requested'),
    decisionId: z.uuid(),
    kind: z.enum(decisionKinds),
    /** The tool that wants to run, by its own name, for example `Bash`; a form has none. */
    toolName: z.string().optional(),
    toolCallId: z.string().optional(),
    /** See `subagentCallId` of a decision. */
    subagentCallId: z.string().optional(),
    title: z.string(),
    input: z.record(z.string(), z.unknown()),
    /** True if the agent would remember the answer `allow_always`. */
    canAllowAlways: z.boolean(),
    /** What it would remember, in words: one line per item. Missing in events stored before this field existed. */
    alwaysScope: z.array(z.string()).optional(),
  }),
  z.object({
    type: z.literal('decision_resolved'),
    decisionId: z.uuid(),
    outcome: z.enum(decisionOutcomes),
    ...settledBy,
    message: z.string().optional(),
    /** What runs instead of the input shown, if the answer provided one; for a question, with its answers. */
    input: z.record(z.string(), z.unknown()).optional(),
  }),
  z.object({
    type: z.literal('chat_updated'),
    /** What changed. With another `backend` the chat was flipped, with another `cwd` it was moved. */
    ...shownSettings.partial().shape,
    /** The chat was moved to another host. */
    movedToHost: hostMove.optional(),
    ...doneBy,
  }),
  z.object({
    type: z.literal('turn_finished'),
    turnId: z.uuid(),
    outcome: z.enum(turnOutcomes),
    error: turnError.optional(),
    usage,
    costUsd: z.number(),
    /** Prompts that never reached the agent: they wait again, ahead of all others, and get another turn. */
    requeuedPromptIds: z.array(z.string()).optional(),
    /** Decisions that can still be answered, or whose answer no agent has got: another turn continues with their calls. */
    openDecisionIds: z.array(z.string()).optional(),
    /** Who interrupted the turn; missing if it was interrupted in the terminal. */
    ...doneBy,
  }),
  ...scheduleBodies,
] as const;

export const agentBody = z.discriminatedUnion('type', agentBodies);
export const eventBody = z.discriminatedUnion('type', [...agentBodies, ...lifecycleBodies]);

export const deltaBody = z.discriminatedUnion('type', [
  z.object({ type: z.literal('agent_message_chunk'), messageId: z.string(), content: textBlock, parentToolCallId }),
  z.object({ type: z.literal('agent_thought_chunk'), messageId: z.string(), content: textBlock, parentToolCallId }),
  z.object({
    type: z.literal('tool_call_chunk'),
    toolCallId: z.string(),
    title: z.string(),
    /** A further piece of the call's input, as JSON text. */
    partialInput: z.string(),
    parentToolCallId,
  }),
]);

const envelope = z.object({
  chatId: z.uuid(),
  seq: z.int().positive(),
  at: z.iso.datetime(),
  turnId: z.uuid().optional(),
});

export const event = z.intersection(envelope, eventBody).meta({ id: 'Event' });
export const delta = z
  .intersection(z.object({ chatId: z.uuid(), turnId: z.uuid().optional() }), deltaBody)
  .meta({ id: 'Delta' });

/** An event as a backend emits it: no number, no time. */
export type AgentBody = z.infer<typeof agentBody>;
export type EventBody = z.infer<typeof eventBody>;
export type EventType = EventBody['type'];
export type DeltaBody = z.infer<typeof deltaBody>;
export type Event = z.infer<typeof envelope> & EventBody;
export type Delta = { chatId: string; turnId?: string | undefined } & DeltaBody;
export type EventOf<T extends EventType> = Extract<Event, { type: T }>;
/** Where an agent works, see `current_directory_update`. */
export type AgentDirectory = Pick<EventOf<'current_directory_update'>, 'cwd' | 'worktree'>;

export const eventPage = z
  .object({
    items: z.array(event),
    /**
     * Pass it as `after` to continue reading; null at the end of the log. For a page requested with `before`: pass it
     * as `before` to read further back; null at the beginning.
     */
    next: z.int().nullable(),
    /** The seq of the newest event. */
    head: z.int(),
    /** Cursors of the first and the last item, to be passed as `before` and `after`; null without items. See `Resume`. */
    start: z.string().nullable(),
    end: z.string().nullable(),
  })
  .meta({ id: 'EventPage' });
/** Older servers give no cursors. */
export type EventPage = {
  items: Event[];
  next: number | null;
  head: number;
  start?: string | null;
  end?: string | null;
};

export const resume = z
  .object({
    type: z.literal('resume'),
    /**
     * `gap`: the cursor does not belong to this log. The feed starts over at seq 1; drop what you have. Of a cursor that
     * is only a seq, nothing but that is checked; one that the server gave also names its log.
     */
    verdict: z.enum(['ok', 'gap']),
    /** The seq of the cursor. */
    after: z.int(),
    head: z.int(),
  })
  .meta({ id: 'Resume' });
export type Resume = z.infer<typeof resume>;

/** One frame of the live feed, as seen by a client. */
export type FeedItem =
  | ({ kind: 'resume' } & Resume)
  /** `cursor` continues after the event; older servers give none. */
  | { kind: 'event'; event: Event; cursor?: string | undefined }
  | { kind: 'delta'; delta: Delta };
