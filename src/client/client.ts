/**
 * The typed client, for browsers and Node. It imports the schemas only as types, so bundles that include it do not
 * include the validator.
 */
import type { Chat, ChatPage, CreateChat, ForkChat, PatchChat, WarmedChat } from '../protocol/chat.ts';
import { type FeedStatus, type FollowOptions, followFeed } from './follow.ts';
import { type Live, type LiveOptions, openLive } from './live.ts';
import { createWire, type Fetch, isPassing, isUnreachable } from './request.ts';
import { type RunOptions, type RunResult, runPrompt } from './run.ts';
import { openTerminal, type TerminalConnection, type TerminalOptions } from './terminal.ts';
import { readTranscriptRecords } from './transcript.ts';
import type { ChangeDiff, ChangeList, DiffQuery, Since } from '../protocol/changes.ts';
import type { AnswerDecision, Decision, DecisionPage } from '../protocol/decision.ts';
import type { SignInAccount, SignInPage } from '../protocol/agent-sign-in.ts';
import { BooError } from '../protocol/error.ts';
import type { DirectoryList } from '../protocol/directory.ts';
import type { EventPage, FeedItem } from '../protocol/event.ts';
import type { LogCursor } from '../protocol/log-cursor.ts';
import type { ResumeQueue } from '../protocol/hold.ts';
import type { BeginImport, ImportLines, ImportProgress, SessionImport } from '../protocol/import.ts';
import type { DrainStatus, HostInfo, HostList, MovedToHost, MoveToHost, StartDrain } from '../protocol/host.ts';
import type { Health, Info, SignInLink } from '../protocol/info.ts';
import type {
  InterruptResult,
  Receipt,
  RewindChat,
  RewindResult,
  SubmitPrompt,
  WaitingPromptList,
} from '../protocol/prompt.ts';
import type { TerminalTicket } from '../protocol/terminal.ts';
import type { TranscriptRecord } from '../protocol/transcript.ts';
import type { ChatTrust, GiveTrust } from '../protocol/trust.ts';
import { createRetryDelay, type RetryRange, wait } from './retry-delay.ts';

export { BooError, type ErrorCode } from '../protocol/error.ts';
export { isUnreachable } from './request.ts';
export type { Fetch, FetchInit, FetchResponse } from './request.ts';
export type { FeedStatus, FollowOptions, RunOptions, RunResult };
export type { Live, LiveItem, LiveNews, LiveOptions, LiveState } from './live.ts';
export type {
  TerminalConnection,
  TerminalItem,
  TerminalOptions,
  TerminalSocket,
  TerminalSocketConstructor,
} from './terminal.ts';
export type { SignInAccount, SignInPage } from '../protocol/agent-sign-in.ts';
export type { Chat, ChatPage, CreateChat, ForkChat, PatchChat, WarmedChat } from '../protocol/chat.ts';
export type { ContentBlock } from '../protocol/content.ts';
export type { ChangeDiff, ChangedFile, ChangeList, DiffQuery, Since } from '../protocol/changes.ts';
export type { AnswerDecision, Decision, DecisionPage } from '../protocol/decision.ts';
export type { DirectoryList } from '../protocol/directory.ts';
export type { Delta, Event, EventPage, FeedItem, Resume } from '../protocol/event.ts';
export type { LogCursor } from '../protocol/log-cursor.ts';
export type { Hold, HoldReason, ResumeQueue } from '../protocol/hold.ts';
export type { BeginImport, ImportLines, ImportProgress, SessionImport } from '../protocol/import.ts';
export type { Principal } from '../protocol/principal.ts';
export type { DrainStatus, HostInfo, MovedToHost } from '../protocol/host.ts';
export type { Health, Info, SignInLink } from '../protocol/info.ts';
export type {
  InterruptResult,
  Receipt,
  RewindChat,
  RewindResult,
  SubmitPrompt,
  WaitingPrompt,
  WaitingPromptList,
} from '../protocol/prompt.ts';
export { type Form, type FormField, type FormOption, formOf } from '../protocol/form.ts';
export {
  asksForSecret,
  checkFormValue,
  checkFormValues,
  fieldHint,
  formDefaults,
  type FormProblem,
  type FormValues,
  typedNumber,
} from '../protocol/form-values.ts';
export { type PageLink, pageLink } from '../protocol/page-link.ts';
export { type Question, questionsOf } from '../protocol/question.ts';
export type { TerminalAccess, TerminalSize } from '../protocol/terminal.ts';
export type { TranscriptRecord } from '../protocol/transcript.ts';
export type { ChatTrust, TrustFile } from '../protocol/trust.ts';

