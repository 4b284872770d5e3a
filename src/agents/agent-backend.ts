/**
 * The contract every backend fulfills. A backend opens sessions of an agent; a session turns the agent's output into
 * AgentEvents. Neither touches the database: what an agent needs of it (a SessionStore) is passed in.
 *
 * Order within one turn: `session_started` first if the session is new to this process; a tool call before its update
 * and before the decision about it; exactly one `turn_finished`, last. A backend may end the stream without it (the
 * process died): the caller then records the turn as failed.
 */
import type { BackendName, Effort, McpServer, PermissionMode } from '../protocol/chat.ts';
import type { ContentBlock } from '../protocol/content.ts';
import type { AnswerOutcome, DecisionAnswer, DecisionKind } from '../protocol/decision.ts';
import type { BooError } from '../protocol/error.ts';
import type { HoldReason } from '../protocol/hold.ts';
import type { SandboxMode, SandboxNetworkMode } from '../protocol/sandbox.ts';
import type { SessionStore } from '../protocol/session-store.ts';
import type { SideFileStore } from '../protocol/side-files.ts';
import type { AgentTerminal } from '../terminal/agent-terminal.ts';
import type { AgentBody, AgentDirectory, DeltaBody, TurnError, TurnOutcome, Usage } from '../protocol/event.ts';
import { noUsage } from '../protocol/usage.ts';
import type { CountedRequests, ModelCost, SessionCost, SpendingLimit } from './agent-usage.ts';

export type { DecisionAnswer };
export type { CountedRequests, ModelCost, SessionCost, SpendingLimit, TurnTraces } from './agent-usage.ts';

export type AgentEvent =
  | AgentBody
  | DeltaBody
  | {
      type: 'decision_requested';
      /** A UUID, created by the backend. */
      decisionId: string;
      kind: DecisionKind;
      /** The agent's name for the tool that wants to run. A form has none. */
      toolName?: string | undefined;
      toolCallId?: string | undefined;
      /** If a sub-agent asks: the agent's own call that started it. */
      subagentCallId?: string | undefined;
      title: string;
      input: Record<string, unknown>;
      canAllowAlways: boolean;
      /** What `allow_always` would make the agent remember, in words; empty if nothing. */
      alwaysScope: string[];
    }
  /** The agent no longer waits for the answer: it was interrupted or answered elsewhere. */
  | { type: 'decision_resolved'; decisionId: string; outcome: AnswerOutcome | 'cancelled'; by: string }
  | {
      type: 'turn_finished';
      outcome: TurnOutcome;
      error?: TurnError | undefined;
      usage: Usage;
      costUsd: number;
      /** The turn's share by model; the parts add up to `costUsd`. */
      models: Record<string, ModelCost>;
      /**
       * The agent ended without a result. The usage of its requests is counted from the stored transcript, except for
       * these, identified by request id or message id: the numbers here, or those of an earlier turn, include them
       * already. `all`: the numbers here are the agent's own count.
       */
      uncounted?: { except: CountedRequests } | undefined;
      /** The agent received the prompt, although it reported nothing about it. */
      isTaken?: boolean | undefined;
      /** It failed for a reason that would also fail any other prompt. */
      obstacle?: Obstacle | undefined;
      /**
       * Its process is gone, but these decisions can still be answered: another process of the session can take up
       * their calls.
       */
      keptDecisionIds?: readonly string[] | undefined;
    };

/** Why prompts cannot be answered for now. */
export interface Obstacle {
  reason: HoldReason;
  /** When it ends, ISO 8601, if the agent knows. */
  resetsAt?: string | undefined;
}

export type AgentEventOf<T extends AgentEvent['type']> = Extract<AgentEvent, { type: T }>;

/** The end of a turn without a result from the agent. */
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
  /** The turn's UUID. The agent echoes it, which matches results to prompts. */
  turnId: string;
  content: ContentBlock[];
}

/** A session without a running process. */
export interface StoredSession {
  sessionId: string;
  cwd: string;
  sessionStore: SessionStore;
}

