/**
 * The contract every backend fulfils. A backend opens sessions of an agent; a session turns whatever its agent says into
 * AgentEvents. Neither touches the database: what an agent needs of it (a SessionStore) is handed in.
 *
 * Order within one turn: `session_started` first where the session is new to this process; a tool call before its
 * update and before the decision about it; exactly one `turn_finished`, last. A backend may end the stream without it
 * (the process died): whoever reads then records the turn as failed.
 */
import type { BackendName, Effort, McpServer, PermissionMode } from '../protocol/chat.ts';
import type { ContentBlock } from '../protocol/content.ts';
import type { AnswerOutcome, DecisionKind } from '../protocol/decision.ts';
import type { BooError } from '../protocol/error.ts';
import type { HoldReason } from '../protocol/hold.ts';
import type { SessionStore } from '../protocol/session-store.ts';
import type { AgentTerminal } from '../terminal/agent-terminal.ts';
import type { AgentBody, AgentDirectory, DeltaBody, TurnError, TurnOutcome, Usage } from '../protocol/event.ts';
import { noUsage } from '../protocol/usage.ts';

/** Tokens and cost of one model, as a delta of one turn. */
export type ModelCost = Usage & { costUsd: number };

/** What was spent since it was last told, over all models and by each. */
export interface SessionCost {
  costUsd: number;
  models: Record<string, ModelCost>;
}

/** Requests to the model by their ids. */
export type CountedRequests = ReadonlySet<string> | 'all';

/** Gathers what stored entries of a transcript say of a turn that nobody lived to finish. */
export interface TurnTraces {
  /** One entry, as its JSON text. */
  add(json: string): void;
  /** What its requests to the model used, in tokens: in dollars nothing is known. */
  readonly seen: Record<string, Usage>;
  /** The same without the requests that were counted elsewhere. */
  readonly spent: Record<string, Usage>;
  /** The ids of tool calls that have a result. */
  readonly finishedCalls: ReadonlySet<string>;
}

export type AgentEvent =
  | AgentBody
  | DeltaBody
  | {
      type: 'decision_requested';
      /** Made by the backend, a UUID. */
      decisionId: string;
      kind: DecisionKind;
      /** The tool that wants to run, by its own name; a form has none. */
      toolName?: string | undefined;
      toolCallId?: string | undefined;
      title: string;
      input: Record<string, unknown>;
      canAllowAlways: boolean;
      /** What `allow_always` would have the agent remember, in words; empty where it would remember nothing. */
      alwaysScope: string[];
    }
  /** The agent no longer waits for the answer: it was interrupted, or was answered elsewhere. */
  | { type: 'decision_resolved'; decisionId: string; outcome: AnswerOutcome | 'cancelled'; by: string }
  | {
      type: 'turn_finished';
      outcome: TurnOutcome;
      error?: TurnError | undefined;
      usage: Usage;
      costUsd: number;
      /** Per model, the same turn's share; the parts add up to `costUsd`. */
      models: Record<string, ModelCost>;
      /**
       * The agent ended without a result. What its requests used is counted from the transcript, which is in the store as
       * far as there is any; but not these, by their ids or those of their messages: they are in the numbers here, or in
       * those of a turn before. `all`: the agent's own count is in the numbers.
       */
      uncounted?: { except: CountedRequests } | undefined;
      /** The agent had the prompt, although it told nothing of it. */
      isTaken?: boolean | undefined;
      /** It failed by what would fail any other prompt too. */
      obstacle?: Obstacle | undefined;
    };

/** Why no prompt can be answered just now. */
export interface Obstacle {
  reason: HoldReason;
  /** When it will be over, ISO 8601, where the agent was told. */
  resetsAt?: string | undefined;
}

export type AgentEventOf<T extends AgentEvent['type']> = Extract<AgentEvent, { type: T }>;

/** The end of a turn that the agent gave no result for. */
export function endWithoutResult(outcome: TurnOutcome, error?: BooError): AgentEventOf<'turn_finished'> {
  return {
    type: 'turn_finished',
    outcome,
    ...(error ? { error: { code: error.code, message: error.message } } : {}),
    usage: noUsage,
    costUsd: 0,
    models: {},
  };
}

export interface AgentPrompt {
  /** A UUID of this turn; the agent echoes it, so that results are matched to what asked for them. */
  turnId: string;
  content: ContentBlock[];
}

/** A session that no process is in. */
export interface StoredSession {
  sessionId: string;
  cwd: string;
  sessionStore: SessionStore;
}

/** A prompt whose turn has ended, or was left. */
export interface BegunPrompt extends AgentPrompt {
  /** Of these entries of its session’s transcript, by their uuids, those that were stored before its turn began. */
  storedBefore(uuids: readonly string[]): Promise<ReadonlySet<string>>;
}

export interface SessionRewind {
  sessionStore: SessionStore;
  cwd: string;
  /** Session ids, UUIDs. */
  from: string;
  to: string;
  prompts: readonly AgentPrompt[];
}

