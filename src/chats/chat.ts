/**
 * One chat that this host holds: its queue of prompts, its turns, its decisions. All that is done in turn is done by the
 * pump, one thing after another; the agent's session has a file of its own.
 */
import type { AgentDirectory } from '../agents/agent.ts';
import { type AgentEvent, endWithoutResult } from '../agents/agent-backend.ts';
import type { AgentTerminal } from '../terminal/agent-terminal.ts';
import type { Clock } from '../lib/clock.ts';
import type { Limiter } from '../lib/limiter.ts';
import type { Log } from '../lib/log.ts';
import type { AgentName, Chat as ChatView, ChatState, McpServer, PatchChat } from '../protocol/chat.ts';
import type { AnswerDecision, Decision } from '../protocol/decision.ts';
import { BooError, toBooError } from '../protocol/error.ts';
import type { AgentBody, Event } from '../protocol/event.ts';
import type { ResumeQueue } from '../protocol/hold.ts';
import { type Actor, doneByActor } from '../protocol/principal.ts';
import type { InterruptResult, RewindResult } from '../protocol/prompt.ts';
import type { ChatRow } from '../store/chats.ts';
import type { Sql } from '../store/database.ts';
import type { Lease } from '../store/events.ts';
import { type NewPrompt, nextPrompt, type PromptRow } from '../store/prompts.ts';
import { FencedError, isUniqueViolation, toStorageError } from '../store/storage-error.ts';
import type { ChatLog } from './chat-log.ts';
import { ChatSession } from './chat-session.ts';
import { chatView, type LiveState } from './chat-view.ts';
import { ChatSettings } from './chat-settings.ts';
import { eraseSessions, type KeptSessions, leaveDirectory } from './kept-sessions.ts';
import { Flips } from './flip.ts';
import { OpenDecisions } from './open-decisions.ts';
import { openTerminal } from './open-terminal.ts';
import { acceptPrompt, type AwaitedReceipt } from './prompt-acceptance.ts';
import type { PromptEdit } from './prompt-edits.ts';
import { Pump } from './pump.ts';
import { afterCrashes, maxStarts, obstacleOf, QueueHold, triesOf } from './queue-hold.ts';
import { rewindChat } from './rewind.ts';
import { costAdded, costResumed } from './session-cost.ts';
import { lettingGo } from './storage.ts';
import { agentWrite, type TurnEnd, turnStart } from './turn.ts';
import { type Interruptible, Turns } from './turns.ts';
import { WaitingPrompts } from './waiting-prompts.ts';
import { type WaitLimits, Waits } from './waits.ts';

export interface ChatParts {
  sql: Sql;
  row: ChatRow;
  log: ChatLog;
  clock: Clock;
  logger: Log;
  idleTimeoutMs: number;
  waitLimits: WaitLimits;
  dataDir: string;
  /** Starting agent processes is heavy: only a few at once. */
  warmLimiter: Limiter;
  /** The end of the session that this host had of the chat before, where it was let go. */
  readonly before: Promise<void> | undefined;
  readonly agents: AgentDirectory;
  /** Something about the chat may look different now. */
  onChanged(): void;
  /** The chat is cold and has nothing to do. */
  onRest(): void;
  /** Another host has taken the chat, or its log could not be written: this object must not be used any more. */
  onGivenUp(error: unknown): void;
}

export class Chat {
  readonly id: string;
  readonly #parts: ChatParts;
  readonly #log: ChatLog;
  readonly #settings: ChatSettings;
  readonly #session: ChatSession;
  /** A prompt whose agent still starts. */
  #preparing: Interruptible | undefined;
  readonly #turns: Turns;
  /** Turns that the agent began by itself and that wait to be recorded. */
  readonly #unprompted: AsyncIterable<AgentEvent>[] = [];
  readonly #decisions: OpenDecisions;
  readonly #prompts: WaitingPrompts;
  readonly #hold: QueueHold;
  readonly #pump: Pump;
  readonly #flips: Flips;
  readonly #waits: Waits;
  #mcpServers: readonly McpServer[] | null = null;
  #stopped = false;
  #cancelIdle: (() => void) | undefined;