/** A prompt whose turn has ended or was abandoned. */
export interface BegunPrompt extends AgentPrompt {
  /** Which of these transcript entries, given by uuid, were stored before the prompt's turn started. */
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
  /** For the log: the session's chat. */
  chatId: string;
  /** Our UUID. A session that the store knows is resumed; otherwise a new one starts under this id. */
  sessionId: string;
  cwd: string;
  /** The last working directory reported by the agent; null while it has reported none but `cwd`. */
  agentDirectory: AgentDirectory | null;
  /** Null leaves the choice to the agent, whatever the session used before. */
  model: string | null;
  /** Null leaves the choice to the agent. */
  effort: Effort | null;
  permissionMode: PermissionMode;
  /** Whether the directory's own settings, hooks and MCP servers, in their current form, may be loaded. */
  trusted: boolean;
  /** Whether agents of other sessions on the machine may start turns in this one. */
  acceptsAgentMessages: boolean;
  /** The content that was trusted. Without it the directory is used as found. */
  directory?: DirectoryContent | undefined;
  /** What the chat asks for; the server may ask for more. Null or missing leaves it to the server. */
  sandbox?: SandboxMode | null | undefined;
  /** Further variables of its process. They are in nothing that is stored. */
  variables?: Readonly<Record<string, string>> | undefined;
  /** What it asks for in a sandbox; the server may allow less. */
  sandboxNetwork?: SandboxNetworkMode | null | undefined;
  /** Where the transcript is mirrored, entry by entry; already bound to the chat and its lease. */
  sessionStore: SessionStore;
  /**
   * Where the agent's other files for the session are kept, for another host; bound like the session store. Without it
   * they stay on this host.
   */
  sideFiles?: SideFileStore | undefined;
  /** Turns that the agent starts by itself, for example when a background task ends. */
  onUnprompted(events: AsyncIterable<AgentEvent>): void;
  /**
   * Continues with this call. Its turn is already announced by `onUnprompted` when `openSession` resolves. Throws
   * `agent_failed` if the call cannot be continued.
   */
  continues?: ContinuedCall | undefined;
  /**
   * The agent continues the session's last turn, which a process did not survive, without a prompt. Like a continued call
   * it is already announced by `onUnprompted` when `openSession` resolves. It fails with `agent_failed` if the agent does
   * not continue. Only where the backend has the capability.
   */
  continuesTurn?: boolean | undefined;
  /** What the agent reports between turns, for example that a background task has ended. */
  onEvent(event: AgentBody): void;
  /**
   * What the session has cost beyond its turns, as a delta. Resolves once it is stored, and never rejects. A backend
   * that learns of it only at the end waits for it before `close` resolves.
   */
  onCost(cost: SessionCost): Promise<void>;
  /**
   * The agent's totals by model for a session that is resumed; its counting continues from them. Called before the
   * process starts. If it rejects, because the totals could not be compared with what is booked, the session does not
   * open.
   */
  onResumed?(counted: Readonly<Record<string, ModelCost>>): Promise<void>;
  /** The agent is working on its turn but has nothing to report, for example while a model thinks. */
  onSign?(): void;
  /** A request to the model is being made or answered: the agent has done its own part for now. */
  onRequest?(): void;
  /**
   * The session's MCP servers as the agent reports them, whenever the state of one changes. Failures also appear as
   * notices.
   */
  onMcpServers?(servers: readonly McpServer[]): void;
  /** Whether something that was said is not stored yet. */
  isStoring?(): boolean;
  /** What the agent has scheduled for itself, or cancelled, once the transcript that says so is stored. */
  onScheduled?(change: ScheduledChange): void;
  /** When the chat's last turn began. What was scheduled since then may not have been noted. */
  lastTurnAt?(): Promise<Date | null>;
  /**
   * The agent's process is about to give its agent these words, which nobody here has sent. With true it does not: the agent
   * has scheduled them, and the chat gives them as a prompt.
   */
  isScheduled?(words: string): Promise<boolean>;
  /** Without it there is no limit to what the agent may spend. */
  spending?: SpendingLimit | undefined;
  /** The session's process ended without `close`. A new session must be opened. */
  onLost(cause: BooError): void;
}

/** A prompt that the agent has scheduled for itself, by the agent's own name for it. */
export type ScheduledChange =
  | {
      is: 'added';
      key: string;
      prompt: string;
      /** When it is due first, as the agent said. */
      nextAt: Date;
      /** Of one that recurs: its pattern in local time, how much later than that it is due, and until when. */
      recurs?: { cron: string; laterMs: number; until: Date | null } | undefined;
      /** What begins with this is replaced by it. */
      replaces?: string | undefined;
    }
  /** That, or all whose names begin with it and a colon. */
  | { is: 'removed'; key: string };

