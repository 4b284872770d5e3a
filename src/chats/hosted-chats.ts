import { randomUUID } from 'node:crypto';
import type { AgentDirectory } from '../agents/agent.ts';
import { dropUndefined } from '../lib/drop-undefined.ts';
import type { Log } from '../lib/log.ts';
import {
  type Chat as ChatView,
  type ChatPage,
  type CreateChat,
  initialSettings,
  type PatchChat,
  type WarmedChat,
} from '../protocol/chat.ts';
import type { AnswerDecision, Decision, DecisionPage } from '../protocol/decision.ts';
import { BooError } from '../protocol/error.ts';
import type { DirectoryList } from '../protocol/directory.ts';
import type { EventPage } from '../protocol/event.ts';
import type { ResumeQueue } from '../protocol/hold.ts';
import type { HostInfo, MovedToHost, MoveToHost } from '../protocol/host.ts';
import type { BeginImport, ImportLines, ImportProgress, SessionImport } from '../protocol/import.ts';
import type { HealthReason, Info } from '../protocol/info.ts';
import { byText } from '../protocol/by-text.ts';
import { type Actor, doneByActor, ownerOf } from '../protocol/principal.ts';
import type { InterruptResult, MovePrompt, SubmitPrompt, WaitingPromptList } from '../protocol/prompt.ts';
import type { RewindChat, RewindResult } from '../protocol/rewind.ts';
import type { ChatTrust, GiveTrust } from '../protocol/trust.ts';
import { type ChatRow, findChat, insertChat, listChats, type NewChat, toChatRows } from '../store/chats.ts';
import type { Sql } from '../store/database.ts';
import { findDecision, listDecisions } from '../store/decisions.ts';
import { readWaitingPrompts } from '../store/prompts.ts';
import type { SlowLane } from '../store/slow-lane.ts';
import type { ChangesElsewhere } from './changes-elsewhere.ts';
import { type EventPageQuery, readEventPage } from './event-page.ts';
import { rowHere } from './assert-here.ts';
import { assertOffered } from './assert-offered.ts';
import { Bypass, concernsBypass } from './bypass.ts';
import { ChatChanges } from './changes/chat-changes.ts';
import { ChatViews } from './chat-views.ts';
import type {
  AgentTerminal,
  ChatNotification,
  ChatQuery,
  Chats,
  Creating,
  Draining,
  FollowFrom,
  Holder,
  Reader,
  StoredTranscript,
  Subject,
  SubmittedPrompt,
} from './chats.ts';
import { forkChat, type ForkParts } from './fork.ts';
import { Holders } from './holders.ts';
import type { Host } from './host.ts';
import { HostMoves } from './host-moves.ts';
import { describeHosts } from './hosts.ts';
import { Limits } from './limits/limits.ts';
import { Imports } from './imports.ts';
import { within } from '../lib/within.ts';
import { describeTrust, isTrustedNow, isTrustedOrUnreviewed, trustDirectory, trustLike } from './directory-trust.ts';
import { listDirectories } from './directories.ts';
import { cancelling, moving } from './prompt-edits.ts';
import { pageCursor } from './page-cursor.ts';
import { ask, elsewhere, unknownChat } from './storage.ts';
import { readStoredTranscript } from './stored-transcript.ts';
import { rewindHosted } from './rewind-hosted.ts';
import { Schedules } from './schedules/schedules.ts';
import type { SharedBudgets } from './shared-budgets.ts';
import { submitPrompt } from './submit-prompt.ts';
import { UsageReports } from './usage/usage-reports.ts';
import { directoriesOf, SandboxFloor } from './sandbox-floor.ts';
import { resolveWorkingDirectory } from './working-directory.ts';
import type { Workspaces } from './workspaces/workspaces.ts';
import { isolateFork } from './worktrees/isolate-fork.ts';
import { onlyIsolated } from './worktrees/refused.ts';
import { Worktrees } from './worktrees/worktrees.ts';

