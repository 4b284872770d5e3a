/** The decisions of a chat that can be answered, and how an answer settles one. */
import type { AnswerCheck, DecisionAnswer } from '../agents/agent-backend.ts';
import type { AnswerDecision, Decision } from '../protocol/decision.ts';
import type { Event } from '../protocol/event.ts';
import { type Actor, doneByActor } from '../protocol/principal.ts';
import type { OpenDecision } from '../store/decisions.ts';
import { acceptedAnswer, refuseAnswer } from './accepted-answer.ts';
import type { ChatContext } from './chat-context.ts';
import { ownIdleLimitMs } from './idle-limit.ts';
import type { ChatSession } from './chat-session.ts';
import { type ContinuedCalls, hasCall } from './continued-calls.ts';
import { type DecisionIds, settlement } from './turn.ts';

/** How long to wait for the event that settles a decision which the agent no longer waits for. */
const settledMs = 5_000;
/** Of a chat that is about to leave: long enough for an answer that a client gives by itself. */
const leavingMs = 1_000;

export interface OpenDecisionsParts {
  session: ChatSession;
  continued: ContinuedCalls;
  ids: DecisionIds;
}

export class OpenDecisions {
  readonly #context: ChatContext;
  readonly #parts: OpenDecisionsParts;
  readonly #awaited = new Set<() => void>();
  #cancelSuspend: (() => void) | undefined;
  #isLeaving = false;

  constructor(context: ChatContext, parts: OpenDecisionsParts) {
    this.#context = context;
    this.#parts = parts;
  }

  /** Somebody can answer. */
  get isAsking(): boolean {
    return this.#parts.ids.pending.size > 0 || this.isWaiting;
  }

  /** A turn whose process is gone waits for an answer. */
  get isWaiting(): boolean {
    return this.#parts.ids.kept.size > 0;
  }

  /** Takes over what the chat's last holder left. */
  takeOver(left: readonly OpenDecision[]): void {
    // What is added goes first.
    for (const { decision, answer } of left.toReversed()) {
      if (answer) {
        this.#parts.continued.add(decision, answer);
      } else {
        this.#parts.ids.kept.add(decision.id);
        this.#context.waits.takeOver(decision);
      }
    }
  }

  /** An event was stored. */
  noted(event: Event): void {
    if (event.type === 'decision_resolved' || event.type === 'turn_finished') for (const look of this.#awaited) look();
    if (event.type === 'turn_finished') this.#denyAgain();
    this.#cancelSuspend?.();
    if (event.type !== 'turn_finished' && this.#parts.ids.pending.size > 0) this.#suspendLater();
  }

  /** The process that was denied something has ended before the call had a result. */
  #denyAgain(): void {
    for (const [toolCallId, { decision, answer, isContinued }] of this.#parts.ids.denied) {
      if (isContinued) continue;
      this.#parts.ids.denied.delete(toolCallId);
      this.#parts.continued.add(decision, answer);
    }
  }

  /** The chat is about to leave this host, or is not after all: a turn that only waits for a person need not finish here. */
  leave(isLeaving: boolean): void {
    this.#isLeaving = isLeaving;
    this.#cancelSuspend?.();
    if (this.#parts.ids.pending.size > 0) this.#suspendLater();
  }

  #suspendLater(): void {
    const { clock, fail } = this.#context;
    const delayMs = this.#isLeaving ? leavingMs : ownIdleLimitMs(this.#context);
    this.#cancelSuspend = clock.after(delayMs, () => void this.#suspendIdle().catch(fail));
  }

  async #suspendIdle(): Promise<void> {
    const isWorking = this.#isLeaving && !this.#context.waits.isOnlyForPerson;
    if (this.isProcessNeeded || isWorking) this.#suspendLater();
    else await this.suspend();
  }

  /** The process does more than wait for a decision: a background task would end with it, or somebody is at its terminal. */
  get isProcessNeeded(): boolean {
    const { state, waits } = this.#context;
    return waits.hasBackground || (state.handle?.terminal?.viewerCount ?? 0) > 0;
  }

  /** The chat is released. */
  stop(): void {
    this.#cancelSuspend?.();
  }