/** A question about a session, for a process of its own that has a copy of what is stored of it. */
export interface AsideSpec extends Pick<
  AgentSessionSpec,
  'chatId' | 'sessionId' | 'cwd' | 'model' | 'effort' | 'sessionStore'
> {
  question: string;
  /** Its process has started. */
  onRequest(): void;
  /** Resolves once it is stored. */
  onCost(cost: SessionCost): Promise<void>;
}

/** A file that an agent would load or run in a trusted directory. */
export interface DirectoryFile {
  /** Relative to the directory. */
  path: string;
  sha256: string;
  /** Null if it is long or not text. */
  text: string | null;
}

/** Everything in a directory that an agent would load or run. */
export interface DirectoryContent {
  /** The directory's real path. */
  path: string;
  /** Covers the names and contents of all files. */
  digest: string;
  /** Sorted by path. */
  files: DirectoryFile[];
  /** Whether nothing has changed since it was read. Cheap enough to call before every turn. */
  readonly isCurrent: () => boolean;
}

/** An invalid field of an answer, and what it must be. */
export interface AnswerProblem {
  field: string;
  message: string;
}

/** `settled`: nothing waits for the answer anymore, and the event that reports this will follow. */
export type AnswerCheck = 'fine' | 'settled' | AnswerProblem;

/** A call from an earlier process of the session, which now has its answer. */
export interface ContinuedCall {
  toolCallId: string;
  answer: DecisionAnswer;
  /**
   * The call starts a sub-agent over, and the answer is for what the sub-agent asks again: the same tool with the same
   * input.
   */
  asksAgain?: AskedCall | undefined;
  /** Other calls of the session that wait for a person, or have an answer that their agent has yet to get. */
  waitingCallIds: readonly string[];
  /** Calls of its turn whose results are in the log already, even if the agent's transcript lacks them. */
  finishedCallIds: readonly string[];
  /**
   * The agent is about to get the answer, and the call may run. The agent waits until this resolves. `rules` are those
   * that it keeps in the directory's settings with this answer, as in `keptRules`.
   */
  onAsked(rules?: readonly string[]): Promise<void>;
}

/** What a person was asked about a tool call. */
export interface AskedCall {
  toolName: string;
  input: Record<string, unknown>;
}

export interface BackendCapabilities {
  /** Text streams while it is generated. */
  deltas: boolean;
  /** A terminal can be attached. */
  terminal: boolean;
  /** Prompts may contain images. */
  images: boolean;
  /** Decisions outlive the process that asked: the backend has `canContinue`, and its sessions `suspend`. */
  durableDecisions: boolean;
  /** A turn that its process did not survive can be continued by another one: sessions have `leaveTurn`. */
  continuesTurns: boolean;
}

/** One agent session with a running process, from opening to end. */
export interface AgentSession {
  /**
   * Runs one turn, from a prompt to its `turn_finished`. Throws `chat_busy` during another turn, and `agent_failed`
   * once the session has ended.
   */
  prompt(prompt: AgentPrompt): AsyncIterable<AgentEvent>;

  /**
   * Hands over a prompt while it is being stored, if the agent can keep it to itself that long: it asks no model and runs
   * no tool before `isStored` resolves with true. With false, or if that rejects, the turn ends without any of it.
   * Undefined if the prompt must be stored first. The events must be taken to the end.
   */
  promptAhead?(prompt: AgentPrompt, isStored: Promise<boolean>): AsyncIterable<AgentEvent> | undefined;

  /**
   * Called before an answer is stored: checks that the agent would do exactly what the answer says, with the edited
   * input unchanged or with the input that was shown.
   */
  checkAnswer(decisionId: string, answer: DecisionAnswer): Promise<AnswerCheck>;

  /**
   * The rules that `allow_always` would make the agent store in the directory's own settings, as they would appear
   * there.
   */
  keptRules?(decisionId: string): readonly string[];

  /** Settles a decision that this session requested; false if nothing waits for it anymore. */
  resolve(decisionId: string, answer: DecisionAnswer): boolean;

  /**
   * Ends the running turn, which finishes as `interrupted`. A session that does not react within the time limit is
   * closed, which also ends its turn. Does nothing without a running turn.
   */
  interrupt(): Promise<void>;