  constructor(parts: ChatParts) {
    this.#parts = parts;
    this.#log = parts.log;
    this.#settings = new ChatSettings(parts.row, parts.log);
    this.id = parts.row.id;
    this.#decisions = new OpenDecisions({
      ...parts,
      session: () => this.#session.handle,
      turnId: () => this.#turns.current?.id,
      onAlways: (rules) => this.#session.noteRules(rules),
    });
    this.#prompts = new WaitingPrompts(() => parts.log.ask(() => nextPrompt(parts.sql, this.id)));
    this.#hold = new QueueHold({
      ...parts,
      settings: this.#settings,
      onResumed: () => this.wake(),
      onFailure: (error) => this.#onFailure(error),
    });
    this.#session = new ChatSession({
      ...parts,
      chat: () => this.#settings.row,
      assertRunning: () => this.#assertRunning(),
      onUnprompted: (events) => {
        this.#unprompted.push(events);
        this.wake();
      },
      onPhase: () => {
        if (this.#session.phase !== 'open') this.#mcpServers = null;
        if (this.#session.phase === 'closed') this.#forgetAgent();
        parts.onChanged();
      },
      onSign: () => this.#waits.sign(),
      onMcpServers: (servers) => {
        this.#mcpServers = servers;
        parts.onChanged();
      },
      onEvent: (event) => void this.#note(event).catch((error: unknown) => this.#onFailure(error)),
      onResumed: async (counted) => {
        await this.#log.appendIf(() => costResumed(parts.sql, this.#log, this.#settings.row.agent, counted));
      },
      onCost: async (cost) => {
        const write = this.#log.appendIf(() => costAdded(this.#log, this.#settings.row.agent, cost));
        await write.catch((error: unknown) => this.#onFailure(error));
      },
    });
    this.#waits = new Waits({
      ...parts.waitLimits,
      clock: parts.clock,
      onChanged: () => parts.onChanged(),
      onSilentModel: () => void this.#giveUpModel().catch((error: unknown) => this.#onFailure(error)),
    });
    this.#turns = new Turns({
      ...parts,
      settings: this.#settings,
      session: this.#session,
      hold: this.#hold,
      pendingDecisions: this.#decisions.pending,
      isStopped: () => this.#stopped,
      onSign: () => this.#waits.sign(),
      onChanged: () => parts.onChanged(),
    });
    this.#pump = new Pump({
      next: () => this.#next(),
      isStopped: () => this.#stopped,
      onStart: () => this.#cancelIdle?.(),
      onRest: () => this.#armIdle(),
      onFailure: (error) => this.#onFailure(error),
    });
    this.#flips = new Flips({
      ...parts,
      session: this.#session,
      settings: this.#settings,
      assertRunning: () => this.#assertRunning(),
      isTurnRunning: () => this.#turns.current !== undefined,
      interruptTurn: async (actor) => {
        if (this.#turns.current) await this.interrupt(actor);
      },
      between: (task, signal) => this.#pump.between(task, signal),
      recordUnprompted: async () => {
        while (await this.#runUnprompted());
      },
      leaveDirectory: () => leaveDirectory(this.#keptSessions),
      onFailure: (error) => this.#onFailure(error),
    });
  }

  get state(): ChatState {
    if (this.#turns.current) return this.#decisions.pending.size > 0 ? 'waiting' : 'running';
    const { phase, failure } = this.#session;
    if (phase === 'opening') return 'warming';
    if (phase === 'open') return 'ready';
    return failure ? 'failed' : 'cold';
  }

  /** As everybody outside sees it. */
  get view(): ChatView {
    return chatView(this.#settings.row, this.live);
  }

  get live(): LiveState {
    const mcpServers = this.#mcpServers && [...this.#mcpServers];
    return { state: this.state, waitsFor: this.#waits.now, mcpServers };
  }

  get lease(): Readonly<Lease> {
    return this.#log.lease;
  }

  /** It takes nothing any more, and is about to be gone. */
  get isStopped(): boolean {
    return this.#stopped;
  }

  get isWarm(): boolean {
    return this.#session.phase === 'open' || this.#turns.current !== undefined;
  }

  /** Stores the prompt and has it taken in its turn. Returns the seq of its event. */
  async submit(prompt: NewPrompt): Promise<number> {
    this.#assertRunning();
    if (this.#canBegin) {
      return new Promise((resolve, reject) => {
        this.#pump.wake(() => this.#runAtOnce(prompt, { resolve, reject }));
      });
    }
    const seq = await this.#prompts.add(() => acceptPrompt(this.#log, this.#settings, prompt));
    this.wake();
    return seq;
  }

  /** Nothing is under way and nothing waits, so that a prompt can be stored together with the start of its turn. */
  get #canBegin(): boolean {
    return !this.#pump.isRunning && this.#session.isReady && this.#prompts.isEmpty && !this.#hold.isHeld;
  }

  /** Changes what waits. */
  async editPrompts(edit: PromptEdit): Promise<void> {
    this.#assertRunning();
    await this.#log.appendIf(async () => this.#hold.withEdit(await edit(this.#parts.sql, this.#log)));
  }

  /** Lets a held queue go on. */
  async resumeQueue(choice: ResumeQueue, actor: Actor): Promise<void> {
    this.#assertRunning();
    await this.#hold.resume(choice, doneByActor(actor));
  }

  /** An event was stored. */
  noted(event: Event): void {
    this.#settings.noted(event);
    this.#decisions.noted(event);
    this.#waits.noted(event);
    if (event.type === 'prompt_cancelled' || event.type === 'prompts_reordered') this.#prompts.edited();
    if ('requeuedPromptIds' in event && event.requeuedPromptIds) this.#prompts.returned();
    if (event.type === 'queue_held' || event.type === 'queue_resumed') this.#hold.arm();
    this.#parts.onChanged();
  }

  /** Takes whatever waits. Safe to call at any time. */
  wake(): void {
    this.#pump.wake();
    this.#flips.rouse();
  }

  async openTerminal(): Promise<AgentTerminal> {
    this.#assertRunning();
    return openTerminal({
      session: this.#session,
      runsOn: () => {
        const { agent, backend } = this.#settings.row;
        return { agent: this.#parts.agents.agentFor(agent), backend };
      },
      isTurnRunning: () => this.#turns.current !== undefined,
      between: (task) => this.#pump.between(task),
    });
  }

  async interrupt(actor: Actor): Promise<InterruptResult> {
    const turn = this.#turns.current;
    const interrupted = turn ?? this.#preparing;
    if (interrupted) {
      interrupted.interrupted = true;
      // The first one has done it.
      interrupted.interruptedBy ??= actor;
    }
    if (turn) await this.#session.handle?.interrupt();
    return { interrupted: interrupted !== undefined, turnId: turn?.id ?? null };
  }

  async #giveUpModel(): Promise<void> {
    const turn = this.#turns.current;
    if (!turn || turn.interrupted) return;
    turn.failure = new BooError(
      'model_error',
      `The model has given no sign for ${this.#parts.waitLimits.modelSilenceMs / 1000} s, and the turn was ended. Send the prompt again.`,
    );
    await this.#session.handle?.interrupt();
  }

  /** Has the agent forget a prompt and all that came after it, between turns. */
  rewind(promptId: string | undefined, actor: Actor): Promise<RewindResult> {
    this.#assertRunning();
    const { sql, agents } = this.#parts;
    const agentFor = (name: AgentName) => agents.agentFor(name);
    const parts = { sql, log: this.#log, session: this.#session, chat: this.#settings.row, agentFor };
    return this.#pump.between(async () => {
      const result = await rewindChat(parts, promptId, actor);
      await this.#hold.noteRewind();
      return result;
    });
  }

  /** Settles a decision; false when it was settled before. Throws `invalid_request`. */
  answer(decision: Decision, answer: AnswerDecision, actor: Actor): Promise<boolean> {
    return this.#decisions.answer(decision, answer, actor);
  }

  /** The signal, aborted with a BooError, says that nobody waits any more for a flip that has to wait. */
  async patch(
    { backend, cwd, running = 'refuse', ...changes }: PatchChat,
    actor: Actor,
    signal?: AbortSignal,
  ): Promise<void> {
    this.#assertRunning();
    if (backend === undefined && cwd === undefined) await this.#settings.change(changes, this.#session, actor);
    else await this.#flips.flip({ backend, cwd, running, changes, actor, signal });
    await this.#hold.noteChanges({ ...changes, cwd });
  }

  /** Ends the session in order; a running turn is interrupted and finishes. No prompt is taken any more. Idempotent. */
  async stop(): Promise<void> {
    this.#halt();
    if (this.#turns.current) await this.#session.handle?.interrupt();
    await this.#pump.ended(lettingGo);
    await this.#session.close();
    await this.#log.settled();
  }

  /** Ends the session without a word in the log: it belongs to another host now. */
  async letGo(): Promise<void> {
    this.#halt();
    await this.#session.abandon();
    await this.#pump.ended(lettingGo);
  }

  #halt(): void {
    this.#stopped = true;
    this.#cancelIdle?.();
    this.#waits.stop();
    this.#hold.stop();
    this.#flips.rouse();
  }

  /** After the stop: removes what the agent keeps outside the store. The chat is being deleted. */
  async erase(): Promise<void> {
    await eraseSessions(this.#keptSessions);
  }

  get #keptSessions(): KeptSessions {
    const { sql, agents } = this.#parts;
    const agentFor = (name: AgentName) => agents.agentFor(name);
    return { sql, agentFor, lease: this.#log.lease, chat: this.#settings.row };
  }

  /** Does the next thing: what the agent began by itself, then what is to be done between turns, then the prompts. */
  async #next(): Promise<boolean> {
    const isHurried = this.#flips.isHurried && !this.#stopped;
    if (!isHurried && (await this.#runUnprompted())) return true;
    if (this.#stopped) return false;
    if (await this.#pump.doJob()) return true;
    if (this.#hold.isHeld) return false;
    const prompt = await this.#prompts.next();
    if (prompt && !this.#pump.hasJob) await this.#runPrompt(prompt);
    return prompt !== null;
  }

  /** Runs a turn that the agent began by itself; false when there is none. */
  async #runUnprompted(): Promise<boolean> {
    const unprompted = this.#unprompted.shift();
    if (!unprompted) return false;
    await this.#session.closed();
    await this.#turns.run({ start: this.#startFor(), begin: () => unprompted });
    return true;
  }

  /** Runs the turn of a prompt that is stored by the start of that turn. */
  #runAtOnce(prompt: NewPrompt, receipt: AwaitedReceipt): Promise<void> {
    return this.#turns.run({
      start: async (turnId) => {
        try {
          receipt.resolve(await acceptPrompt(this.#log, this.#settings, prompt, turnId));
          return true;
        } catch (error) {
          receipt.reject(error);
          // A prompt of this id was there already: nothing is stored, and nothing has begun.
          if (isUniqueViolation(error, 'prompts')) return false;
          throw error;
        }
      },
      begin: (turnId) => this.#ask(turnId, prompt),
      prompt: { ...prompt, starts: 1 },
    });
  }

  /** Runs the turn of a prompt that waited, or holds the queue where it cannot begin. */
  async #runPrompt(prompt: PromptRow): Promise<void> {
    const isNext = () => this.#prompts.isCurrent;
    if (prompt.starts >= maxStarts) return this.#hold.hold(afterCrashes(prompt.starts), isNext);
    const starts = prompt.starts + 1;
    const preparing: Interruptible = (this.#preparing = { interrupted: false });
    let failure: BooError | undefined;
    try {
      // Before: a host that dies of it has counted.
      if (!this.#session.isReady) await this.#hold.countStart(prompt.id, starts);
      await this.#session.warm();
    } catch (error) {
      if (error instanceof FencedError) throw error;
      failure = toBooError(toStorageError(error));
    } finally {
      this.#preparing = undefined;
    }
    // It still waits, for the next host or for a job, which may be what helps. This was no attempt.
    const isPutOff = this.#stopped || (this.#pump.hasJob && !preparing.interrupted);
    if (isPutOff) return this.#hold.countStart(prompt.id, prompt.starts);
    if (failure && !preparing.interrupted) {
      if (starts < triesOf(failure)) return;
      return this.#hold.hold({ reason: obstacleOf(failure), message: failure.message }, isNext);
    }
    await this.#turns.run({
      start: this.#startFor({ id: prompt.id, starts }),
      begin: (turnId) => this.#ask(turnId, prompt),
      prompt: { ...prompt, starts },
      ...preparing,
    });
  }

  #ask(turnId: string, { content }: Pick<PromptRow, 'content'>): AsyncIterable<AgentEvent> | TurnEnd {
    if (this.#stopped || this.#turns.current?.interrupted) return endWithoutResult('interrupted');
    const { handle } = this.#session;
    if (!handle) throw new BooError('agent_failed', 'The agent process has ended. Send the prompt again.');
    return handle.prompt({ turnId, content });
  }

  #startFor(waiting?: Pick<PromptRow, 'id' | 'starts'>) {
    const prompt = waiting && { ...waiting, isWaiting: true };
    // Cancelled while its agent started, or another was moved before it.
    const isNext = (): boolean => prompt === undefined || this.#prompts.isCurrent;
    return async (turnId: string) =>
      (await this.#log.appendIf(() => (isNext() ? turnStart(this.#log, turnId, prompt) : null))) !== null;
  }

  /** Records what the agent says outside a turn. */
  async #note(body: AgentBody): Promise<void> {
    const write = agentWrite(this.#log, this.#settings.row.agent, body);
    await this.#log.append(write);
    if (write.chat) this.#settings.stored(write.chat);
  }

  /** Its process is gone, and not every agent says what has ended with it. */
  #forgetAgent(): void {
    const hadBackground = this.#waits.hasBackground;
    this.#waits.forget();
    if (!hadBackground) return;
    this.#note({ type: 'background_tasks', tasks: [] }).catch((error: unknown) => this.#onFailure(error));
  }

  #armIdle(): void {
    if (this.#stopped) return;
    this.#cancelIdle?.();
    this.#cancelIdle = this.#parts.clock.after(this.#parts.idleTimeoutMs, () => {
      this.#rest().catch((error: unknown) => this.#onFailure(error));
    });
  }

  /** After the idle limit: the agent's process goes, unless it still has work that would die with it. */
  async #rest(): Promise<void> {
    if (this.#pump.isRunning || this.#stopped) return;
    const { handle } = this.#session;
    if (handle?.isBusy) return this.#armIdle();
    // A chat without a session is given back in this very moment, and not in the next.
    if (handle) await this.#session.close();
    if (this.#pump.isRunning || this.#stopped) return;
    if (this.#log.isBusy) this.#armIdle();
    else if (this.#session.phase === 'closed') this.#parts.onRest();
  }

  #onFailure(error: unknown): void {
    if (!(error instanceof FencedError)) {
      this.#parts.logger.error({ chatId: this.id, err: error }, 'A chat is given up after an error.');
    }
    this.#parts.onGivenUp(error);
  }

  #assertRunning(): void {
    if (this.#stopped) throw lettingGo();
  }
}
