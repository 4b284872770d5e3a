import type { Chat, ChatPage, CreateChat, ForkChat, PatchChat, WarmedChat } from '../protocol/chat.ts';
import type { FollowOptions } from './follow.ts';
import type { Live, LiveOptions } from './live.ts';
import type { Fetch } from './request.ts';
import type { RunOptions, RunResult } from './run.ts';
import type { TerminalConnection, TerminalOptions } from './terminal.ts';
import type {
  ChangeDiff,
  ChangeList,
  ChangesNews,
  CommitChanges,
  CommittedChanges,
  DiffQuery,
  DiscardChange,
  DiscardedChange,
  Since,
  StageChanges,
  StagedChanges,
  UndoDiscard,
  UndoneDiscard,
} from '../protocol/changes.ts';
import type {
  BranchList,
  ListedWorktree,
  MergeWorktree,
  RebaseWorktree,
  RemovedWorktree,
  WorktreeResult,
} from '../protocol/worktree.ts';
import type { AnswerDecision, Decision, DecisionPage } from '../protocol/decision.ts';
import type { SignInAccount, SignInPage } from '../protocol/agent-sign-in.ts';
import type { DirectoryList } from '../protocol/directory.ts';
import type { EventPage, FeedItem } from '../protocol/event.ts';
import type { LogCursor } from '../protocol/log-cursor.ts';
import type { ResumeQueue } from '../protocol/hold.ts';
import type { BeginImport, ImportLines, ImportProgress, SessionImport } from '../protocol/import.ts';
import type { AuditEntry, AuditPage, AuditQuery } from '../protocol/audit.ts';
import type { CreatedShareLink, CreateShareLink, ShareLink } from '../protocol/share-link.ts';
import type { ChatSharing, ShareChat } from '../protocol/sharing.ts';
import type { Budgets, PatchBudgets } from '../protocol/budget.ts';
import type { DrainStatus, HostInfo, MovedToHost, MoveToHost, StartDrain } from '../protocol/host.ts';
import type { Health, Info, SignInLink, SignInWays } from '../protocol/info.ts';
import type { InterruptResult, Receipt, SubmitPrompt, WaitingPromptList } from '../protocol/prompt.ts';
import type { AsideAnswer } from '../protocol/aside.ts';
import type { RewindChat, RewindResult } from '../protocol/rewind.ts';
import type { TranscriptRecord } from '../protocol/transcript.ts';
import type { UsageQuery, UsageReport } from '../protocol/usage-report.ts';
import type { AddPasskey, Passkey, PasskeyQuestion, SignInWithPasskey } from '../protocol/passkey.ts';
import type {
  AcceptedInvite,
  AcceptInvite,
  AccessToken,
  AddPerson,
  CreateAccessToken,
  CreatedInvite,
  CreatedToken,
  CreateInvite,
  Invite,
  Me,
  PatchPerson,
  Person,
} from '../protocol/people.ts';
import type { RekeyedSecrets, RekeySecrets, Secret, SetSecret } from '../protocol/secret.ts';
import type { PlanUsage } from '../protocol/plan-usage.ts';
import type { WakeCost } from '../protocol/wake-cost.ts';
import type { CreateSchedule, PatchSchedule, Schedule, SchedulePage } from '../protocol/schedule.ts';
import type { ChatTrust, GiveTrust } from '../protocol/trust.ts';
import type { RetryRange } from './retry-delay.ts';

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
  /** What all chats together may spend, and have spent. */
  getBudgets(): Promise<Budgets>;
  /** Sets that for all hosts; null allows any amount. */
  patchBudgets(patch: PatchBudgets): Promise<Budgets>;
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
  /** With `isolation: 'worktree'` it takes as long as the repository's setup command. Throws `worktree_refused`. */
  createChat(input: CreateChat): Promise<Chat>;
  /** Newest first. `after` is the previous page's `next`. */
  listChats(
    page?: {
      after?: string | undefined;
      limit?: number | undefined;
      /** Only archived chats, or only those that are not; all by default. */
      archived?: boolean | undefined;
      /** Only attempts of this group. */
      group?: string | undefined;
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
    /** With `by`, who has changed each file; with `ignored`, what the repository ignores, too. */
    query?: { since?: Since | undefined; by?: boolean | undefined; ignored?: boolean | undefined },
    options?: { signal?: AbortSignal | undefined },
  ): Promise<ChangeList>;
  /** The unified diff of one of these files, or of all of them. */
  changesDiff(chatId: string, query?: DiffQuery, options?: { signal?: AbortSignal | undefined }): Promise<ChangeDiff>;
  /**
   * Yields at once and whenever something has changed: the files, what is staged, or the commit. The server looks only
   * while somebody watches. Reconnects until the signal aborts; throws if it is refused.
   */
  watchChanges(chatId: string, options?: { signal?: AbortSignal | undefined }): AsyncIterable<ChangesNews>;
  /**
   * Stages files as they are in the working tree. All that write here throw `change_refused`, whose `details.reason` says
   * why; nothing was done then.
   */
  stageChanges(chatId: string, files: StageChanges): Promise<StagedChanges>;
  unstageChanges(chatId: string, files: StageChanges): Promise<StagedChanges>;
  /** Puts a file, or some hunks of it, back to what it was, unless it has changed since the person has seen it. */
  discardChange(
    chatId: string,
    discard: Omit<DiscardChange, 'since'> & Partial<Pick<DiscardChange, 'since'>>,
  ): Promise<DiscardedChange>;
  /** Gives back what was discarded, unless that has changed since. */
  undoDiscard(chatId: string, undo: UndoDiscard): Promise<UndoneDiscard>;
  /** Commits what is staged, or exactly the files that are named. */
  commitChanges(chatId: string, commit: CommitChanges): Promise<CommittedChanges>;
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
   * Goes back to before a prompt: the conversation, the files of the working tree (`what`), or both. Without a prompt the
   * conversation goes back to before the one since which it is too long for the model. With `dryRun` it only says what would
   * change. Waits for a running turn; throws `not_found`, `invalid_request`; of files `changes_unavailable`, `chat_busy` while
   * another chat works in them, and `files_changed` if they have changed since the dry run whose `tree` is given. A rewind of
   * files can be undone by its `rewindId`.
   */
  rewind(chatId: string, rewind?: RewindChat): Promise<RewindResult>;
  /**
   * The agent's answer to a question beside the conversation, also while a turn runs: neither becomes part of it. Throws
   * `aside_unavailable`, `model_error`.
   */
  aside(chatId: string, question: string, options?: { signal?: AbortSignal | undefined }): Promise<AsideAnswer>;
  /**
   * A new chat that begins with everything said in this one up to the end of a turn, by default the last one. The agent knows
   * that, and nothing of what followed. Throws `invalid_request` if that turn cannot be continued from.
   */
  fork(chatId: string, fork?: ForkChat): Promise<Chat>;
  /**
   * The worktrees that were made for chats, also for deleted ones, and what would be lost with each. With `making` only those
   * whose chat is being created, and how far that is.
   */
  listWorktrees(which?: { making?: boolean | undefined }): Promise<ListedWorktree[]>;
  /** Branches and tags whose names contain `part`, from which a chat in this directory can have a worktree. At most fifty. */
  listBranches(directory: string, part?: string): Promise<BranchList>;
  /**
   * Merges the branch of the chat's worktree into the branch that it was made from. Like all steps on worktrees, it is done or
   * refused with `worktree_refused`, whose `details.reason` says why, and then nothing has changed.
   */
  mergeWorktree(chatId: string, merge?: MergeWorktree): Promise<WorktreeResult>;
  rebaseWorktree(chatId: string, rebase?: RebaseWorktree): Promise<WorktreeResult>;
  /** Removes the worktree, and keeps its branch. The chat goes on in the repository's directory. */
  releaseWorktree(chatId: string): Promise<RemovedWorktree>;
  /**
   * Removes the worktree and its branch. Where something would be lost it is refused, and `details` has all `losses`. With
   * `discard: true` it goes, whatever would be lost; with `details.shown` only if it is still exactly what was named.
   */
  removeWorktree(chatId: string, options?: { discard?: boolean | string | undefined }): Promise<RemovedWorktree>;
  /** A prompt for a time, or for the times of a cron pattern. Throws `invalid_request`, whose `details.field` says what is wrong. */
  /** What the next prompt sends again, whether that is still cached, and about what it costs. */
  wakeCost(chatId: string): Promise<WakeCost>;
  /** How much of their accounts' plans (5 hours, 7 days) hosts have heard to be used. */
  planUsage(): Promise<PlanUsage>;
  createSchedule(chatId: string, schedule: CreateSchedule): Promise<Schedule>;
  /** Those that are due first; paused ones last. */
  listChatSchedules(chatId: string): Promise<{ items: Schedule[] }>;
  /** Of all chats, the newest first. */
  listSchedules(page?: { after?: string | undefined; limit?: number | undefined }): Promise<SchedulePage>;
  /** Pauses a schedule, or resumes it with its next time. */
  patchSchedule(chatId: string, scheduleId: string, patch: PatchSchedule): Promise<Schedule>;
  deleteSchedule(chatId: string, scheduleId: string): Promise<void>;
  /** What all chats have used, deleted ones included: without `from` in the last thirty days. */
  usage(query?: UsageQuery): Promise<UsageReport>;
  /** Whose the chat is, and who else may see it. */
  getSharing(chatId: string): Promise<ChatSharing>;
  setVisibility(chatId: string, visibility: ChatSharing['visibility']): Promise<ChatSharing>;
  /** With a person, by id or name. */
  shareChat(chatId: string, share: ShareChat): Promise<ChatSharing>;
  unshareChat(chatId: string, personId: string): Promise<ChatSharing>;
  /** The links by which anybody reads the chat, without their secrets. */
  listShareLinks(chatId: string): Promise<{ items: ShareLink[] }>;
  /** Its address is returned only now. */
  createShareLink(chatId: string, link?: CreateShareLink): Promise<CreatedShareLink>;
  revokeShareLink(chatId: string, linkId: string): Promise<void>;
  /** What people did, page by page, the newest first. */
  audit(query?: AuditQuery): Promise<AuditPage>;
  /** All of it that matches. Throws if it is cut off. */
  auditEntries(
    query?: Omit<AuditQuery, 'limit'>,
    options?: { signal?: AbortSignal },
  ): AsyncGenerator<AuditEntry, void, undefined>;
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
  /** Creates a link that signs in another browser of yours, once, within ten minutes. */
  makeSignInLink(): Promise<SignInLink>;
  /** Exchanges the sign-in link's one-time code for a token of its own, which ends when it was not used for 90 days. */
  signIn(code: string): Promise<{ token: string }>;
  /** How people sign in here, beside links and tokens. Needs no token. */
  signInWays(): Promise<SignInWays>;
  /** Your passkeys; owners may list everybody's. */
  listPasskeys(whose?: { everyone?: boolean | undefined }): Promise<Passkey[]>;
  /** For a browser: what it needs to make a passkey. The next one adds it. */
  beginPasskey(): Promise<PasskeyQuestion>;
  addPasskey(made: AddPasskey): Promise<Passkey>;
  /** Nobody can sign in with it any more. Who is signed in stays so. */
  removePasskey(passkeyId: string): Promise<void>;
  /** For a browser: what it needs to use a passkey. The next one signs it in. Neither needs a token. */
  beginPasskeySignIn(): Promise<PasskeyQuestion>;
  signInWithPasskey(used: SignInWithPasskey): Promise<{ token: string }>;
  /** Who asks, and with which token. */
  me(): Promise<Me>;
  /** The server's owner first. */
  listPeople(): Promise<Person[]>;
  /** Adds a person, who needs a token then. Throws `invalid_request` for a name that somebody has. */
  addPerson(person: AddPerson): Promise<Person>;
  /** In force at once: what they have open ends, and is opened again with the new role. */
  patchPerson(personId: string, patch: PatchPerson): Promise<Person>;
  /** Ends their tokens and what they have open, at once. */
  removePerson(personId: string): Promise<void>;
  /** For owners. */
  listRemovedPeople(): Promise<Person[]>;
  /** They may come in again, with a new token or by the identity provider: what they had has ended. */
  readmitPerson(personId: string): Promise<Person>;
  /** Your tokens and signed-in browsers; owners may list everybody's. */
  listTokens(whose?: { everyone?: boolean | undefined }): Promise<AccessToken[]>;
  /** Its secret is in the result, and never shown again. */
  createToken(token: CreateAccessToken): Promise<CreatedToken>;
  /** What was opened with it ends at once. */
  revokeToken(tokenId: string): Promise<void>;
  /** Ends this client's token if it has signed in by a link. Other tokens stay. */
  signOut(): Promise<void>;
  /** Replaces the server's own token in its file. With the old one, this client can do nothing more. `endSessions` ends all browsers, tokens and passkeys of its owner. */
  rotateServerToken(options?: { endSessions?: boolean | undefined }): Promise<void>;
  /** Your secrets and those of directories, or all for owners; no value is ever shown. */
  listSecrets(): Promise<Secret[]>;
  /** Throws `invalid_request`, also for names that no secret may have, `forbidden`, `cwd_invalid`, `config_invalid`. */
  setSecret(secret: SetSecret): Promise<Secret>;
  removeSecret(secretId: string): Promise<void>;
  /** With a fresh key, or with the first one of the key file. */
  rekeySecrets(how: RekeySecrets): Promise<RekeyedSecrets>;
  /** What the chat's agent gets at its next start. */
  listChatSecrets(chatId: string): Promise<Secret[]>;
  /** Gives one of yours to a chat. */
  useSecret(chatId: string, name: string): Promise<Secret[]>;
  /** Takes it from the chat. */
  dropSecret(chatId: string, secretId: string): Promise<void>;
  listInvites(): Promise<Invite[]>;
  /** A link through which somebody becomes one of the people, once. */
  createInvite(invite: CreateInvite): Promise<CreatedInvite>;
  deleteInvite(inviteId: string): Promise<void>;
  /** Works without a token. Throws `unauthorized` for a code that is unknown, used or over. */
  acceptInvite(accept: AcceptInvite): Promise<AcceptedInvite>;
}