  /**
   * Frees the process of a turn that waits for a person; the turn continues when they answer. False if it waits for
   * nobody, or if a question would be lost.
   */
  async suspend(): Promise<boolean> {
    const { state } = this.#context;
    if (!state.turn || this.#parts.ids.pending.size === 0) return false;
    const isSuspended = (await state.handle?.suspend?.()) === true;
    if (isSuspended) await this.#parts.session.close();
    return isSuspended;
  }

  /** Cancels what waits for an answer while no turn runs. False if nothing does. */
  async cancel(actor: Actor): Promise<boolean> {
    const { log, queue } = this.#context;
    const { kept } = this.#parts.ids;
    const cancelled = await log.appendIf(() => {
      const writes = [...kept].map((id) => settlement(undefined, id, { outcome: 'cancelled', ...doneByActor(actor) }));
      kept.clear();
      if (writes.length === 0) return null;
      return {
        events: writes.flatMap(({ events }) => events),
        side: (db) => writes.flatMap(({ side }) => side?.(db) ?? []),
      };
    });
    if (cancelled) queue.wake();
    return cancelled !== null;
  }

  /**
   * Settles a decision; false if it was settled before. Throws `invalid_request` for an answer that the agent would not
   * follow: then nothing is stored, and the decision can still be answered.
   */
  async answer(decision: Decision, given: AnswerDecision, actor: Actor): Promise<boolean> {
    const { id } = decision;
    const { log, state } = this.#context;
    const { session, ids } = this.#parts;
    let answer: DecisionAnswer | undefined;
    let isGone = false;
    let from: Set<string> | undefined;
    try {
      await log.appendIf(async () => {
        if (!this.#holding(id)) return null;
        const accepted = acceptedAnswer(decision, given);
        const check = await this.#check(decision, accepted);
        if (typeof check === 'object') refuseAnswer(check);
        from = this.#holding(id);
        isGone = check === 'settled' && from === ids.pending;
        if (isGone || !from?.delete(id)) return null;
        if (this.#outlives(decision)) ids.unheard.add(id);
        answer = accepted;
        // What is typed into a form is only for the server that asked for it.
        const kept = decision.kind === 'form' ? { outcome: accepted.outcome } : accepted;
        const turnId = state.turn?.id ?? decision.turnId ?? undefined;
        return settlement(turnId, id, {
          ...kept,
          ...doneByActor(actor),
          answer: kept,
          isOpen: this.#outlives(decision),
        });
      });
    } catch (error) {
      // Nothing was settled, so it can still be answered.
      if (answer) from?.add(id);
      ids.unheard.delete(id);
      throw error;
    }
    if (isGone) {
      await this.#settled(id);
      // It has outlived its process.
      if (ids.kept.has(id)) return this.answer(decision, given, actor);
    }
    if (!answer) return false;
    if (answer.outcome === 'allow_always') session.noteRules(state.handle?.keptRules?.(id) ?? []);
    await this.#give(decision, answer, from === ids.pending);
    return true;
  }

  #holding(id: string): Set<string> | undefined {
    const { pending, kept } = this.#parts.ids;
    return [pending, kept].find((ids) => ids.has(id));
  }

  async #check({ id, toolName, input }: Decision, answer: DecisionAnswer): Promise<AnswerCheck | undefined> {
    const { agents, settings, state } = this.#context;
    if (this.#parts.ids.pending.has(id) && state.handle) return state.handle.checkAnswer(id, answer);
    if (toolName === null) return undefined;
    return agents.backendFor(settings.row.backend).checkKeptAnswer?.({ toolName, input }, answer);
  }

  /** The answer takes effect even if the agent's process ends before it gets it. */
  #outlives(decision: Decision): boolean {
    const { agents, settings } = this.#context;
    return hasCall(decision) && agents.backendFor(settings.row.backend).canContinue !== undefined;
  }

  /** Gives the answer to the agent if it waits for it, or to its next process. */
  async #give(decision: Decision, answer: DecisionAnswer, isAwaited: boolean): Promise<void> {
    const { logger, state } = this.#context;
    const { continued, ids } = this.#parts;
    const { id, chatId, toolCallId } = decision;
    const outlives = this.#outlives(decision);
    if (isAwaited && state.turn && state.handle) {
      const isDenial = outlives && answer.outcome === 'deny';
      if (isDenial) ids.denied.set(toolCallId!, { decision, answer, isContinued: false });
      else if (outlives) await continued.handOver(decision);
      if (state.handle?.resolve(id, answer)) return void ids.unheard.delete(id);
      if (isDenial) ids.denied.delete(toolCallId!);
      else if (outlives) await continued.takeBack(decision);
    }
    if (outlives) continued.add(decision, answer);
    else logger.warn({ chatId, decisionId: id }, 'The agent no longer waited for this answer.');
  }

  /** Waits for the event of a decision that the agent no longer waits for. */
  #settled(id: string): Promise<void> {
    return new Promise((resolve) => {
      const done = (): void => {
        cancel();
        this.#awaited.delete(look);
        resolve();
      };
      const look = (): void => {
        if (!this.#parts.ids.pending.has(id)) done();
      };
      const cancel = this.#context.clock.after(settledMs, done);
      this.#awaited.add(look);
      look();
    });
  }
}
