/**
 * One chat that this host holds. Clients' requests come in here; what must be done in order goes into the work queue and
 * is done by the chat's loop.
 */
import type { AgentTerminal } from '../terminal/agent-terminal.ts';
import type { Chat as ChatView, ChatState, PatchChat, WarmedChat } from '../protocol/chat.ts';
import type { AnswerDecision, Decision } from '../protocol/decision.ts';
import { BooError } from '../protocol/error.ts';
import type { Event, EventBody } from '../protocol/event.ts';
import type { ResumeQueue } from '../protocol/hold.ts';
import { type Actor, doneByActor } from '../protocol/principal.ts';
import type { InterruptResult } from '../protocol/prompt.ts';
import type { RewindResult } from '../protocol/rewind.ts';
import type { ChatRow } from '../store/chats.ts';
import type { OpenDecision } from '../store/decisions.ts';
import type { Lease } from '../store/events.ts';
import { type NewPrompt, nextPrompt } from '../store/prompts.ts';
import { FencedError } from '../store/storage-error.ts';
import { changeSettings } from './change-settings.ts';
import { BudgetHold } from './budget-hold.ts';
import { ChatBudget } from './chat-budget.ts';
import type { ChatContext, ChatEnvironment } from './chat-context.ts';
import { ChatLoop } from './chat-loop.ts';
import { ChatSession } from './chat-session.ts';
import { ChatSettings } from './chat-settings.ts';
import { ChatStateMachine } from './chat-state-machine.ts';
import { atRest, chatView, type LiveState } from './chat-view.ts';
import { flipChat } from './flip.ts';
import { type Departure, leaveHost } from './leave-host.ts';
import { eraseSessions } from './kept-sessions.ts';
import type { IdleAgent } from './idle-agent.ts';
import { PromptCache } from './prompt-cache.ts';
import { ContinuedCalls } from './continued-calls.ts';
import { ContinuedTurn } from './continued-turn.ts';
import { OpenDecisions } from './open-decisions.ts';
import { Asides } from './aside.ts';
import { openTerminal } from './open-terminal.ts';
import { acceptPrompt } from './prompt-acceptance.ts';
import type { PromptEdit } from './prompt-edits.ts';
import { QueueHold } from './queue-hold.ts';
import { rewindChat, type RewindRequest } from './rewind-chat.ts';
import { Giving } from './schedules/giving.ts';
import { passTimes, type ScheduleEdit } from './schedules/schedule-edits.ts';
import type { DecisionIds } from './turn.ts';
import { Turns } from './turns.ts';
import { type WaitLimits, Waits } from './waits.ts';
import { WorkQueue } from './work-queue.ts';
import type { Place } from './workspaces/workspaces.ts';
import { pause } from '../lib/clock.ts';

/** How often a chat that winds down is asked whether anything still runs. */
const lookAgainMs = 100;

export interface ChatParts extends ChatEnvironment {
  row: ChatRow;
  place: Place;
  /** What its last holder left open. */
  openDecisions: readonly OpenDecision[];
  waitLimits: WaitLimits;
  /** Clients may see the chat differently now. */
  readonly onChanged: () => void;
  /** The chat is cold and has nothing to do. */
  readonly onRest: () => void;
  /** Another host has taken the chat, or its log could not be written: this object must not be used any more. */
  readonly onGivenUp: (error: unknown) => void;
}

export class Chat {
  readonly id: string;
  readonly #context: ChatContext;
  readonly #session: ChatSession;
  readonly #decisions: OpenDecisions;
  readonly #hold: QueueHold;
  readonly #budgetHold: BudgetHold;
  readonly #turns: Turns;
  readonly #asides: Asides;
  readonly #giving: Giving;
  readonly #loop: ChatLoop;
  readonly #onChanged: () => void;