export interface HostedChatsParts {
  sql: Sql;
  slow: SlowLane;
  host: Host;
  changesElsewhere: ChangesElsewhere;
  /** The server's own files: no agent works in it, above it or below it. */
  dataDir: string;
  readonly workspaces: Workspaces;
  agents: AgentDirectory;
  logger: Log;
  /** Whether a new chat resumes by itself when a limit resets, unless it says otherwise. */
  resumeAtReset: boolean;
  /** What a new chat may cost, unless it says otherwise. */
  budgetUsd: number | null;
  /** The least that any chat has. */
  sandbox?: SandboxFloor;
  /** Who may have an agent that never asks. */
  readonly bypass?: Bypass;
  budgets: SharedBudgets;
  describe(): Omit<Info, 'hostId' | keyof Host['counts'] | keyof ReturnType<AgentDirectory['describe']>>;
}

/** How long a deletion waits for the worktree to be gone. */
const removalWaitMs = 1_000;

/** The chats of one host and its database, for all callers. */
export class HostedChats implements Chats {
  readonly changes: ChatChanges;
  readonly budgets: SharedBudgets;
  readonly worktrees: Worktrees;
  readonly schedules: Schedules;
  readonly usage: UsageReports;
  readonly limits: Limits;
  readonly #sql: Sql;
  readonly #slow: SlowLane;
  readonly #host: Host;
  readonly #workspaces: Workspaces;
  readonly #agents: AgentDirectory;
  readonly #resumeAtReset: boolean;
  readonly #budgetUsd: number | null;
  readonly #sandbox: SandboxFloor;
  readonly #bypass: Bypass;
  readonly #views: ChatViews;
  readonly #holders: Holders;
  readonly #hostMoves: HostMoves;
  readonly #imports: Imports;
  readonly #changesElsewhere: ChangesElsewhere;
  readonly #describe: HostedChatsParts['describe'];