export interface ClientOptions {
  /** The server's address, for example `http://127.0.0.1:4127`. */
  url: string;
  /** Without it only `health` and `signIn` work. */
  token?: string | undefined;
  fetch?: Fetch | undefined;
  /** This client's name, as other clients see it next to a decision's answer. */
  clientName?: string | undefined;
  /** For one request and its response; the feed uses `silenceMs`. */
  timeoutMs?: number | undefined;
  /**
   * A feed without data for this long, one minute by default, is reopened. On a live connection the server is pinged
   * after this long, by default 20 seconds.
   */
  silenceMs?: number | undefined;
  /** How long a live connection's server may take to answer a ping, or to open: 5 seconds by default. */
  answerMs?: number | undefined;
  /** Between attempts. */
  backoff?: RetryRange | undefined;
}

/** Methods throw BooError with the server's code; `isUnreachable(error)` tells whether there was no response at all. */
export interface BooClient {
  info(): Promise<Info>;
  /** The hosts that share the server's database, oldest first. */
  listHosts(): Promise<HostInfo[]>;
  /**
   * Moves the chat to another host, between turns. With `"running": "finish"` it waits as long as the turn takes. Throws
   * `host_unavailable`.
   */
  moveToHost(chatId: string, to: MoveToHost, options?: { signal?: AbortSignal | undefined }): Promise<MovedToHost>;
  /** Hands this host's chats over, and lets it take none until that is cancelled. Again: sets another limit. */
  startDrain(drain?: StartDrain): Promise<DrainStatus>;
  drainStatus(): Promise<DrainStatus>;
  cancelDrain(): Promise<DrainStatus>;
  /** Resolves also if the server responds that it is currently unavailable. */
  health(): Promise<Health>;
  createChat(input: CreateChat): Promise<Chat>;
  /** Newest first. `after` is the previous page's `next`. */
  listChats(
    page?: {
      after?: string | undefined;
      limit?: number | undefined;
      /** Only archived chats, or only those that are not; all by default. */
      archived?: boolean | undefined;
      /** Contained in the title or in what was said. Throws `query_timeout` if the search takes too long. */
      q?: string | undefined;
    },
    options?: { signal?: AbortSignal | undefined },
  ): Promise<ChatPage>;
  getChat(chatId: string): Promise<Chat>;
  /**
   * A backend makes it a flip; `running` says what to do with a running turn. With `"running": "finish"` it waits as
   * long as that takes; the signal, or the end of this program, withdraws the flip.
   */
  patchChat(chatId: string, patch: PatchChat, options?: { signal?: AbortSignal | undefined }): Promise<Chat>;
  /** What the chat's directory enables, and what has changed since it was trusted. */
  getTrust(chatId: string): Promise<ChatTrust>;
  /** Trusts exactly what was reviewed; throws `trust_refused` if the content has changed since. */
  giveTrust(chatId: string, trust: GiveTrust): Promise<ChatTrust>;
  /**
   * What has changed in the chat's directory since its start, unless told otherwise. Throws `changes_unavailable`, whose
   * `details.reason` says why.
   */
  changes(
    chatId: string,
    query?: { since?: Since | undefined },
    options?: { signal?: AbortSignal | undefined },
  ): Promise<ChangeList>;
  /** The unified diff of one of these files, or of all of them. */
  changesDiff(chatId: string, query?: DiffQuery, options?: { signal?: AbortSignal | undefined }): Promise<ChangeDiff>;
  /** With `keepalive` it is sent even if the page is closing. */
  deleteChat(chatId: string, options?: { keepalive?: boolean | undefined }): Promise<void>;
  /**
   * Resolves once the prompt is stored. Generates an id if none is given, and resends under the same id while the
   * server is unreachable: it is stored once. `attempts` limits the number of tries; the signal aborts, and then it is
   * unknown whether the prompt is stored.
   */
  prompt(
    chatId: string,
    prompt: SubmitPrompt,
    options?: { attempts?: number | undefined; signal?: AbortSignal | undefined },
  ): Promise<Receipt>;
  /**
   * Sends a prompt and resolves with its turn once that has finished, however it ended. Everything in between, such as
   * a decision or the end of a hold, goes to `onItem`. Throws `prompt_taken` if someone cancels the waiting prompt,
   * `log_replaced` if the chat has another log since, without the prompt, and the signal's reason if that is aborted; the
   * turn then continues.
   */
  run(chatId: string, prompt: SubmitPrompt | string, options?: RunOptions): Promise<RunResult>;
  /** The waiting prompts, in the order they will be taken. */
  listPrompts(chatId: string): Promise<WaitingPromptList>;
  /** Throws `prompt_taken` if its turn has started. */
  cancelPrompt(chatId: string, promptId: string): Promise<void>;
  /** Moves it before another waiting one, or to the end with null. Throws `prompt_taken` if it is no longer waiting. */
  movePrompt(chatId: string, promptId: string, before: string | null): Promise<WaitingPromptList>;
  /** Resumes a held queue; does nothing if it is not held. Returns the chat as it is then. */
  resumeQueue(chatId: string, choice?: ResumeQueue): Promise<Chat>;
  interrupt(chatId: string): Promise<InterruptResult>;
  /**
   * Starts the chat's agent for a prompt that is likely to come, for example while a person types. It does not wait for the
   * agent, may be repeated, and changes nothing in the log. Without a prompt the agent ends again after two minutes.
   */
  warm(chatId: string): Promise<WarmedChat>;
  /**
   * Takes prompts back: the agent continues from before this one, or before the one since which the conversation is too
   * long for the model. Files stay unchanged. Waits for a running turn; throws `not_found`, `invalid_request`.
   */
  rewind(chatId: string, rewind?: RewindChat): Promise<RewindResult>;
  /**
   * A new chat that begins with everything said in this one up to the end of a turn, by default the last one. The agent knows
   * that, and nothing of what followed. Throws `invalid_request` if that turn cannot be continued from.
   */
  fork(chatId: string, fork?: ForkChat): Promise<Chat>;
  /**
   * The terminal of the chat's agent, which is started if necessary. Resolves when attached; throws
   * `terminal_unavailable` if the chat's backend has none.
   */
  terminal(chatId: string, options?: TerminalOptions): Promise<TerminalConnection>;
  /**
   * With `before` instead of `after`: the newest events before it; `next` then leads further back. So do a page's cursors
   * `end` and `start`, which are of this log: if the chat has another one since, as after a restore of the database, it
   * throws `log_replaced`.
   */
  events(
    chatId: string,
    page?: { after?: LogCursor | undefined; before?: LogCursor | undefined; limit?: number | undefined },
  ): Promise<EventPage>;
  /**
   * The chat's events after the cursor, live, across broken connections: each event once and in order, previews in
   * between, and a `resume` item first and after every reconnect. After a `resume` previews start over: drop the
   * unfinished ones; after one with the verdict `gap` the log starts over too. Ends when the signal is aborted; throws
   * if retrying cannot help. While a read waits, only the signal ends it.
   */
  follow(chatId: string, options?: FollowOptions): AsyncIterable<FeedItem>;
  /**
   * Everything one client follows over one connection, which is reopened whenever it is lost. Starts connecting at
   * once; close it when it is no longer needed.
   */
  live(options?: LiveOptions): Live;
  /**
   * The transcripts of the chat's sessions as the agent wrote them, the current session first. Throws if they are cut
   * off.
   */
  transcript(chatId: string, options?: { signal?: AbortSignal | undefined }): AsyncIterable<TranscriptRecord>;
  /**
   * Starts importing a session that was started elsewhere. Its lines follow, in order and each once; if it is unknown
   * whether a batch arrived, the import ends. Only `finishImport` creates the chat.
   */
  beginImport(input: BeginImport): Promise<SessionImport>;
  /** The progress of an import while it is being finished. Throws `not_found` once it is a chat. */
  readImport(importId: string): Promise<ImportProgress>;
  addImportLines(importId: string, lines: ImportLines): Promise<void>;
  finishImport(importId: string): Promise<Chat>;
  removeImport(importId: string): Promise<void>;
  listDecisions(page?: {
    status?: 'pending' | 'resolved' | undefined;
    chatId?: string | undefined;
    after?: string | undefined;
    limit?: number | undefined;
  }): Promise<DecisionPage>;
  /** Throws `decision_settled` with the winner in `details.decision` if someone else was first. */
  decide(decisionId: string, answer: AnswerDecision): Promise<Decision>;
  /**
   * Directories on the server whose paths start with this; for an empty prefix, those in the home directory. At most
   * fifty.
   */
  listDirectories(path: string): Promise<DirectoryList>;
  /** Starts signing the agents in to Claude: returns the page to open, which shows a code. */
  beginAgentSignIn(account?: SignInAccount): Promise<SignInPage>;
  /** Finishes it with that code. It may take half a minute. */
  finishAgentSignIn(code: string): Promise<void>;
  cancelAgentSignIn(): Promise<void>;
  /** Creates a link that signs in another browser, once, within ten minutes. */
  makeSignInLink(): Promise<SignInLink>;
  /** Exchanges the sign-in link's one-time code for the token. */
  signIn(code: string): Promise<{ token: string }>;
}

