/**
 * The typed client, for browsers and Node. It imports the schemas only as types, so bundles that include it do not
 * include the validator.
 */
import type { ListedWorktree } from '../protocol/worktree.ts';
import type { BooClient, ClientOptions } from './boo-client.ts';
import type { Chat } from '../protocol/chat.ts';
import { type FeedStatus, type FollowOptions, followFeed } from './follow.ts';
import { openLive } from './live.ts';
import { createWire, isPassing, isUnreachable } from './request.ts';
import { type RunOptions, type RunResult, runPrompt } from './run.ts';
import { passkeysOf } from './passkeys.ts';
import { peopleOf } from './people.ts';
import { secretsOf } from './secrets.ts';
import { openTerminal } from './terminal.ts';
import { watchChanges } from './watch-changes.ts';
import { readAuditEntries } from './audit.ts';
import { readTranscriptRecords } from './transcript.ts';
import { BooError } from '../protocol/error.ts';
import type { HostList } from '../protocol/host.ts';
import type { Health } from '../protocol/info.ts';
import type { Receipt, SubmitPrompt } from '../protocol/prompt.ts';
import type { TerminalTicket } from '../protocol/terminal.ts';
import { createRetryDelay, wait } from './retry-delay.ts';

export type { BooClient, ClientOptions };
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
export type {
  ChangeDiff,
  ChangedBy,
  ChangedFile,
  ChangeList,
  ChangeRefusal,
  ChangesNews,
  CommitChanges,
  CommittedChanges,
  DiffQuery,
  DiscardChange,
  DiscardedChange,
  NamedFile,
  Since,
  StageChanges,
  StagedChanges,
  UndoDiscard,
  UndoneDiscard,
} from '../protocol/changes.ts';
export type { AnswerDecision, Decision, DecisionPage } from '../protocol/decision.ts';
export type { DirectoryList } from '../protocol/directory.ts';
export type { Delta, Event, EventPage, FeedItem, Resume } from '../protocol/event.ts';
export type { LogCursor } from '../protocol/log-cursor.ts';
export type { Hold, HoldReason, ResumeQueue } from '../protocol/hold.ts';
export type { BeginImport, ImportLines, ImportProgress, SessionImport } from '../protocol/import.ts';
export type { Principal, Role } from '../protocol/principal.ts';
export type {
  AcceptedInvite,
  AccessToken,
  CreateAccessToken,
  CreatedInvite,
  CreatedToken,
  CreateInvite,
  Invite,
  Me,
  Person,
} from '../protocol/people.ts';
export type { AddPasskey, Passkey, PasskeyQuestion, SignInWithPasskey } from '../protocol/passkey.ts';
export type { RekeyedSecrets, RekeySecrets, Secret, SetSecret } from '../protocol/secret.ts';
export type { Budgets, PatchBudgets } from '../protocol/budget.ts';
export type { DrainStatus, HostInfo, MovedToHost } from '../protocol/host.ts';
export type { Health, Info, SignInLink } from '../protocol/info.ts';
export type { InterruptResult, Receipt, SubmitPrompt, WaitingPrompt, WaitingPromptList } from '../protocol/prompt.ts';
export type { FilesRewind, KeptReason, RewindChat, RewindPart, RewindResult } from '../protocol/rewind.ts';
export type { CreatedShareLink, CreateShareLink, SharedChat, ShareLink } from '../protocol/share-link.ts';
export type { ChatSharing, ShareChat } from '../protocol/sharing.ts';
export type { AuditEntry, AuditPage, AuditQuery } from '../protocol/audit.ts';
export type { UsageGroup } from '../protocol/usage-groups.ts';
export type { UsageQuery, UsageReport, UsageRow, UsageTotals } from '../protocol/usage-report.ts';
export type { PlanUsage, PlanWindow } from '../protocol/plan-usage.ts';
export type { WakeCost } from '../protocol/wake-cost.ts';
export type { CreateSchedule, PatchSchedule, Schedule, SchedulePage } from '../protocol/schedule.ts';
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
export type {
  BranchList,
  ListedWorktree,
  MergeWorktree,
  NewWorktree,
  RebaseWorktree,
  RemovedWorktree,
  Worktree,
  WorktreeLoss,
  WorktreeResult,
} from '../protocol/worktree.ts';

const promptAttempts = 6;
/** Long enough for the server to write a long session's log. */
const finishTimeoutMs = 300_000;
/** Long enough for a repository's hooks. */
const changeTimeoutMs = 150_000;
/** Long enough to copy a long chat. */
const forkTimeoutMs = 150_000;
const rewindTimeoutMs = 11 * 60_000;