  constructor(parts: HostedChatsParts) {
    this.changes = new ChatChanges(parts);
    this.worktrees = new Worktrees({
      ...parts,
      mayTrust: (chat) => isTrustedOrUnreviewed(parts.sql, parts.agents.agentFor(chat.agent), chat.cwd),
      isTrusted: (chat) => isTrustedNow(parts.sql, parts.agents, chat),
      trustLike: (chat, other) => trustLike(parts.sql, parts.agents.agentFor(chat.agent), chat.cwd, other),
    });
    this.schedules = new Schedules(parts);
    this.usage = new UsageReports(parts);
    this.limits = new Limits(parts);
    this.#sql = parts.sql;
    this.#slow = parts.slow;
    this.#host = parts.host;
    this.#workspaces = parts.workspaces;
    this.#agents = parts.agents;
    this.#resumeAtReset = parts.resumeAtReset;
    this.#budgetUsd = parts.budgetUsd;
    this.#sandbox = parts.sandbox ?? new SandboxFloor();
    this.#bypass = parts.bypass ?? new Bypass();
    this.budgets = parts.budgets;
    this.#views = new ChatViews(parts);
    this.#holders = new Holders(parts);
    this.#hostMoves = new HostMoves(parts);
    this.#imports = new Imports({
      ...parts,
      hostId: parts.host.id,
      newChat: (input, actor) => this.#newChat(input, actor),
      trust: (chat) => this.#trust(chat),
    });
    this.#changesElsewhere = parts.changesElsewhere;
    this.#describe = () => parts.describe();
  }

  async createChat({ isolation, worktree, ...input }: CreateChat, { signal, actor }: Creating = {}): Promise<ChatView> {
    if (worktree && isolation !== 'worktree') throw onlyIsolated();
    const chat = await this.#newChat(input, actor);
    if (isolation === 'worktree') return this.#announce(await this.worktrees.create(chat, worktree ?? {}, { signal }));
    if (chat.trusted) await this.#trust(chat);
    return this.#announce(await ask(() => insertChat(this.#sql, chat)));
  }

  /** What to store for a new chat. Throws if it could not run here. */
  async #newChat({ confirmBypass, ...input }: CreateChat, actor: Actor | undefined): Promise<NewChat> {
    this.#bypass.assertMay(actor, { ...input, confirmBypass }, null);
    const agent = input.agent ?? this.#agents.default.name;
    const backend = this.#agents.choose(agent, input.backend);
    const cwd = await resolveWorkingDirectory(input.cwd, this.#workspaces.places);
    await this.#sandbox.assert(input, [cwd]);
    await assertOffered(this.#agents.agentFor(agent), input);
    if (input.host !== undefined) await this.#hostMoves.assertKnown(input.host);
    const defaults = { ...initialSettings, resumeAtReset: this.#resumeAtReset, budgetUsd: this.#budgetUsd };
    const workspace = (await this.#workspaces.look(cwd))?.workspace ?? null;
    const owner = ownerOf(actor);
    return { ...defaults, ...dropUndefined(input), id: randomUUID(), cwd, workspace, agent, backend, owner };
  }

  async listChats({ after, signal, ...page }: ChatQuery): Promise<ChatPage> {
    const before = after === undefined ? null : pageCursor(after);
    const late = 'The search took too long: search for a longer text, or try again when the server is less busy.';
    const found =
      page.q === undefined
        ? await ask(() => listChats(this.#sql, { ...page, before }))
        : await this.#slow.ask((db) => listChats(db, { ...page, before }), { signal, late });
    const rows = toChatRows(found);
    const last = rows.length === page.limit ? rows.at(-1) : undefined;
    const items = await this.#views.of(rows);
    return { items, next: last ? String(last.ordinal) : null };
  }

  async getChat(chatId: string): Promise<ChatView> {
    return (await this.#views.of([await this.#row(chatId)]))[0]!;
  }

  async patchChat(
    actor: Actor,
    chatId: string,
    { cwd: given, confirmBypass, ...rest }: PatchChat,
    { signal }: { signal?: AbortSignal | undefined } = {},
  ): Promise<ChatView> {
    const place = given === undefined ? {} : { cwd: await resolveWorkingDirectory(given, this.#workspaces.places) };
    const patch = { ...rest, ...place };
    if (patch.sandbox || patch.sandboxNetwork) {
      const row = await rowHere(this.#workspaces, await this.#row(chatId));
      await this.#sandbox.assert(patch, place.cwd === undefined ? directoriesOf(row) : [place.cwd]);
    }
    // What has nothing to do with it needs no answer of the database first.
    if (concernsBypass(patch)) this.#bypass.assertMay(actor, { ...patch, confirmBypass }, await this.#row(chatId));
    if (patch.model || patch.permissionMode) {
      await assertOffered(this.#agents.agentFor((await this.#row(chatId)).agent), patch);
    }
    if (patch.trusted === true) {
      const row = await this.#row(chatId);
      await this.#trust(given === undefined ? await rowHere(this.#workspaces, row) : { ...row, ...place });
    }
    if (patch.host) await this.#hostMoves.assertKnown(patch.host);
    const { host, ...others } = patch;
    // Also if only another host may take the chat up.
    const isPinned = host !== undefined && (await this.#hostMoves.pinIfCold(actor, chatId, host));
    const left = isPinned ? others : patch;
    if (Object.keys(left).length > 0) await this.#host.use(chatId, (chat) => chat.patch(left, actor, signal));
    const view = await this.getChat(chatId);
    if (isPinned) this.#host.notifier.changed(chatId, () => view);
    this.#hostMoves.letGoIfPinned(view, actor);
    return view;
  }

  moveToHost(actor: Actor, chatId: string, to: MoveToHost, options?: { signal?: AbortSignal }): Promise<MovedToHost> {
    return this.#hostMoves.move(actor, chatId, to, options?.signal);
  }

  get draining(): Draining {
    return this.#host.draining;
  }

  async readTrust(chatId: string): Promise<ChatTrust> {
    const row = await rowHere(this.#workspaces, await this.#row(chatId));
    return describeTrust(this.#sql, this.#agents.agentFor(row.agent), row);
  }

  async giveTrust(actor: Actor, chatId: string, { digest }: GiveTrust): Promise<ChatTrust> {
    await this.#trust(await rowHere(this.#workspaces, await this.#row(chatId)), digest);
    await this.#host.use(chatId, (chat) => chat.patch({ trusted: true }, actor));
    return this.readTrust(chatId);
  }

  async #trust(chat: Pick<ChatRow, 'agent' | 'cwd'> & { id?: string }, digest?: string): Promise<void> {
    await trustDirectory(this.#sql, this.#agents.agentFor(chat.agent), chat, digest);
  }

  readonly forkChat: Chats['forkChat'] = async (actor, chatId, fork, signal) => {
    const parent = this.#bypass.inherited(actor, await this.#row(chatId));
    const isolate: ForkParts['isolate'] = (chat, isolated) =>
      isolateFork({ workspaces: this.#workspaces, worktrees: this.worktrees, parent, signal }, chat, isolated);
    return this.#announce(await forkChat({ slow: this.#slow, agents: this.#agents, isolate }, actor, parent, fork));
  };

  async deleteChat(actor: Actor, chatId: string): Promise<void> {
    const { title, cwd } = await this.#row(chatId);
    await this.#host.delete(chatId, actor);
    // A large one takes longer than anybody waits for the deletion of a chat.
    await within(removalWaitMs, this.worktrees.afterDelete(chatId, title ?? cwd));
  }

  submitPrompt(actor: Actor, chatId: string, prompt: SubmitPrompt): Promise<SubmittedPrompt> {
    return submitPrompt({ sql: this.#sql, host: this.#host }, actor, chatId, prompt);
  }

  async resumeQueue(actor: Actor, chatId: string, choice: ResumeQueue): Promise<ChatView> {
    await this.#host.use(chatId, (chat) => chat.resumeQueue(choice, actor));
    return this.getChat(chatId);
  }

  async interrupt(actor: Actor, chatId: string): Promise<InterruptResult> {
    const row = await this.#row(chatId);
    const chat = this.#host.find(chatId);
    if (chat) return chat.interrupt(actor);
    if ((await this.#views.elsewhere([row])).size > 0) throw await elsewhere(this.#sql, chatId);
    if (row.isAsking) return this.#host.use(chatId, (held) => held.interrupt(actor));
    return { interrupted: false, turnId: null };
  }

  warmAhead(chatId: string): Promise<WarmedChat> {
    return this.#host.use(chatId, (chat) => Promise.resolve(chat.warmAhead()), { needsDirectory: true });
  }

  rewind(actor: Actor, chatId: string, rewind: RewindChat): Promise<RewindResult> {
    const parts = { sql: this.#sql, host: this.#host, workspaces: this.#workspaces, agents: this.#agents };
    return rewindHosted(parts, actor, chatId, rewind);
  }

  askAside(chatId: string, question: string, { signal }: { signal: AbortSignal }): Promise<string> {
    return this.#host.use(chatId, (chat) => chat.askAside(question, signal), { needsDirectory: true });
  }

  async listPrompts(chatId: string): Promise<WaitingPromptList> {
    await this.#row(chatId);
    const rows = await ask(() => readWaitingPrompts(this.#sql, chatId));
    const items = rows.map(({ id: promptId, seq, content, actor }) => ({
      promptId,
      seq,
      content,
      ...(actor && doneByActor(actor)),
    }));
    return { items };
  }

  async cancelPrompt(actor: Actor, chatId: string, promptId: string): Promise<void> {
    await this.#host.use(chatId, (chat) => chat.editPrompts(cancelling(promptId, actor)));
  }

  async movePrompt(actor: Actor, chatId: string, promptId: string, { before }: MovePrompt): Promise<WaitingPromptList> {
    await this.#host.use(chatId, (chat) => chat.editPrompts(moving(promptId, before, actor)));
    return this.listPrompts(chatId);
  }

  listDirectories(prefix: string): Promise<DirectoryList> {
    return listDirectories(prefix, this.#workspaces.places);
  }

  async readEvents(chatId: string, page: EventPageQuery): Promise<EventPage> {
    return readEventPage(this.#sql, chatId, page);
  }

  async openTerminal(chatId: string): Promise<AgentTerminal> {
    return this.#host.use(chatId, (chat) => chat.openTerminal(), { needsDirectory: true });
  }

  async follow(chatId: string, cursor: FollowFrom): Promise<Reader> {
    await this.#row(chatId);
    if (cursor.onlyIfHeld && !this.#host.find(chatId)) throw await elsewhere(this.#sql, chatId);
    return this.#host.feed(chatId).follow(cursor);
  }

  watch(listener: (notification: ChatNotification) => void): ReturnType<Chats['watch']> {
    const watching = this.#changesElsewhere.watch(listener);
    return {
      warm: this.#host.warm,
      warmElsewhere: () => ask(() => watching.held()),
      close: () => watching.close(),
    };
  }

  async readTranscript(chatId: string): Promise<StoredTranscript> {
    return readStoredTranscript(this.#sql, this.#slow, await this.#row(chatId));
  }

  async listDecisions(page: Parameters<Chats['listDecisions']>[0]): Promise<DecisionPage> {
    const after = page.after === undefined ? 0 : pageCursor(page.after);
    const { items, last } = await ask(() => listDecisions(this.#sql, { ...page, after }));
    return { items, next: items.length === page.limit ? String(last) : null };
  }

  async answerDecision(actor: Actor, decisionId: string, answer: AnswerDecision): Promise<Decision> {
    const decision = await this.#decision(decisionId);
    if (decision.status === 'pending') {
      // It may wait without a process, and without a host that holds the chat.
      const isSettled = await this.#host.use(decision.chatId, (chat) => chat.answer(decision, answer, actor));
      if (isSettled) return this.#decision(decisionId);
    }
    const winner = await this.#decision(decisionId);
    throw new BooError('decision_settled', `This was already settled: ${winner.outcome} by ${byText(winner)}.`, {
      details: { decision: winner },
    });
  }

  beginImport(input: BeginImport, actor?: Actor): Promise<SessionImport> {
    return this.#imports.begin(input, actor);
  }

  readImport(importId: string): Promise<ImportProgress> {
    return this.#imports.read(importId);
  }

  addImportLines(importId: string, lines: ImportLines): Promise<void> {
    return this.#imports.addLines(importId, lines);
  }

  async finishImport(importId: string): Promise<ChatView> {
    return this.#announce(await this.#imports.finish(importId));
  }

  removeImport(importId: string): Promise<void> {
    return this.#imports.remove(importId);
  }

  findHolder(of: Subject, how = { seen: false }): Promise<Holder | null> {
    return this.#holders.find(of, how);
  }

  findOtherHost(of: Subject, wanted: { hasDirectory: boolean }): Promise<Holder | null> {
    return this.#holders.findOther(of, wanted);
  }

  listHosts(): Promise<HostInfo[]> {
    return ask(() => describeHosts(this.#sql, this.#host.id));
  }

  info(): Info {
    return { ...this.#describe(), ...this.#agents.describe(), hostId: this.#host.id, ...this.#host.counts };
  }

  health(): Promise<HealthReason | null> {
    return this.#host.health();
  }

  async #decision(id: string): Promise<Decision> {
    const decision = await ask(() => findDecision(this.#sql, id));
    if (!decision) throw new BooError('not_found', 'This decision does not exist.');
    return decision;
  }

  async #row(chatId: string): Promise<ChatRow> {
    const row = await ask(() => findChat(this.#sql, chatId));
    if (!row) throw unknownChat();
    return row;
  }

  #announce(row: ChatRow): ChatView {
    this.#host.notifier.changed(row.id, () => this.#views.here(row));
    return this.#views.here(row);
  }
}