const promptAttempts = 6;
/** Long enough for the server to write a long session's log. */
const finishTimeoutMs = 300_000;
/** Long enough to copy a long chat. */
const forkTimeoutMs = 150_000;

export function createClient(options: ClientOptions): BooClient {
  const backoff = options.backoff ?? { minMs: 250, maxMs: 10_000 };
  const limits = { backoff, silenceMs: options.silenceMs ?? 60_000 };
  const liveLimits = { backoff, silenceMs: options.silenceMs ?? 20_000, answerMs: options.answerMs ?? 5_000 };
  const longWaitMs = options.timeoutMs ?? 30_000;
  const wire = createWire({
    url: options.url,
    token: options.token,
    // A browser's fetch must be called without another `this`.
    fetch: options.fetch ?? ((...input) => globalThis.fetch(...input)),
    clientName: options.clientName ?? 'client',
    timeoutMs: longWaitMs,
  });
  const chatPath = (chatId: string): string => `/v1/chats/${encodeURIComponent(chatId)}`;

  const promptPath = (chatId: string, promptId: string): string =>
    `${chatPath(chatId)}/prompts/${encodeURIComponent(promptId)}`;
  const importPath = (importId: string): string => `/v1/imports/${encodeURIComponent(importId)}`;

  /** A change that may wait for a turn's end. */
  async function whileItWaits<T>(
    path: string,
    request: { method: 'PATCH' | 'POST'; body: object },
    waits: boolean,
    { signal }: { signal?: AbortSignal | undefined } = {},
  ): Promise<T> {
    for (;;) {
      const sentAtMs = performance.now();
      try {
        return await wire.request<T>(path, { ...request, signal, ...(waits && { timeoutMs: null }) });
      } catch (error) {
        // Proxies may give up on a long wait, and so does fetch itself after some minutes: ask again.
        const isCutShort = isUnreachable(error) && performance.now() - sentAtMs >= longWaitMs;
        if (!waits || !isCutShort || signal?.aborted) throw error;
      }
    }
  }

  const client: BooClient = {
    info: () => wire.request('/v1/info'),
    listHosts: async () => (await wire.request<HostList>('/v1/hosts')).items,
    async health() {
      try {
        return await wire.request<Health>('/healthz');
      } catch (error) {
        if (error instanceof BooError && error.details['status'] === 503) {
          const { reason, message } = error.details as Partial<Health>;
          return { name: 'boocode', status: 'unavailable', ...(reason && { reason }), ...(message && { message }) };
        }
        throw error;
      }
    },

    createChat: (input) => wire.request('/v1/chats', { method: 'POST', body: input }),
    listChats: ({ archived, ...page } = {}, { signal } = {}) =>
      wire.request('/v1/chats', { query: { ...page, archived: archived?.toString() }, signal }),
    getChat: (chatId) => wire.request(chatPath(chatId)),
    getTrust: (chatId) => wire.request(`${chatPath(chatId)}/trust`),
    changes: (chatId, query = {}, { signal } = {}) =>
      wire.request(`${chatPath(chatId)}/changes`, { query: { ...query }, signal }),
    changesDiff: (chatId, query = {}, { signal } = {}) =>
      wire.request(`${chatPath(chatId)}/changes/diff`, { query: { ...query }, signal }),
    giveTrust: (chatId, trust) => wire.request(`${chatPath(chatId)}/trust`, { method: 'POST', body: trust }),
    patchChat: (chatId, patch, options) =>
      whileItWaits<Chat>(chatPath(chatId), { method: 'PATCH', body: patch }, patch.running === 'finish', options),
    moveToHost: (chatId, to, options) =>
      whileItWaits(`${chatPath(chatId)}/host`, { method: 'POST', body: to }, to.running === 'finish', options),
    startDrain: (drain = {}) => wire.request('/v1/drain', { method: 'POST', body: drain }),
    drainStatus: () => wire.request('/v1/drain'),
    cancelDrain: () => wire.request('/v1/drain', { method: 'DELETE' }),
    deleteChat: (chatId, { keepalive } = {}) => wire.request(chatPath(chatId), { method: 'DELETE', keepalive }),

    async prompt(chatId, prompt, { attempts = promptAttempts, signal } = {}) {
      const body: SubmitPrompt = { ...prompt, id: prompt.id ?? newId() };
      const delay = createRetryDelay(backoff);
      // Images need time on a slow line: 16 characters per millisecond are a hundred kilobits per second.
      const timeoutMs = longWaitMs + JSON.stringify(body.content).length / 16;
      const request = { method: 'POST', body, signal, timeoutMs } as const;
      for (let attempt = 1; ; attempt += 1) {
        try {
          return await wire.request<Receipt>(`${chatPath(chatId)}/prompts`, request);
        } catch (error) {
          if (!isPassing(error) || attempt >= attempts || signal?.aborted) throw error;
          await wait(delay.next(), signal);
        }
      }
    },
    run: (chatId, prompt, runOptions = {}) => runPrompt(client, chatId, prompt, runOptions),
    async terminal(chatId, { access = 'write', size, WebSocket } = {}) {
      const path = `${chatPath(chatId)}/terminal`;
      const { ticket } = await wire.request<TerminalTicket>(`${path}/tickets`, { method: 'POST', body: { access } });
      const query = size ? `?columns=${size.columns}&rows=${size.rows}` : '';
      return openTerminal(options.url.replace(/\/+$/, '') + path + query, ticket, WebSocket);
    },
    listPrompts: (chatId) => wire.request(`${chatPath(chatId)}/prompts`),
    cancelPrompt: (chatId, promptId) => wire.request(promptPath(chatId, promptId), { method: 'DELETE' }),
    movePrompt: (chatId, promptId, before) =>
      wire.request(promptPath(chatId, promptId), { method: 'PATCH', body: { before } }),
    resumeQueue: (chatId, choice = {}) => wire.request(`${chatPath(chatId)}/resume`, { method: 'POST', body: choice }),
    rewind: (chatId, rewind = {}) => wire.request(`${chatPath(chatId)}/rewind`, { method: 'POST', body: rewind }),
    fork: (chatId, fork = {}) =>
      wire.request(`${chatPath(chatId)}/fork`, { method: 'POST', body: fork, timeoutMs: forkTimeoutMs }),
    warm: (chatId) => wire.request(`${chatPath(chatId)}/warm`, { method: 'POST' }),
    interrupt: (chatId) => wire.request(`${chatPath(chatId)}/interrupt`, { method: 'POST', body: {} }),

    events: (chatId, page = {}) => wire.request(`${chatPath(chatId)}/events`, { query: { ...page } }),
    follow: (chatId, follow = {}) => followFeed(wire, chatId, follow, limits),

    transcript: (chatId, given = {}) =>
      readTranscriptRecords(wire, `${chatPath(chatId)}/transcript`, { silenceMs: limits.silenceMs, ...given }),

    live: (liveOptions = {}) => openLive(options.url.replace(/\/+$/, ''), wire, liveOptions, liveLimits),

    beginImport: (input) => wire.request('/v1/imports', { method: 'POST', body: input }),
    readImport: (importId) => wire.request(importPath(importId)),
    addImportLines: (importId, lines) => wire.request(`${importPath(importId)}/lines`, { method: 'POST', body: lines }),
    finishImport: (importId) =>
      wire.request(`${importPath(importId)}/finish`, { method: 'POST', body: {}, timeoutMs: finishTimeoutMs }),
    removeImport: (importId) => wire.request(importPath(importId), { method: 'DELETE' }),

    listDecisions: (page = {}) => wire.request('/v1/decisions', { query: { ...page } }),
    decide: (decisionId, answer) =>
      wire.request(`/v1/decisions/${encodeURIComponent(decisionId)}`, { method: 'POST', body: answer }),

    listDirectories: (path) => wire.request('/v1/directories', { query: { path } }),
    beginAgentSignIn: (account) =>
      wire.request('/v1/agent-sign-in', { method: 'POST', body: { account }, timeoutMs: 60_000 }),
    finishAgentSignIn: (code) =>
      wire.request('/v1/agent-sign-in/code', { method: 'POST', body: { code }, timeoutMs: 60_000 }),
    cancelAgentSignIn: () => wire.request('/v1/agent-sign-in', { method: 'DELETE' }),
    makeSignInLink: () => wire.request('/v1/sign-in-links', { method: 'POST' }),
    signIn: (code) => wire.request('/v1/sign-in', { method: 'POST', body: { code } }),
  };
  return client;
}

/** A random UUID. Browsers have no `crypto.randomUUID` on a page without TLS. */
function newId(): string {
  if (typeof crypto.randomUUID === 'function') return crypto.randomUUID();
  const bytes = crypto.getRandomValues(new Uint8Array(16));
  bytes[6] = (bytes[6]! & 0x0f) | 0x40;
  bytes[8] = (bytes[8]! & 0x3f) | 0x80;
  const hex = Array.from(bytes, (byte) => byte.toString(16).padStart(2, '0')).join('');
  return `${hex.slice(0, 8)}-${hex.slice(8, 12)}-${hex.slice(12, 16)}-${hex.slice(16, 20)}-${hex.slice(20)}`;
}
