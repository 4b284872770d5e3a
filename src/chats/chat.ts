/**
 * One chat that this host holds: its queue of prompts, its turns, its decisions. All that is done in turn is done by the
 * pump, one thing after another; the agent's session has a file of its own.
 */
import { randomUUID } from 'node:crypto';
import { type AgentBackend, type AgentEvent, type AgentTerminal, endWithoutResult } from '../agents/agent-backend.ts';
import type { Clock } from '../lib/clock.ts';
import type { Limiter } from '../lib/limiter.ts';
import type { Log } from '../lib/log.ts';
import type { BackendName, Chat as ChatView, ChatState, PatchChat } from '../protocol/chat.ts';
import type { AnswerDecision, Decision } from '../protocol/decision.ts';
import { BooError, toBooError } from '../protocol/error.ts';
import type { AgentBody, Event } from '../protocol/event.ts';
import type { InterruptResult, RewindResult } from '../protocol/prompt.ts';
import type { ChatRow } from '../store/chats.ts';
import type { Sql } from '../store/database.ts';
import type { Lease } from '../store/events.ts';
import { nextPrompt, type PromptRow } from '../store/prompts.ts';
import { FencedError, isUniqueViolation } from '../store/storage-error.ts';
import { AgentSession } from './agent-session.ts';
import type { ChatLog } from './chat-log.ts';
import { chatView } from './chat-view.ts';
import { ChatSettings } from './chat-settings.ts';
import { eraseSessions } from './erase.ts';
import { Flips } from './flip.ts';
import { OpenDecisions } from './open-decisions.ts';
import { openTerminal } from './open-terminal.ts';
import { acceptPrompt, type AwaitedReceipt } from './prompt-acceptance.ts';
import type { PromptEdit } from './prompt-edits.ts';
import { Pump } from './pump.ts';
import { rewindChat } from './rewind.ts';
import { costAdded } from './session-cost.ts';
import { lettingGo } from './storage.ts';
import { agentWrite, attempt, endTurn, recordTurn, type TurnEnd, type TurnParts, turnStart } from './turn.ts';
import { WaitingPrompts } from './waiting-prompts.ts';

export interface ChatParts {
  sql: Sql;
  row: ChatRow;
  log: ChatLog;
  clock: Clock;
  logger: Log;
  idleTimeoutMs: number;
  dataDir: string;
  /** Starting agent processes is heavy: only a few at once. */
  warmLimiter: Limiter;
  readonly backendFor: (name: BackendName) => AgentBackend;
  /** Something about the chat may look different now. */
  onChanged(): void;
  /** The chat is cold and has nothing to do. */
  onRest(): void;
  /** Another host has taken the chat, or its log could not be written: this object must not be used any more. */
  onGivenUp(): void;
}

export class Chat {
  readonly id: string;
  readonly #parts: ChatParts;
  readonly #log: ChatLog;
  readonly #settings: ChatSettings;
  readonly #session: AgentSession;
  /** A prompt whose agent still starts. */
  #preparing: { interrupted: boolean } | undefined;
  #turn: { id: string; interrupted: boolean } | undefined;
  /** Turns that the agent began by itself and that wait to be recorded. */
  readonly #unprompted: AsyncIterable<AgentEvent>[] = [];
  readonly #decisions: OpenDecisions;
  readonly #prompts: WaitingPrompts;
  readonly #pump: Pump;
  readonly #flips: Flips;
  #stopped = false;
  #cancelIdle: (() => void) | undefined;