  /** Applies from the next turn. Null leaves the choice to the agent. */
  setModel(model: string | null): Promise<void>;
  /**
   * Applies from the next turn. Null leaves the choice to the agent. Resolves with false if only a new session can
   * apply it.
   */
  setEffort(effort: Effort | null): Promise<boolean>;
  /** Applies immediately, even during a turn. Resolves with the mode that is now in effect, which may differ. */
  setPermissionMode(mode: PermissionMode): Promise<PermissionMode>;
  /** Applies immediately; a terminal that runs a turn applies it at the turn's end. */
  setAcceptsAgentMessages(accepts: boolean): Promise<void>;

  /** True while closing the session would destroy work: background tasks, or a transcript that is not stored yet. */
  readonly isBusy: boolean;

  /** Its program goes on by itself when a usage limit resets that has stopped its turn, unless it is closed before. */
  readonly retriesAtReset?: boolean;

  /**
   * Milliseconds until the agent is told what it has scheduled, 0 if that is overdue; null if nothing is. It ends with the
   * process. Missing on engines that do not say.
   */
  readonly wakesInMs?: number | null;

  /** It will tell its agent something that only it can, which ends with the process. */
  readonly hasOwnSchedule?: boolean;

  /**
   * It cannot tell its own words from a person's: what the agent has scheduled is given once the process was about to tell it
   * (`isScheduled`), or does not.
   */
  readonly tellsFirst?: boolean;

  /**
   * Answers a question from the session's context, without tools, also during a turn. Neither becomes part of the session;
   * what it costs is part of the session's totals. Throws `model_error`. Present if the backend says so.
   */
  askAside?(question: string, signal: AbortSignal): Promise<string>;

  /** Present if the backend has the capability. */
  readonly terminal?: AgentTerminal;

  /** Opened only for the call or the turn that it continues: the next turn should get a fresh process. */
  readonly isForOneCall?: boolean;

  /**
   * Ends the process in the middle of a turn that waits for a decision, without a word to the agent, so that another
   * process can take up the call. The turn ends as `interrupted`. Resolves with false if nothing waits, or if a question
   * would be lost, and then does nothing. Present if the backend can continue calls.
   */
  suspend?(): Promise<boolean>;

  /**
   * Ends the process in the middle of a turn, which ends as `interrupted`, without having the agent interrupt it: for the
   * agent it is unfinished, and another process can continue it. Resolves with false without a running turn. Present if
   * the backend has the capability.
   */
  leaveTurn?(): Promise<boolean>;

  /** Ends the session cleanly: its transcript is fully stored when this resolves. Idempotent. */
  close(): Promise<void>;
}

/** Runs sessions of an agent. It does not know which chat a session belongs to. */
export interface AgentBackend {
  readonly name: BackendName;
  readonly capabilities: BackendCapabilities;
  /** Its sessions have `askAside`. */
  readonly answersAsides?: boolean;

  /**
   * Answers a question from a copy of the session, without tools, whatever the session itself is doing; nothing of the copy
   * is left. What a running turn has not stored yet is missing in it. Throws `model_error`, `agent_failed`, `cwd_invalid`, or
   * the signal's reason.
   */
  answerAside?(spec: AsideSpec, signal: AbortSignal): Promise<string>;

  /**
   * Starts or resumes the agent's process, and resolves when it can take a prompt. The caller has at most one open
   * session per id. Throws BooError `agent_failed` or `cwd_invalid`. If aborted, it rejects once no process is left.
   */
  openSession(spec: AgentSessionSpec, signal?: AbortSignal): Promise<AgentSession>;

  /**
   * Whether the transcript of a closed session shows that this prompt reached the agent. Without this method nobody can
   * tell, and the prompt counts as asked.
   */
  wasAsked?(session: StoredSession, prompt: BegunPrompt): Promise<boolean>;

  /**
   * Whether a call that a person was asked about can be continued by another process: it has not run, and the session
   * has not moved on. Without this method decisions end with the process that asked.
   */
  readonly canContinue?: ((session: StoredSession, toolCallId: string) => Promise<boolean>) | undefined;

  /** `checkAnswer` for a decision that no open session waits for. */
  checkKeptAnswer?(asked: AskedCall, answer: DecisionAnswer): Promise<AnswerCheck>;

  /** Closes every open session; none of their processes is left. Idempotent. */
  dispose(): Promise<void>;
}
