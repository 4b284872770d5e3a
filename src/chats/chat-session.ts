/** The agent's session of one chat: opened for work, closed at rest, opened again after it was lost. */
import { randomUUID } from 'node:crypto';
import { existsSync } from 'node:fs';
import type { AgentSession, AgentSessionSpec, ContinuedCall } from '../agents/agent-backend.ts';
import { type BooError, toBooError } from '../protocol/error.ts';
import type { AgentBody } from '../protocol/event.ts';
import { openAgentSession } from '../store/agent-sessions.ts';
import { chatSideFiles } from '../store/chat-side-files.ts';
import type { Write } from '../store/events.ts';
import { findLastTurnAt } from '../store/turns.ts';
import { FencedError } from '../store/storage-error.ts';
import { StartPlace, type StartPurpose, WaitEnded } from './start-place.ts';
import { changingChat } from './changes/changing-chat.ts';
import type { ChatContext } from './chat-context.ts';
import { directoriesOf, madeFor } from './sandbox-floor.ts';
import { chatTranscripts } from './chat-transcripts.ts';
import { keepAsking } from './keep-asking.ts';
import { lookAtDirectory } from './directory-trust.ts';
import { costAdded, costResumed } from './session-cost.ts';
import { fullNotice, isScheduled, noteScheduled } from './schedules/agent-schedules.ts';
import { redactedError } from './secrets/redacted-error.ts';
import { redactedSideFiles } from './secrets/redacted-store.ts';
import { agentWrite } from './turn.ts';
import { arrive, noteBranch } from './arrival.ts';

/** What a new process begins with by itself. */
type SessionBegins = Pick<AgentSessionSpec, 'continues' | 'continuesTurn'>;

interface Opening {
  purpose: StartPurpose;
  begins?: SessionBegins;
  onAdmitted?: (() => Promise<void>) | undefined;
}

export class ChatSession {
  readonly #context: ChatContext;
  #isOutdated = false;
  #isAhead = false;
  /** Its agent may not start yet, or is starting. */
  readonly place: StartPlace;
  /** Rules that the agent was allowed to keep in the directory's settings, since those were last read. */
  #keptRules: string[] = [];
  /** The content that a notice has reported as not trusted. */
  #reportedDigest: string | undefined;
  #gitDirectory: string | undefined;
  /** A notice has said that the agent has too many schedules. */
  #isFull = false;

  constructor(context: ChatContext) {
    this.#context = context;
    this.place = new StartPlace(context);
  }