  constructor(parts: ChatParts) {
    this.#parts = parts;
    this.#log = parts.log;
    this.#settings = new ChatSettings(parts.row, parts.log);
    this.id = parts.row.id;
    this.#decisions = new OpenDecisions({
      ...parts,
      backend: () => this.#session.backend,
      turnId: () => this.#turn?.id,
      onAlways: (rules) => this.#session.noteRules(rules),
    });
    this.#prompts = new WaitingPrompts(() => parts.log.ask(() => nextPrompt(parts.sql, this.id)));
    this.#session = new AgentSession({
      ...parts,
      chat: () => this.#settings.row,
      assertRunning: () => this.#assertRunning(),
      onUnprompted: (events) => {
        this.#unprompted.push(events);
        this.wake();
      },
      onPhase: () => parts.onChanged(),
      onEvent: (event) => void this.#note(event).catch((error: unknown) => this.#onFailure(error)),
      onCost: async (cost) => {
        const write = this.#log.appendIf(() => costAdded(this.#log, this.#settings.row.agent, cost));
        await write.catch((error: unknown) => this.#onFailure(error));
      },
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
      isTurnRunning: () => this.#turn !== undefined,
      interruptTurn: async () => {
        if (this.#turn) await this.interrupt();
      },
      between: (task, signal) => this.#pump.between(task, signal),
      recordUnprompted: async () => {
        while (await this.#runUnprompted());
      },
      onFailure: (error) => this.#onFailure(error),
    });
  }

  get state(): ChatState {
    if (this.#turn) return this.#decisions.pending.size > 0 ? 'waiting' : 'running';
    const { phase, failure } = this.#session;
    if (phase === 'opening') return 'warming';
    if (phase === 'open') return 'ready';
    return failure ? 'failed' : 'cold';
  }

  /** As everybody outside sees it. */
  get view(): ChatView {
    return chatView(this.#settings.row, this.state);
  }

  get lease(): Readonly<Lease> {
    return this.#log.lease;
  }

  /** It takes nothing any more, and is about to be gone. */
  get isStopped(): boolean {
    return this.#stopped;
  }

  get isWarm(): boolean {
    return this.#session.phase === 'open' || this.#turn !== undefined;
  }

  /** Stores the prompt and has it taken in its turn. Returns the seq of its event. */
  async submit(prompt: Pick<PromptRow, 'id' | 'content'>): Promise<number> {
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
    return !this.#pump.isRunning && this.#session.isReady && this.#prompts.isEmpty;
  }

  /** Changes what waits. */
  async editPrompts(edit: PromptEdit): Promise<void> {
    this.#assertRunning();
    await this.#log.appendIf(() => edit(this.#parts.sql, this.#log));
  }

  /** An event was stored. */
  noted(event: Event): void {
    this.#settings.noted(event);
    this.#decisions.noted(event);
    if (event.type === 'prompt_cancelled' || event.type === 'prompts_reordered') this.#prompts.edited();
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
      chatId: this.id,
      backend: () => this.#parts.backendFor(this.#settings.row.backend),
      isTurnRunning: () => this.#turn !== undefined,
      between: (task) => this.#pump.between(task),
    });
  }

  async interrupt(): Promise<InterruptResult> {
    const turn = this.#turn;
    const interrupted = turn ?? this.#preparing;
    if (interrupted) interrupted.interrupted = true;
    if (turn) await this.#session.backend?.interrupt(this.id);
    return { interrupted: interrupted !== undefined, turnId: turn?.id ?? null };
  }

  /** Has the agent forget a prompt and all that came after it, between turns. */
  rewind(promptId: string | undefined): Promise<RewindResult> {
    this.#assertRunning();
    const { sql, backendFor } = this.#parts;
    const parts = { sql, log: this.#log, session: this.#session, chat: this.#settings.row, backendFor };
    return this.#pump.between(() => rewindChat(parts, promptId));
  }

  /** Settles a decision; false when it was settled before. Throws `invalid_request`. */
  answer(decision: Decision, answer: AnswerDecision, by: string): Promise<boolean> {
    return this.#decisions.answer(decision, answer, by);
  }

  /** The signal, aborted with a BooError, says that nobody waits any more for a flip that has to wait. */
  async patch({ backend, running = 'refuse', ...changes }: PatchChat, signal?: AbortSignal): Promise<void> {
    this.#assertRunning();
    if (backend === undefined) await this.#settings.change(changes, this.#session);
    else await this.#flips.flip({ backend, running, changes, signal });
  }

  /** Ends the session in order; a running turn is interrupted and finishes. No prompt is taken any more. Idempotent. */
  async stop(): Promise<void> {
    this.#stopped = true;
    this.#cancelIdle?.();
    this.#flips.rouse();
    if (this.#turn) await this.#session.backend?.interrupt(this.id);
    await this.#pump.ended(lettingGo);
    await this.#session.close();
    await this.#log.settled();
  }

  /** Ends the session without a word in the log: it belongs to another host now. */
  async letGo(): Promise<void> {
    this.#stopped = true;
    this.#cancelIdle?.();
    this.#flips.rouse();
    await this.#session.abandon();
    await this.#pump.ended(lettingGo);
  }

  /** After the stop: removes what the agent keeps outside the store. The chat is being deleted. */
  async erase(): Promise<void> {
    const { sql, backendFor } = this.#parts;
    await eraseSessions(sql, this.#log.lease, this.#settings.row, backendFor);
  }

  /** Does the next thing: what the agent began by itself, then what is to be done between turns, then the prompts. */
  async #next(): Promise<boolean> {
    const isHurried = this.#flips.isHurried && !this.#stopped;
    if (!isHurried && (await this.#runUnprompted())) return true;
    if (this.#stopped) return false;
    if (await this.#pump.doJob()) return true;
    const prompt = await this.#prompts.next();
    if (prompt && !this.#pump.hasJob) await this.#runPrompt(prompt);
    return prompt !== null;
  }

  /** Runs a turn that the agent began by itself; false when there is none. */
  async #runUnprompted(): Promise<boolean> {
    const unprompted = this.#unprompted.shift();
    if (!unprompted) return false;
    await this.#session.closed();
    await this.#runTurn(this.#startFor(), () => unprompted);
    return true;
  }

  /** Runs the turn of a prompt that is stored by the start of that turn. */
  #runAtOnce(prompt: Pick<PromptRow, 'id' | 'content'>, receipt: AwaitedReceipt): Promise<void> {
    return this.#runTurn(
      async (turnId) => {
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
      (turnId) => this.#ask(turnId, prompt),
    );
  }

  /** Runs the turn of a prompt that waited. */
  async #runPrompt(prompt: PromptRow): Promise<void> {
    const preparing = (this.#preparing = { interrupted: false });
    let failure: TurnEnd | undefined;
    try {
      await this.#session.warm();
      if (preparing.interrupted) failure = endWithoutResult('interrupted');
    } catch (error) {
      if (error instanceof FencedError) throw error;
      failure = endWithoutResult('failed', toBooError(error));
    } finally {
      this.#preparing = undefined;
    }
    // The prompt still waits: it is taken when the chat is next held.
    if (this.#stopped) return;
    // Or after what came meanwhile and does not wait for a turn; it may be what helps.
    if (this.#pump.hasJob && failure?.outcome !== 'interrupted') return;
    await this.#runTurn(this.#startFor(prompt.id), (turnId) => failure ?? this.#ask(turnId, prompt));
  }

  #ask(turnId: string, { content }: Pick<PromptRow, 'content'>): AsyncIterable<AgentEvent> | TurnEnd {
    if (this.#stopped || this.#turn?.interrupted) return endWithoutResult('interrupted');
    const { backend } = this.#session;
    if (!backend) throw new BooError('agent_failed', 'The agent process has ended. Send the prompt again.');
    return backend.prompt(this.id, { turnId, content });
  }

  #startFor(promptId?: string): (turnId: string) => Promise<boolean> {
    const prompt = promptId === undefined ? undefined : { id: promptId, isWaiting: true };
    return async (turnId) => {
      // Cancelled while its agent started, or another was moved before it.
      const isNext = (): boolean => prompt === undefined || this.#prompts.isCurrent;
      return (await this.#log.appendIf(() => (isNext() ? turnStart(this.#log, turnId, prompt) : null))) !== null;
    };
  }

  /** One turn from its start, which tells whether it is stored, to its end. */
  async #runTurn(
    start: (turnId: string) => Promise<boolean>,
    begin: (turnId: string) => AsyncIterable<AgentEvent> | TurnEnd,
  ): Promise<void> {
    const turnId = randomUUID();
    const parts: TurnParts = {
      log: this.#log,
      turnId,
      agent: this.#settings.row.agent,
      pendingDecisions: this.#decisions.pending,
      onChanged: (changes) => this.#settings.stored(changes),
    };
    // From here on it can be interrupted: also before its first event is stored.
    this.#turn = { id: turnId, interrupted: false };
    this.#parts.onChanged();
    try {
      if (!(await start(turnId))) return;
      const begun = attempt(() => begin(turnId));
      const end = 'type' in begun ? begun : await recordTurn(parts, begun);
      await endTurn(parts, end);
    } finally {
      this.#turn = undefined;
      this.#parts.onChanged();
    }
  }

  /** Records what the agent says outside a turn. */
  async #note(body: AgentBody): Promise<void> {
    const write = agentWrite(this.#log, this.#settings.row.agent, body);
    await this.#log.append(write);
    if (write.chat) this.#settings.stored(write.chat);
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
    const { backend } = this.#session;
    if (backend?.isBusy(this.id)) return this.#armIdle();
    // A chat without a session is given back in this very moment, and not in the next.
    if (backend) await this.#session.close();
    if (this.#pump.isRunning || this.#stopped) return;
    if (this.#log.isBusy) this.#armIdle();
    else if (this.#session.phase === 'closed') this.#parts.onRest();
  }

  #onFailure(error: unknown): void {
    if (!(error instanceof FencedError)) {
      this.#parts.logger.error({ chatId: this.id, err: error }, 'A chat is given up after an error.');
    }
    this.#parts.onGivenUp();
  }

  #assertRunning(): void {
    if (this.#stopped) throw lettingGo();
  }
}
