/**
 * The interface of the chats: everything that HTTP, or any other caller, may ask for. `hosted-chats.ts` implements it.
 */
import type { AgentTerminal } from '../terminal/agent-terminal.ts';
import type { Chat, ChatPage, CreateChat, ForkChat, PatchChat, WarmedChat } from '../protocol/chat.ts';
import type { AnswerDecision, Decision, DecisionPage } from '../protocol/decision.ts';
import type { DirectoryList } from '../protocol/directory.ts';
import type { EventPage, FeedItem } from '../protocol/event.ts';
import type { LogCursor } from '../protocol/log-cursor.ts';
import type { ResumeQueue } from '../protocol/hold.ts';
import type { DrainStatus, HostInfo, MovedToHost, MoveToHost } from '../protocol/host.ts';
import type { BeginImport, ImportLines, ImportProgress, SessionImport } from '../protocol/import.ts';
import type { RewindChat, RewindResult } from '../protocol/rewind.ts';
import type { ChatTrust, GiveTrust } from '../protocol/trust.ts';
import type { Holder } from '../store/hosts.ts';
import type { SharedBudgets } from './shared-budgets.ts';
import type { Backlog } from './backlog.ts';
import type { ChatChanges } from './changes/chat-changes.ts';
import type { ChatSchedules } from './schedules/chat-schedules.ts';
import type { ChatUsage } from './usage/usage-reports.ts';
import type { ChatWorktrees } from './worktrees/chat-worktrees.ts';
import type { Limits } from './limits/limits.ts';
import type { EventPageQuery } from './event-page.ts';
import type { HealthReason, Info } from '../protocol/info.ts';
import type { Actor } from '../protocol/principal.ts';
import type { InterruptResult, MovePrompt, Receipt, SubmitPrompt, WaitingPromptList } from '../protocol/prompt.ts';

export { Backlog } from './backlog.ts';
export type { Holder } from '../store/hosts.ts';
export type { AgentTerminal, TerminalFrame, TerminalViewer } from '../terminal/agent-terminal.ts';

/**
 * Why a reader ended. `behind`: it exceeded its bounded buffer. `closing`: the host drains. `closed`: the reader's
 * owner closed it.
 */
export type ReaderEnd = 'behind' | 'deleted' | 'closing' | 'closed';

/** Which chats. */
export interface ChatQuery {
  after?: string | undefined;
  limit: number;
  archived?: boolean | undefined;
  /** Only attempts of this group. */
  group?: string | undefined;
  /** Text in the title or in messages, case-insensitive. */
  q?: string | undefined;
  /** Only those that this person may see. */
  visibleTo?: string | undefined;
  /** Abort it when the caller no longer waits: the search is then canceled, and throws `query_timeout`. */
  signal?: AbortSignal | undefined;
}

/** `created` is false for an id that was stored before. */
export interface SubmittedPrompt {
  receipt: Receipt;
  created: boolean;
}

/** Who creates a chat; nobody but an owner may do so without saying. The signal gives it up. */
export interface Creating {
  actor?: Actor | undefined;
  signal?: AbortSignal | undefined;
}

/** Which chat a request is about. */
export type Subject = { chatId: string } | { decisionId: string };

/** Where a reader begins. */
export interface FollowFrom {
  /** After the last event that the client has. */
  after: LogCursor;
  /** Readers of one client may share a backlog, which then limits what is queued for all of them. */
  backlog?: Backlog | undefined;
  onlyIfHeld?: boolean | undefined;
}

/** What watchers are notified of about the chats, whichever host holds them. */
export type ChatNotification =
  { type: 'chat'; chat: Chat } | { type: 'chat_deleted'; chatId: string } | { type: 'decision'; decision: Decision };

/** One client following a chat's events: `resume` first, then history after the cursor, then live. */
export interface Reader {
  /**
   * Ends when the reader is closed, the chat is deleted, the host drains, or the reader exceeded its bounded buffer. A
   * client continues with its cursor.
   */
  readonly items: AsyncIterable<FeedItem>;
  /** Present once it has ended. */
  readonly end: ReaderEnd | undefined;
  /** Idempotent. */
  close(): void;
}

/** An entry of a session's transcript. */
export interface TranscriptLine {
  sessionId: string;
  /** '' for the session's own transcript, else a sub-agent's path below it. */
  subpath: string;
  /** The entry's JSON text, as it was stored. */
  json: string;
}