  /** Open with the chat's current settings, while the directory is as it was when it was read. */
  get isReady(): boolean {
    const { session } = this.#context.state;
    if (session.is !== 'ready' || this.#isOutdated) return false;
    const { handle, directory } = session;
    // Work in the background is worth more than the usual settings.
    const isUsual = handle.isForOneCall !== true || handle.isBusy;
    return isUsual && directory?.isCurrent() !== false;
  }

  get isOpening(): boolean {
    return this.#context.state.session.is === 'opening';
  }

  /** Opened for a prompt that has not come yet. */
  get isAhead(): boolean {
    return this.#isAhead;
  }

  /** Somebody uses it: it is not opened ahead any more. */
  use(): void {
    this.#isAhead = false;
  }

  /** The agent's own session, while it is open. */
  get handle(): AgentSession | undefined {
    return this.#context.state.handle;
  }

  /** A setting has changed that needs a new process: the session is opened again before the next turn. */
  outdate(): void {
    this.#isOutdated = true;
  }

  /** Somebody answered `allow_always`: the agent keeps these rules in the directory's settings. */
  noteRules(rules: readonly string[]): void {
    this.#keptRules.push(...rules);
  }

  /**
   * Starts or resumes the session if needed; `onAdmitted` is called before it does. Between turns only. Throws `WaitEnded`
   * if it was not to wait for a place any longer.
   */
  async warm(purpose: StartPurpose = 'task', onAdmitted?: () => Promise<void>): Promise<void> {
    for (;;) {
      await this.#lookAgain();
      if (this.isReady) return;
      // Again if a setting changed while it opened.
      await this.#reopen({ purpose, onAdmitted });
    }
  }

  /**
   * Opens the session for a prompt that is likely to come, if no place that it takes is needed. A failure is the prompt's, if
   * it comes. Between turns only.
   */
  async warmAhead(): Promise<void> {
    const { state, logger, settings } = this.#context;
    if (state.session.is !== 'cold' || !this.place.takeAhead()) return;
    this.#isAhead = true;
    try {
      await this.#reopen({ purpose: 'ahead' });
    } catch (err) {
      logger.debug({ chatId: settings.row.id, err }, 'An agent could not be started ahead of a prompt.');
      this.forgetFailure();
      if (err instanceof FencedError) throw err;
    }
  }

  /** Opens the session in a new process, which continues with this call. Between turns only. */
  async continueCall(call: ContinuedCall): Promise<void> {
    await this.#reopen({ purpose: 'call', begins: { continues: call } });
  }

  /** Opens the session in a new process, which continues the last turn by itself. Between turns only. */
  async continueTurn(): Promise<void> {
    await this.#reopen({ purpose: 'turn', begins: { continuesTurn: true } });
  }

  async #reopen({ purpose, begins, onAdmitted }: Opening): Promise<void> {
    const { state } = this.#context;
    await this.close();
    const abort = new AbortController();
    const open = async (): Promise<void> => {
      await this.place.take(purpose, abort.signal);
      await onAdmitted?.();
      await this.#open(abort.signal, begins);
    };
    const opening = open();
    const done = opening.then(
      () => undefined,
      () => undefined,
    );
    state.moveSession({ is: 'opening', abort, done, mcpServers: null });
    try {
      await opening;
      this.place.opened(purpose);
    } catch (error) {
      this.place.leave();
      const failure = redactedError(error, this.#context.log.redaction);
      this.#end(failure instanceof WaitEnded ? undefined : toBooError(failure));
      throw failure;
    }
  }

  /** Ends an open session in order, or waits until it has ended. Between turns only. */
  async close(): Promise<void> {
    const { session } = this.#context.state;
    if (session.is === 'closing') return session.done;
    if (session.is !== 'ready') return;
    const done = session.handle.close().finally(() => this.#end());
    this.#context.state.moveSession({ is: 'closing', done });
    await done;
  }

  /** Ends the session at once, whatever it does: another host has the chat now. */
  async abandon(): Promise<void> {
    const { state, settings } = this.#context;
    const continuesTurn = settings.row.onInterrupted === 'continue';
    if (state.session.is === 'opening') {
      state.session.abort.abort();
      await state.session.done;
    }
    if (state.session.is === 'ready') {
      const { handle } = state.session;
      // What it asked a person, or is working on, is for the chat's next holder: in its transcript it must not be denied.
      if ((await handle.suspend?.()) === true || (continuesTurn && (await handle.leaveTurn?.()) === true)) return;
      await handle.close();
    }
    if (state.session.is === 'closing') await state.session.done;
  }

  /** The branch may have changed. */
  async noteBranch(): Promise<void> {
    if (this.#gitDirectory !== undefined) await noteBranch(this.#context, this.#gitDirectory);
  }

  /** The reason why it did not open may be gone. */
  forgetFailure(): void {
    if (this.#context.state.session.is === 'cold') this.#end();
  }

  /** Reads the directory again if something was written there, which mostly does not matter. */
  async #lookAgain(): Promise<void> {
    const { state } = this.#context;
    if (state.session.is !== 'ready' || state.session.directory?.isCurrent() !== false) return;
    const { content } = await this.#look();
    const { session } = state;
    if (session.is === 'ready' && content && content.digest === session.directory?.digest) {
      state.moveSession({ ...session, directory: content });
    }
  }

  async #look(): ReturnType<typeof lookAtDirectory> {
    const { sql, log, settings, agents } = this.#context;
    const { agent, cwd } = settings.rowHere;
    const found = await lookAtDirectory(sql, agents.agentFor(agent), cwd, {
      keptRules: this.#keptRules,
      ask: (statement) => log.ask(statement),
    });
    this.#keptRules = [];
    return found;
  }

  async #open(signal: AbortSignal, begins?: SessionBegins): Promise<void> {
    const { sql, log, logger, queue, settings, state, waits, agents, workspaces } = this.#context;
    this.#isOutdated = false;
    await keepAsking(this.#context);
    const {
      id: chatId,
      agent,
      backend: name,
      cwd: own,
      agentDirectory,
      model,
      effort,
      permissionMode,
      trusted,
      acceptsAgentMessages,
    } = settings.row;
    const { directory: cwd, missing } = settings;
    if (missing) throw missing;
    const backend = agents.backendFor(name);
    // A link may have changed since the chat was created.
    await workspaces.places.assert(cwd);
    if (agentDirectory?.worktree && existsSync(agentDirectory.worktree)) {
      await workspaces.places.assert(agentDirectory.worktree);
    }
    const wanted = { agent, backend: name, sessionId: randomUUID() };
    const session = await log.ask(() => openAgentSession(sql, log.lease, wanted));
    if (!session) throw new FencedError(chatId);
    // The chat may have been released or dropped in the meantime.
    queue.assertOpen();
    this.#gitDirectory = await arrive(this.#context);
    if (this.#gitDirectory !== undefined) void workspaces.changes.prepare(changingChat(settings.rowHere));
    queue.assertOpen();
    const directory = trusted ? await this.#look() : undefined;
    if (directory?.reason) await this.#report(directory.reason, directory.content?.digest ?? '');
    queue.assertOpen();
    let handle: AgentSession | undefined;
    let lost: BooError | undefined;
    const variables = await this.#variables();
    const sandbox = await this.#sandbox(cwd);
    await this.#context.before;
    const spec: AgentSessionSpec = {
      chatId,
      sessionId: session.sessionId,
      cwd,
      // Elsewhere it was in the chat's own directory.
      agentDirectory: agentDirectory ?? (cwd === own ? null : { cwd: own, worktree: null }),
      model,
      effort,
      permissionMode,
      trusted: directory?.trusted === true,
      directory: directory?.content,
      acceptsAgentMessages,
      ...sandbox,
      ...begins,
      variables,
      sessionStore: chatTranscripts(sql, log, agents.agentFor(agent).foldSummary),
      sideFiles: redactedSideFiles(chatSideFiles(sql, log.lease), log.redaction),
      onUnprompted: (events) => queue.addUnprompted(events),
      onEvent: (event) => this.#record(event),
      onResumed: async (counted) => {
        await log.appendIf(() => costResumed(sql, log, settings.row.agent, counted));
      },
      onCost: async (cost) => {
        await log.appendIf(() => costAdded(log, settings.row.agent, cost)).catch(this.#context.fail);
      },
      isStoring: () => log.isBusy,
      spending: this.#context.budget.open(),
      onSign: () => waits.sign(),
      onRequest: () => this.place.leave(),
      onMcpServers: (mcpServers) => {
        const { session: phase } = state;
        if (phase.is === 'opening' || phase.is === 'ready') state.moveSession({ ...phase, mcpServers });
      },
      onScheduled: (change) => void noteScheduled(this.#context, change, () => this.#full()).catch(this.#context.fail),
      lastTurnAt: () => log.ask(() => findLastTurnAt(sql, chatId)),
      isScheduled: async (words) => {
        const is = await log.ask(() => isScheduled(sql, chatId, words));
        if (is) this.#context.onScheduledTold();
        return is;
      },
      onLost: (cause) => {
        logger.warn({ chatId, cause: cause.message }, 'The agent process was lost.');
        lost = cause;
        if (handle !== undefined && state.handle === handle) this.#end();
      },
    };
    handle = await backend.openSession(spec, signal);
    // The process may already be gone again.
    if (lost !== undefined) throw lost;
    state.moveSession({ is: 'ready', handle, directory: directory?.content, mcpServers: state.mcpServers });
  }

  /** The strictest of what the chat asks for and what is set for where its agent will work. */
  async #sandbox(cwd: string): Promise<Pick<AgentSessionSpec, 'sandbox' | 'sandboxNetwork'>> {
    const { settings, sandbox: floor } = this.#context;
    const { sandbox, sandboxNetwork } =
      (await floor?.inForce(settings.row, directoriesOf(settings.row, cwd))) ?? settings.row;
    return { sandbox, sandboxNetwork };
  }

  /** The secrets of the chat: only a start of the program applies them. */
  async #variables(): Promise<AgentSessionSpec['variables']> {
    const { secrets, log, settings } = this.#context;
    if (!secrets) return undefined;
    return log.retrying(() => secrets.variables([settings.directory, ...madeFor(settings.row)]));
  }

  /** The agent's process is gone. Not every agent says what has ended with it. */
  #end(failure?: BooError): void {
    const { state, waits, budget } = this.#context;
    state.moveSession({ is: 'cold', failure });
    budget.noteEnd();
    this.place.leave();
    const hadBackground = waits.hasBackground;
    waits.forget();
    if (hadBackground) this.#record({ type: 'background_tasks', tasks: [] });
  }

  /** Stores what the agent says outside a turn. */
  #record(body: AgentBody): void {
    const { log, settings, fail } = this.#context;
    const write = agentWrite(log, settings.row.agent, body);
    const stored = log.append(write).then(() => {
      if (write.chat) settings.stored(write.chat);
    });
    stored.catch(fail);
  }

  /** Said once, as long as this host holds the chat. */
  #full(): Write | null {
    if (this.#isFull) return null;
    this.#isFull = true;
    return fullNotice();
  }

  /** Once per content, as long as this host holds the chat. */
  async #report({ message, data }: { message: string; data: Record<string, unknown> }, digest: string): Promise<void> {
    if (this.#reportedDigest === digest) return;
    this.#reportedDigest = digest;
    const { log, settings } = this.#context;
    const how = `${message} Look at it and trust it with: boocode trust ${settings.row.id}`;
    const body = { type: 'notice', level: 'warning', code: 'trust_changed', message: how, data } as const;
    await log.append({ events: [{ body }] });
  }
}