export interface AgentSessionSpec {
  /** For the log: whose session it is. */
  chatId: string;
  /** Ours, a UUID. A session that the store already knows is resumed, any other is begun under this id. */
  sessionId: string;
  cwd: string;
  /** Where the agent was last told to work; null while it was told nowhere but in `cwd`. */
  agentDirectory: AgentDirectory | null;
  /** Null leaves the choice to the agent, whatever the session had before. */
  model: string | null;
  /** Null leaves it to the agent. */
  effort: Effort | null;
  permissionMode: PermissionMode;
  /** Whether the directory's own settings, hooks and MCP servers may be loaded, as they are now. */
  trusted: boolean;
  /** Whether agents of other sessions on the machine may begin turns in this one. */
  acceptsAgentMessages: boolean;
  /** What was trusted. Without it the directory is taken as it is found. */
  directory?: DirectoryContent | undefined;
  /** Where the transcript is mirrored, entry by entry; already bound to the chat and its lease. */
  sessionStore: SessionStore;
  /** Turns that the agent begins by itself, for example when a background task ends. */
  onUnprompted(events: AsyncIterable<AgentEvent>): void;
  /** What the agent says between turns, for example that a background task has ended. */
  onEvent(event: AgentBody): void;
  /**
   * What the session has cost beyond what its turns told, as a share of its own. Resolves once it is stored, and never
   * rejects; a backend that learns of it only at the end waits for that before `close` resolves.
   */
  onCost(cost: SessionCost): Promise<void>;
  /**
   * What the agent has counted for a session that goes on, by model: its totals begin with it. Called before its process
   * starts; rejects where it could not be compared with what is booked, and then the session does not open.
   */
  onResumed?(counted: Readonly<Record<string, ModelCost>>): Promise<void>;
  /** The agent is at work in its turn, although there is nothing to tell, as while a model thinks. */
  onSign?(): void;
  /** Its MCP servers, as far as the agent tells, whenever one has another state. What has failed is told by a notice as well. */
  onMcpServers?(servers: readonly McpServer[]): void;
  /** The session's process is gone, other than through `close`. The session must be opened anew. */
  onLost(cause: BooError): void;
}

/** A file that an agent would load, or run, in a directory that is trusted. */
export interface DirectoryFile {
  /** As seen from the directory. */
  path: string;
  sha256: string;
  /** Null where it is no text, or a long one. */
  text: string | null;
}

/** All that a directory brings along for an agent. */
export interface DirectoryContent {
  /** The directory's real path. */
  path: string;
  /** Of the names and contents of all files. */
  digest: string;
  /** By path. */
  files: DirectoryFile[];
  /** Whether nothing was changed since it was read. Cheap, to be asked before every turn. */
  readonly isCurrent: () => boolean;
}

export interface DecisionAnswer {
  outcome: AnswerOutcome;
  /** The input to run instead of the one shown. */
  input?: Record<string, unknown> | undefined;
  message?: string | undefined;
}

/** A field of an answer, and what it must be. */
export interface AnswerProblem {
  field: string;
  message: string;
}

/** `settled`: nothing waits for the answer any more, and an event that says so is on its way. */
export type AnswerCheck = 'fine' | 'settled' | AnswerProblem;

export interface BackendCapabilities {
  /** Text streams in while it is made. */
  deltas: boolean;
  /** A terminal can be attached. */
  terminal: boolean;
  /** Prompts may hold images. */
  images: boolean;
}

/** One session of an agent, with a living process, from its opening to its end. */
export interface AgentSession {
  /**
   * One turn, from a prompt to its `turn_finished`. One at a time: throws `chat_busy`; once the session has ended,
   * `agent_failed`.
   */
  prompt(prompt: AgentPrompt): AsyncIterable<AgentEvent>;

  /**
   * Before an answer is stored: whether the agent would do just what it says, with the edited input as it is, or with what
   * was shown.
   */
  checkAnswer(decisionId: string, answer: DecisionAnswer): Promise<AnswerCheck>;

  /** The rules that `allow_always` would have the agent keep in the directory's own settings, as they stand there then. */
  keptRules?(decisionId: string): readonly string[];

  /** Settles a decision that this session asked for; false when nothing waits for it any more. */
  resolve(decisionId: string, answer: DecisionAnswer): boolean;

  /**
   * Ends the running turn, which then finishes as `interrupted`. A session that does not obey within the time limit is
   * closed, and its turn ends all the same. Without a running turn nothing happens.
   */
  interrupt(): Promise<void>;

  /** For the turns to come. Null leaves the choice to the agent. */
  setModel(model: string | null): Promise<void>;
  /**
   * For the turns to come. Null leaves it to the agent. Resolves with false where only a session that is opened anew takes
   * it.
   */
  setEffort(effort: Effort | null): Promise<boolean>;
  /** At once, in the middle of a turn too. Resolves with the mode that is in force then, which may be another one. */
  setPermissionMode(mode: PermissionMode): Promise<PermissionMode>;
  /** At once; a terminal in the middle of a turn follows at the turn's end. */
  setAcceptsAgentMessages(accepts: boolean): Promise<void>;

  /** True while the session has work that closing would kill: background tasks, or a transcript not yet stored. */
  readonly isBusy: boolean;

  /** Where the backend has the capability. */
  readonly terminal?: AgentTerminal;

  /** Ends the session in order: its transcript is complete in the store when this resolves. Idempotent. */
  close(): Promise<void>;
}

/** Runs sessions of an agent. Which chat has which session, it does not know. */
export interface AgentBackend {
  readonly name: BackendName;
  readonly capabilities: BackendCapabilities;

  /**
   * Starts or resumes the agent's process, and resolves when it can take a prompt. The caller has at most one session of
   * an id. Throws BooError `agent_failed` or `cwd_invalid`. Aborted, it rejects once no process is left.
   */
  openSession(spec: AgentSessionSpec, signal?: AbortSignal): Promise<AgentSession>;

  /**
   * Whether the transcript of a session that is closed shows that this prompt reached the agent. Without it nobody can tell,
   * and the prompt counts as asked.
   */
  wasAsked?(session: StoredSession, prompt: BegunPrompt): Promise<boolean>;

  /** Closes every session that is still open; no process of theirs is left. Idempotent. */
  dispose(): Promise<void>;
}