export interface StoredTranscript {
  chatId: string;
  /** The session that the chat continues with; null before its first prompt. */
  sessionId: string | null;
  cwd: string;
  /** Its entries first, then those of the chat's earlier sessions. Read on demand. */
  pages: AsyncIterable<TranscriptLine[]>;
}

/** The handing over of this host's chats, on purpose. */
export interface Draining {
  /**
   * The host takes no chats from here on. Running turns may finish within the limit, the host's own unless given.
   * Resolves when it holds none, or when that is cancelled. Called again, it only sets another limit.
   */
  start(limitMs?: number): Promise<void>;
  readonly status: DrainStatus;
  /** The host takes chats again. */
  cancel(): Promise<void>;
}

/**
 * Methods throw BooError: `not_found` for an unknown chat, decision or import, `storage_unavailable`, `shutting_down`.
 * Methods that record who did something take that `actor` first.
 */
export interface Chats {
  /**
   * Throws `cwd_invalid`, `backend_unavailable`, `forbidden`, and `worktree_refused` if it is to have a worktree. The signal
   * gives it up.
   */
  createChat(input: CreateChat, creating?: Creating): Promise<Chat>;
  /**
   * Newest first, all of them unless `archived` is given. `after` is the `next` of the page before. Throws `query_timeout`.
   */
  listChats(page: ChatQuery): Promise<ChatPage>;
  getChat(chatId: string): Promise<Chat>;
  /**
   * With a backend or a directory in the patch the session is closed first: between turns, and only then is everything
   * stored. Throws `backend_unavailable`, `cwd_invalid`, and `chat_busy` if a turn is running and the patch does not
   * say what happens to it. Aborting the signal cancels a waiting change, which throws its reason.
   */
  patchChat(
    actor: Actor,
    chatId: string,
    patch: PatchChat,
    options?: { signal?: AbortSignal | undefined },
  ): Promise<Chat>;
  /**
   * Moves the chat to another host: between turns, in the same session. Throws `host_unavailable`, and `chat_busy` if a
   * turn is running and the request does not say what happens to it. The signal cancels a waiting move.
   */
  moveToHost(
    actor: Actor,
    chatId: string,
    request: MoveToHost,
    options?: { signal?: AbortSignal },
  ): Promise<MovedToHost>;
  /** What the agent would load from the chat's directory, and what of it has changed since it was trusted. */
  readTrust(chatId: string): Promise<ChatTrust>;
  /** What has changed in chats' directories, and what people do about it. */
  readonly changes: Pick<ChatChanges, 'list' | 'diff' | 'watch' | 'stage' | 'unstage' | 'discard' | 'undo' | 'commit'>;
  /** Chats' own working trees. */
  readonly worktrees: ChatWorktrees;
  /** Prompts for later. */
  readonly schedules: ChatSchedules;
  /** What all of them have used. */
  readonly usage: ChatUsage;
  /** What prompts cost before they say anything, and what of accounts' plans is used. */
  readonly limits: Pick<Limits, 'wakeCost' | 'planUsage'>;
  /** Trusts exactly that content of the chat's directory. Throws `trust_refused` if the directory has changed since. */
  giveTrust(actor: Actor, chatId: string, trust: GiveTrust): Promise<ChatTrust>;
  /**
   * A new chat that begins with everything said in this one up to the end of a turn. Throws `invalid_request` if that is not
   * one, or cannot be continued from.
   */
  forkChat(actor: Actor, chatId: string, fork: ForkChat, signal?: AbortSignal): Promise<Chat>;
  /** Ends the agent's session and deletes everything. A running turn is interrupted. */
  deleteChat(actor: Actor, chatId: string): Promise<void>;

  /** Resolves once the prompt is stored. Throws `prompt_conflict`. */
  submitPrompt(actor: Actor, chatId: string, prompt: SubmitPrompt): Promise<SubmittedPrompt>;
  interrupt(actor: Actor, chatId: string): Promise<InterruptResult>;
  /** Starts the chat's agent for a prompt that is likely to come, and does not wait for it. Throws `chat_elsewhere`. */
  warmAhead(chatId: string): Promise<WarmedChat>;
  /** Resumes a held queue; does nothing to one that is not held. */
  resumeQueue(actor: Actor, chatId: string, choice: ResumeQueue): Promise<Chat>;
  /**
   * Between turns. Throws `not_found` if nothing is too long, `invalid_request` for a prompt that the agent does not
   * know; of files `changes_unavailable`, `files_changed`, and `chat_busy` while another chat works in them.
   */
  rewind(actor: Actor, chatId: string, rewind: RewindChat): Promise<RewindResult>;