/** Long enough for a setup command at its limit. */
const worktreeTimeoutMs = 15 * 60_000;
/** For git, with a large repository. */
const slowly = { timeoutMs: 150_000 } as const;

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
  const schedulePath = (chatId: string, id: string): string =>
    `${chatPath(chatId)}/schedules/${encodeURIComponent(id)}`;
  const importPath = (importId: string): string => `/v1/imports/${encodeURIComponent(importId)}`;

  const change = <T>(chatId: string, what: string, body: object): Promise<T> =>
    wire.request(`${chatPath(chatId)}/changes/${what}`, { method: 'POST', body, timeoutMs: changeTimeoutMs });

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
    getBudgets: () => wire.request('/v1/budgets'),
    patchBudgets: (patch) => wire.request('/v1/budgets', { method: 'PATCH', body: patch }),
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

    createChat: (input) =>
      wire.request('/v1/chats', {
        method: 'POST',
        body: input,
        ...(input.isolation === 'worktree' && { timeoutMs: worktreeTimeoutMs }),
      }),
    listChats: ({ archived, ...page } = {}, { signal } = {}) =>
      wire.request('/v1/chats', { query: { ...page, archived: archived?.toString() }, signal }),
    getChat: (chatId) => wire.request(chatPath(chatId)),
    getTrust: (chatId) => wire.request(`${chatPath(chatId)}/trust`),
    changes: (chatId, { since, by, ignored } = {}, { signal } = {}) =>
      wire.request(`${chatPath(chatId)}/changes`, {
        query: { since, by: by?.toString(), ignored: ignored?.toString() },
        signal,
      }),
    changesDiff: (chatId, { ignored, ...query } = {}, { signal } = {}) =>
      wire.request(`${chatPath(chatId)}/changes/diff`, { query: { ...query, ignored: ignored?.toString() }, signal }),
    watchChanges: (chatId, { signal } = {}) =>
      watchChanges(wire, `${chatPath(chatId)}/changes/watch`, { signal, ...limits }),
    stageChanges: (chatId, files) => change(chatId, 'stage', files),
    unstageChanges: (chatId, files) => change(chatId, 'unstage', files),
    discardChange: (chatId, discard) => change(chatId, 'discard', discard),
    undoDiscard: (chatId, undo) => change(chatId, 'undo', undo),
    commitChanges: (chatId, commit) => change(chatId, 'commit', commit),
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
    rewind: (chatId, rewind = {}) =>
      wire.request(`${chatPath(chatId)}/rewind`, { method: 'POST', body: rewind, timeoutMs: rewindTimeoutMs }),
    aside: (chatId, question, { signal } = {}) =>
      wire.request(`${chatPath(chatId)}/aside`, {
        method: 'POST',
        body: { question },
        signal,
        timeoutMs: forkTimeoutMs,
      }),
    fork: (chatId, fork = {}) =>
      wire.request(`${chatPath(chatId)}/fork`, {
        method: 'POST',
        body: fork,
        timeoutMs: fork.isolation === 'worktree' ? worktreeTimeoutMs : forkTimeoutMs,
      }),
    listWorktrees: async ({ making } = {}) => {
      const query = { making: making === true ? 'true' : undefined };
      return (await wire.request<{ items: ListedWorktree[] }>('/v1/worktrees', { query, ...slowly })).items;
    },
    listBranches: (directory, part) => wire.request('/v1/branches', { query: { directory, q: part } }),
    mergeWorktree: (chatId, merge = {}) =>
      wire.request(`${chatPath(chatId)}/worktree/merge`, { method: 'POST', body: merge, ...slowly }),
    rebaseWorktree: (chatId, rebase = {}) =>
      wire.request(`${chatPath(chatId)}/worktree/rebase`, { method: 'POST', body: rebase, ...slowly }),
    releaseWorktree: (chatId) => wire.request(`${chatPath(chatId)}/worktree/release`, { method: 'POST', ...slowly }),
    removeWorktree: (chatId, { discard } = {}) =>
      wire.request(`${chatPath(chatId)}/worktree`, {
        method: 'DELETE',
        query: { discard: discard?.toString() },
        ...slowly,
      }),
    wakeCost: (chatId) => wire.request(`${chatPath(chatId)}/wake-cost`),
    planUsage: () => wire.request('/v1/plan-usage'),
    createSchedule: (chatId, schedule) =>
      wire.request(`${chatPath(chatId)}/schedules`, { method: 'POST', body: schedule }),
    listChatSchedules: (chatId) => wire.request(`${chatPath(chatId)}/schedules`),
    listSchedules: (page = {}) => wire.request('/v1/schedules', { query: page }),
    patchSchedule: (chatId, id, patch) => wire.request(schedulePath(chatId, id), { method: 'PATCH', body: patch }),
    deleteSchedule: (chatId, id) => wire.request(schedulePath(chatId, id), { method: 'DELETE' }),
    getSharing: (chatId) => wire.request(`${chatPath(chatId)}/shares`),
    setVisibility: (chatId, visibility) =>
      wire.request(`${chatPath(chatId)}/shares`, { method: 'PATCH', body: { visibility } }),
    shareChat: (chatId, share) => wire.request(`${chatPath(chatId)}/shares`, { method: 'POST', body: share }),
    unshareChat: (chatId, personId) =>
      wire.request(`${chatPath(chatId)}/shares/${encodeURIComponent(personId)}`, { method: 'DELETE' }),
    listShareLinks: (chatId) => wire.request(`${chatPath(chatId)}/links`),
    createShareLink: (chatId, link = {}) => wire.request(`${chatPath(chatId)}/links`, { method: 'POST', body: link }),
    revokeShareLink: (chatId, linkId) =>
      wire.request(`${chatPath(chatId)}/links/${encodeURIComponent(linkId)}`, { method: 'DELETE' }),
    audit: (query = {}) => wire.request('/v1/audit', { query: { ...query } }),
    auditEntries: (query = {}, { signal } = {}) =>
      readAuditEntries(wire, query, { signal, silenceMs: limits.silenceMs }),
    usage: (query = {}) => wire.request('/v1/usage', { query: { ...query } }),
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
    signInWays: () => wire.request('/v1/sign-in'),
    ...peopleOf(wire),
    ...passkeysOf(wire),
    ...secretsOf(wire),
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