  constructor(parts: ChatParts) {
    const { row, sql, log, logger, clock, waitLimits, onChanged, onRest, onGivenUp } = parts;
    this.id = row.id;
    this.#onChanged = onChanged;
    const fail = (error: unknown): void => {
      if (!(error instanceof FencedError)) {
        logger.error({ chatId: row.id, err: error }, 'A chat is given up after an error.');
      }
      onGivenUp(error);
    };
    const settings = new ChatSettings(row, parts.place);
    const context: ChatContext = {
      ...parts,
      fail,
      settings,
      budget: new ChatBudget({ ...parts, settings }),
      cache: new PromptCache(clock),
      onPlaceChanged: onChanged,
      onScheduledTold: () => this.#giving.noteTold(),
      state: new ChatStateMachine(onChanged),
      queue: new WorkQueue(() => log.ask(() => nextPrompt(sql, row.id))),
      waits: new Waits({
        ...waitLimits,
        clock,
        onChanged,
        onSilentModel: () => void this.#turns.failTurn(silentModel(waitLimits)).catch(fail),
      }),
    };
    this.#context = context;
    const session = (this.#session = new ChatSession(context));
    const hold = (this.#hold = new QueueHold(context));
    const budgetHold = (this.#budgetHold = new BudgetHold(context, hold));
    const ids: DecisionIds = { pending: new Set(), kept: new Set(), unheard: new Set(), denied: new Map() };
    const turns = (this.#turns = new Turns(context, { session, hold, budgetHold, decisions: ids }));
    const continued = new ContinuedCalls(context, { session, turns, ids });
    const decisions = (this.#decisions = new OpenDecisions(context, { session, continued, ids }));
    const asides = (this.#asides = new Asides(context, { session, decisions }));
    this.#loop = new ChatLoop(context, { session, hold, budgetHold, turns, decisions, asides, onRest });
    this.#giving = new Giving(context, {
      restMs: () => this.#loop.restMs,
      releaseIfReset: () => hold.releaseIfReset(),
    });
    decisions.takeOver(parts.openDecisions);
    if (row.continuation) new ContinuedTurn(context, session, turns).add(row.continuation);
  }

  get state(): ChatState {
    return this.#context.state.publicState(this.#decisions.isAsking);
  }

  /** The chat as clients see it. */
  get view(): ChatView {
    return chatView(this.#context.settings.row, this.live);
  }

  /** As it was stored last, without a host that holds it. */
  get viewAtRest(): ChatView {
    return chatView({ ...this.#context.settings.row, holder: null }, atRest(this));
  }

  get live(): LiveState {
    const { state, waits, settings } = this.#context;
    const { directory } = settings;
    const waitsFor = this.#session.place.waitsFor ?? waits.now;
    return { state: this.state, waitsFor, mcpServers: state.mcpServers, directory };
  }

  /** It waits for a person, also while no process does. */
  get isAsking(): boolean {
    return this.#decisions.isAsking;
  }

  get lease(): Readonly<Lease> {
    return this.#context.log.lease;
  }

  /** It accepts nothing any more, and is about to leave this host. */
  get isStopped(): boolean {
    return this.#context.queue.isClosed;
  }

  /** Why no agent of the chat can work here: this host does not have its directory. */
  get missing(): BooError | undefined {
    return this.#context.settings.missing;
  }

  get isWarm(): boolean {
    return this.#context.state.isWarm;
  }

  /** Its agent, if it has nothing to do and may end for another one. */
  get idleAgent(): IdleAgent | null {
    const { settings, state, cache, waits } = this.#context;
    const { idleMs } = this.#loop;
    if (idleMs === null || !state.handle || waits.hasBackground || this.isAsking) return null;
    const { isAhead } = this.#session;
    const { head } = settings.row;
    return { chatId: this.id, isAhead, isCached: cache.leftMs > 0, idleMs, head, end: () => this.#loop.endIdle() };
  }

  /** Stores the prompt, and starts its turn when it is next. Returns the seq of its event. */
  async submit(prompt: NewPrompt): Promise<number> {
    const { log, settings, queue } = this.#context;
    queue.assertOpen();
    await this.#hold.releaseIfReset();
    if (this.#canBegin) {
      return new Promise((onStored, onRefused) => {
        this.#loop.startWith(() => this.#turns.runAtOnce(prompt, { onStored, onRefused }));
      });
    }
    const seq = await queue.addPrompt(() => acceptPrompt(log, settings, prompt));
    queue.wake();
    return seq;
  }

  /** Nothing is under way and nothing waits, so that a prompt can be stored together with the start of its turn. */
  get #canBegin(): boolean {
    // What is spent is looked at first, which takes a query.
    const isFree = !this.#hold.isHeld && !this.#decisions.isWaiting && !this.#context.budget.isLimited;
    return isFree && !this.#loop.isRunning && this.#session.isReady && this.#context.queue.hasNoPrompt;
  }

  /** Cancels or moves prompts that wait. */
  async editPrompts(edit: PromptEdit): Promise<void> {
    const { sql, log, queue } = this.#context;
    queue.assertOpen();
    await log.appendIf(async () => this.#hold.withEdit(await edit(sql, log)));
  }

  /** Makes, changes or removes a schedule. */
  async editSchedules(edit: ScheduleEdit): Promise<void> {
    const { sql, log, queue } = this.#context;
    queue.assertOpen();
    await log.appendIf(() => edit(sql, log));
  }

  /** Gives the prompts of schedules that are due. */
  giveDue(): Promise<void> {
    return this.#giving.give();
  }

  /** Resumes a held queue. */
  async resumeQueue(choice: ResumeQueue, actor: Actor): Promise<void> {
    this.#context.queue.assertOpen();
    await this.#budgetHold.assertResumable();
    await this.#hold.resume(choice, doneByActor(actor));
  }

  /** An event was stored. */
  noted(event: Event): void {
    const { settings, queue, waits, cache, budget } = this.#context;
    settings.noted(event);
    budget.noted(event);
    this.#decisions.noted(event);
    waits.noted(event);
    cache.noted(event);
    this.#giving.noted(event);
    this.#session.place.noted(event, settings.row);
    if (event.type === 'prompt_cancelled' || event.type === 'prompts_reordered') queue.promptsEdited();
    const returned = 'requeuedPromptIds' in event && event.requeuedPromptIds !== undefined;
    // The host may have added a prompt that goes before all others.
    const isOfHost = event.type === 'prompt_accepted' && event.principal === undefined;
    if (returned || isOfHost) queue.promptsReturned();
    if (event.type === 'queue_held' || event.type === 'queue_resumed') this.#hold.arm();
    this.#onChanged();
  }

  /** Starts what waits. Safe to call at any time. */
  wake(): void {
    this.#context.queue.wake();
  }

  /** There are other budgets now. */
  noteBudgets(): void {
    if (this.#budgetHold.isHolding) this.#context.queue.wake();
  }

  /** Starts the agent, if nothing is under way, for a prompt that is likely to come. Does not wait for it. Idempotent. */
  warmAhead(): WarmedChat {
    const { queue, state } = this.#context;
    queue.assertOpen();
    const isIdle = state.session.is === 'cold' && !this.#hold.isHeld && !this.#decisions.isWaiting;
    // Nobody waits: it is refused only when the chat leaves this host.
    if (isIdle && !queue.has('warm')) queue.addTask('warm', () => this.#session.warmAhead()).catch(() => undefined);
    return { state: this.state };
  }

  /** What its agent is started with has changed: it starts again before the next turn. */
  renewAgent(): void {
    this.#session.outdate();
  }

  async openTerminal(): Promise<AgentTerminal> {
    this.#context.queue.assertOpen();
    return openTerminal(this.#context, this.#session, this.#decisions);
  }

  /** Throws as `Chats.askAside`. */
  async askAside(question: string, signal: AbortSignal): Promise<string> {
    this.#context.queue.assertOpen();
    return this.#asides.ask(question, signal);
  }

  async interrupt(actor: Actor): Promise<InterruptResult> {
    const turnId = this.#context.state.turn?.id ?? null;
    const interrupted = (await this.#turns.interrupt(actor)) || (await this.#decisions.cancel(actor));
    return { interrupted, turnId };
  }

  /** Takes the conversation, the files or both back, between turns. */
  async rewind(request: RewindRequest, actor: Actor): Promise<RewindResult> {
    const { queue } = this.#context;
    queue.assertOpen();
    return queue.addTask('rewind', async () => {
      const result = await rewindChat(this.#context, this.#session, request, actor);
      if (result.promptIds.length > 0) await this.#hold.noteRewind(result.promptIds);
      return result;
    });
  }

  /** Does something in the chat's directory while no turn runs there. Throws `chat_busy` if one does. */
  async atRest<T>(work: () => Promise<T>): Promise<T> {
    const { queue, state } = this.#context;
    queue.assertOpen();
    if (state.turn || this.#decisions.isWaiting) {
      const message = 'A turn is running: wait until it has finished, or interrupt it.';
      throw new BooError('chat_busy', message, { details: { because: 'turn' } });
    }
    return queue.addTask('worktree', work);
  }

  /** Its worktree was removed. */
  forgetWorktree(): void {
    this.#context.settings.stored({ worktree: null });
    this.#onChanged();
  }

  async note(body: EventBody): Promise<void> {
    await this.#context.log.append({ events: [{ body }] });
  }

  /** Settles a decision; false if it was settled before. Throws `invalid_request`. */
  answer(decision: Decision, answer: AnswerDecision, actor: Actor): Promise<boolean> {
    return this.#decisions.answer(decision, answer, actor);
  }

  /**
   * Abort the signal, with a BooError, when the caller no longer waits: a flip that has not started is then withdrawn.
   */
  async patch(
    { backend, cwd, running = 'refuse', ...changes }: PatchChat,
    actor: Actor,
    signal?: AbortSignal,
  ): Promise<void> {
    this.#context.queue.assertOpen();
    const { sql, log } = this.#context;
    if (changes.archived === false) await passTimes(sql, log);
    const parts = { session: this.#session, turns: this.#turns, loop: this.#loop, decisions: this.#decisions };
    const chat = { ...this.#context, ...parts };
    if (backend === undefined && cwd === undefined) await changeSettings(chat, changes, actor);
    else await flipChat(chat, { backend, cwd, running, changes, actor, signal });
    if (changes.idleSeconds !== undefined) this.#loop.setIdleLimit();
    await this.#hold.noteChanges({ ...changes, cwd });
    if (changes.budgetUsd !== undefined) this.noteBudgets();
  }

  /**
   * Starts nothing more, and gives what runs time to finish, until the signal is aborted. A turn that only waits for a
   * person is suspended. `stop` comes next, or `reopen`, which ends this early.
   */
  async windDown(limit: AbortSignal): Promise<void> {
    const { queue, clock, waits } = this.#context;
    queue.close();
    this.#decisions.leave(true);
    const isBusy = (): boolean => this.#loop.isRunning || waits.hasBackground || this.#asides.isAnswering;
    while (queue.isClosed && isBusy() && !limit.aborted) await pause(clock, lookAgainMs, limit);
  }

  /** Takes a `windDown` back. */
  reopen(): void {
    this.#decisions.leave(false);
    this.#context.queue.reopen();
  }

  /** Closes the session between turns, for another host to continue the chat. `stop` comes next. */
  async leave(departure: Departure, actor: Actor, signal?: AbortSignal): Promise<void> {
    this.#context.queue.assertOpen();
    const parts = { session: this.#session, turns: this.#turns, loop: this.#loop, decisions: this.#decisions };
    await leaveHost({ ...this.#context, ...parts }, { ...departure, actor, signal });
  }

  /** Ends the session in order; a running turn is interrupted and finishes. No prompt is accepted any more. Idempotent. */
  async stop(): Promise<void> {
    const { state, log } = this.#context;
    this.#close();
    if (!state.turn || !(await this.#decisions.suspend())) await this.#turns.stop();
    await this.#asides.close();
    await this.#loop.ended();
    await this.#session.close();
    await log.settled();
    state.stop();
  }

  /** Ends the session and writes nothing to the log, which belongs to another host now. */
  async letGo(): Promise<void> {
    this.#close();
    this.#context.log.leave();
    await Promise.all([this.#session.abandon(), this.#asides.close()]);
    await this.#loop.ended();
    this.#context.state.stop();
  }

  #close(): void {
    this.#context.queue.close();
    this.#context.waits.stop();
    this.#hold.stop();
    this.#context.budget.stop();
    this.#decisions.stop();
  }

  /** After `stop`: removes what the agent keeps outside the store. The chat is being deleted. */
  async erase(): Promise<void> {
    await eraseSessions(this.#context);
    await this.#context.workspaces.changes.erase(this.id);
  }
}

function silentModel({ modelSilenceMs }: WaitLimits): BooError {
  return new BooError(
    'model_error',
    `The model has given no sign for ${modelSilenceMs / 1000} s, and the turn was ended. Send the prompt again.`,
  );
}