  /**
   * The agent's answer to a question beside the conversation, also while a turn runs. Neither is stored. Throws
   * `aside_unavailable`, `agent_failed`, `model_error`.
   */
  askAside(chatId: string, question: string, options: { signal: AbortSignal }): Promise<string>;

  /** The waiting prompts, in the order in which they will run. */
  listPrompts(chatId: string): Promise<WaitingPromptList>;
  /** Throws `prompt_taken` if its turn has started. Canceling a canceled prompt changes nothing. */
  cancelPrompt(actor: Actor, chatId: string, promptId: string): Promise<void>;
  /** Throws `prompt_taken` if it is no longer waiting. Returns all waiting prompts. */
  movePrompt(actor: Actor, chatId: string, promptId: string, to: MovePrompt): Promise<WaitingPromptList>;

  /** With `before`: the newest of those before it. Throws `log_replaced` if the cursor is of another log. */
  readEvents(chatId: string, page: EventPageQuery): Promise<EventPage>;
  /** Throws `chat_elsewhere` if only what is held here may be followed, and another host or none holds the chat. */
  follow(chatId: string, cursor: FollowFrom): Promise<Reader>;
  /** Calls the listener for every chat that is created, changed or deleted, on any host, and for every decision. */
  watch(listener: (notification: ChatNotification) => void): {
    /** The chats of this host that are not cold, as they are now. */
    warm: Chat[];
    /** Those that other hosts hold. What the listener was told meanwhile is newer. */
    warmElsewhere(): Promise<Chat[]>;
    /** Idempotent. */
    close(): void;
  };
  readTranscript(chatId: string): Promise<StoredTranscript>;

  /** The terminal of the chat's agent, which is started if necessary. Throws `terminal_unavailable`, `agent_failed`. */
  openTerminal(chatId: string): Promise<AgentTerminal>;

  listDecisions(page: {
    status?: 'pending' | 'resolved' | undefined;
    chatId?: string | undefined;
    /** Only of chats that this person may see. */
    visibleTo?: string | undefined;
    after?: string | undefined;
    limit: number;
  }): Promise<DecisionPage>;
  /** The first answer wins. Throws `decision_settled` with the winner in `details.decision`. */
  answerDecision(actor: Actor, decisionId: string, answer: AnswerDecision): Promise<Decision>;

  /** Throws `session_taken`, `cwd_invalid`, `backend_unavailable`. */
  beginImport(input: BeginImport, actor?: Actor): Promise<SessionImport>;
  /** Works until the import is finished or removed. */
  readImport(importId: string): Promise<ImportProgress>;
  addImportLines(importId: string, lines: ImportLines): Promise<void>;
  /** The chat created from it. Throws `session_taken`. */
  finishImport(importId: string): Promise<Chat>;
  removeImport(importId: string): Promise<void>;

  /** The directories on this machine whose paths start with this. */
  listDirectories(prefix: string): Promise<DirectoryList>;
  /**
   * The other host that holds a chat; null if this one does, if nobody does, or if there is no such chat. With `seen` it may
   * be one that held it two seconds ago, which costs no query: what is sent to a host that no longer holds the chat is refused.
   */
  findHolder(of: Subject, how?: { seen: boolean }): Promise<Holder | null>;
  /**
   * Another host that takes chats and has an address: the one that had the chat's directory last, or without it any, unless
   * it has to be that one.
   */
  findOtherHost(of: Subject, wanted: { hasDirectory: boolean }): Promise<Holder | null>;
  /** The hosts that share the database. */
  listHosts(): Promise<HostInfo[]>;
  readonly draining: Draining;
  /** What all chats together may spend. */
  readonly budgets: Pick<SharedBudgets, 'read' | 'patch'>;
  info(): Info;
  /** Whether the database answers. */
  health(): Promise<HealthReason | null>;
}
