/** What the chats room offers: everything that HTTP, or any other door, may ask for. `hosted-chats.ts` fulfils it. */
import type { AgentTerminal } from '../terminal/agent-terminal.ts';
import type { Chat, ChatPage, CreateChat, PatchChat } from '../protocol/chat.ts';
import type { AnswerDecision, Decision, DecisionPage } from '../protocol/decision.ts';
import type { DirectoryList } from '../protocol/directory.ts';
import type { EventPage, FeedItem } from '../protocol/event.ts';
import type { ResumeQueue } from '../protocol/hold.ts';
import type { BeginImport, ImportLines, ImportProgress, SessionImport } from '../protocol/import.ts';
import type { ChatTrust, GiveTrust } from '../protocol/trust.ts';
import type { Backlog } from './backlog.ts';
import type { HealthReason, Info } from '../protocol/info.ts';
import type { Actor } from '../protocol/principal.ts';
import type {
  InterruptResult,
  MovePrompt,
  Receipt,
  RewindChat,
  RewindResult,
  SubmitPrompt,
  WaitingPromptList,
} from '../protocol/prompt.ts';

export { Backlog } from './backlog.ts';
export type { AgentTerminal, TerminalFrame, TerminalViewer } from '../terminal/agent-terminal.ts';

/**
 * Why a reader has ended. `behind`: it fell behind its bounded buffer. `closing`: the host drains. `closed`: by whoever
 * reads.
 */
export type ReaderEnd = 'behind' | 'deleted' | 'closing' | 'closed';

/** Which chats. */
export interface ChatQuery {
  after?: string | undefined;
  limit: number;
  archived?: boolean | undefined;
  /** Stands in the title or in what was said, upper and lower case alike. */
  q?: string | undefined;
  /** Whoever asked waits no longer once it is aborted: a search is then ended, and throws `query_timeout`. */
  signal?: AbortSignal | undefined;
}

/** What watchers hear of the chats of this host. */
export type ChatNotification =
  { type: 'chat'; chat: Chat } | { type: 'chat_deleted'; chatId: string } | { type: 'decision'; decision: Decision };

/** One client following a chat's events: `resume` first, then history after the cursor, then live. */
export interface Reader {
  /**
   * Ends when the reader is closed, when the chat is deleted, when the host drains, or when the reader fell behind its
   * bounded buffer. A client goes on with its cursor.
   */
  readonly items: AsyncIterable<FeedItem>;
  /** There once it has ended. */
  readonly end: ReaderEnd | undefined;
  /** Idempotent. */
  close(): void;
}

/** An entry of a session's transcript. */
export interface TranscriptLine {
  sessionId: string;
  /** '' for the session's own transcript, else where a sub-agent's is below it. */
  subpath: string;
  /** The entry's JSON text, as it was stored. */
  json: string;
}

export interface StoredTranscript {
  chatId: string;
  /** The session that the chat goes on with; null before its first prompt. */
  sessionId: string | null;
  cwd: string;
  /** Its entries first, then those of the sessions that the chat has left. Read while it is asked for. */
  pages: AsyncIterable<TranscriptLine[]>;
}

/**
 * Methods throw BooError: `not_found` for an unknown chat, decision or import, `storage_unavailable`, `shutting_down`.
 * What is kept under the name of who did it takes that `actor` first.
 */
export interface Chats {
  /** Throws `cwd_invalid`, `backend_unavailable`. */
  createChat(input: CreateChat): Promise<Chat>;
  /**
   * Newest first, all of them unless `archived` is given. `after` is the `next` of the page before. Throws `query_timeout`.
   */
  listChats(page: ChatQuery): Promise<ChatPage>;
  getChat(chatId: string): Promise<Chat>;
  /**
   * With a backend or a directory in the patch the session is closed first: between turns, and only then is all of it
   * stored. Throws `backend_unavailable`, `cwd_invalid`, and `chat_busy` where a turn runs and the patch does not say what
   * becomes of it. A change that waits is withdrawn when the signal is aborted, and throws its reason.
   */
  patchChat(
    actor: Actor,
    chatId: string,
    patch: PatchChat,
    options?: { signal?: AbortSignal | undefined },
  ): Promise<Chat>;
  /** What the chat's directory would have its agent load, and what of it has changed since it was trusted. */
  readTrust(chatId: string): Promise<ChatTrust>;
  /** Trusts exactly that content of the chat's directory. Throws `trust_refused` when another stands there by now. */
  giveTrust(actor: Actor, chatId: string, trust: GiveTrust): Promise<ChatTrust>;
  /** Ends the agent's session and forgets everything. A running turn is interrupted. */
  deleteChat(actor: Actor, chatId: string): Promise<void>;

  /** Resolves once the prompt is stored. `created` is false for an id that was stored before. Throws `prompt_conflict`. */
  submitPrompt(actor: Actor, chatId: string, prompt: SubmitPrompt): Promise<{ receipt: Receipt; created: boolean }>;
  interrupt(actor: Actor, chatId: string): Promise<InterruptResult>;
  /** Lets a held queue go on; nothing happens to one that is not held. */
  resumeQueue(actor: Actor, chatId: string, choice: ResumeQueue): Promise<Chat>;
  /** Between turns. Throws `not_found` where nothing is too long, `invalid_request` for a prompt that the agent does not know. */
  rewind(actor: Actor, chatId: string, rewind: RewindChat): Promise<RewindResult>;

  /** The prompts that wait, in the order in which they will be taken. */
  listPrompts(chatId: string): Promise<WaitingPromptList>;
  /** Throws `prompt_taken` when its turn has begun. One that was cancelled before stays so. */
  cancelPrompt(actor: Actor, chatId: string, promptId: string): Promise<void>;
  /** Throws `prompt_taken` when it waits no more. Returns all that wait. */
  movePrompt(actor: Actor, chatId: string, promptId: string, to: MovePrompt): Promise<WaitingPromptList>;

  /** With `before`: the newest of those before it. */
  readEvents(chatId: string, page: { limit: number } & ({ after: number } | { before: number })): Promise<EventPage>;
  /** Readers of one client may share a backlog: then it bounds what waits for all of them. */
  follow(chatId: string, cursor: { after: number; backlog?: Backlog | undefined }): Promise<Reader>;
  /** Calls the listener for every chat that this host creates, changes or deletes, and for every decision. */
  watch(listener: (notification: ChatNotification) => void): {
    /** The chats that are not cold, as they are now. */
    warm: Chat[];
    /** Idempotent. */
    close(): void;
  };
  readTranscript(chatId: string): Promise<StoredTranscript>;

  /** The terminal of the chat's agent, which is started if it does not run. Throws `terminal_unavailable`, `agent_failed`. */
  openTerminal(chatId: string): Promise<AgentTerminal>;

  listDecisions(page: {
    status?: 'pending' | 'resolved' | undefined;
    chatId?: string | undefined;
    after?: string | undefined;
    limit: number;
  }): Promise<DecisionPage>;
  /** The first answer wins. Throws `decision_settled` with the winner in `details.decision`. */
  answerDecision(actor: Actor, decisionId: string, answer: AnswerDecision): Promise<Decision>;

  /** Throws `session_taken`, `cwd_invalid`, `backend_unavailable`. */
  beginImport(input: BeginImport): Promise<SessionImport>;
  /** While it is neither finished nor removed. */
  readImport(importId: string): Promise<ImportProgress>;
  addImportLines(importId: string, lines: ImportLines): Promise<void>;
  /** The chat that has become of it. Throws `session_taken`. */
  finishImport(importId: string): Promise<Chat>;
  removeImport(importId: string): Promise<void>;

  /** The directories on this machine whose paths begin with this. */
  listDirectories(prefix: string): Promise<DirectoryList>;
  info(): Info;
  /** Whether the database answers. */
  health(): Promise<HealthReason | null>;
}
