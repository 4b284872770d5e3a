/** The decisions that a chat's agent waits for, and how an answer settles one. */
import type { DecisionAnswer } from '../agents/agent-backend.ts';
import type { AnswerDecision, Decision } from '../protocol/decision.ts';
import type { Event } from '../protocol/event.ts';
import { type Actor, doneByActor } from '../protocol/principal.ts';
import { acceptedAnswer, refuseAnswer } from './accepted-answer.ts';
import type { ChatContext } from './chat-context.ts';
import type { ChatSession } from './chat-session.ts';
import { settlement } from './turn.ts';

/** How long to wait for the event that settles a decision which the agent no longer waits for. */
const settledMs = 5_000;

export class OpenDecisions {
  readonly #context: ChatContext;
  readonly #session: ChatSession;
  /** Their ids; shared with the turn that asks and cancels. */
  readonly pending = new Set<string>();
  readonly #awaited = new Set<() => void>();

  constructor(context: ChatContext, session: ChatSession) {
    this.#context = context;
    this.#session = session;
  }

  /** An event was stored. */
  noted(event: Event): void {
    if (event.type === 'decision_resolved') for (const look of this.#awaited) look();
  }

  /**
   * Settles a decision; false if it was settled before. Throws `invalid_request` for an answer that the agent would not
   * follow: then nothing is stored, and the decision can still be answered.
   */
  async answer(decision: Decision, given: AnswerDecision, actor: Actor): Promise<boolean> {
    const { id, chatId } = decision;
    const { log, logger, state } = this.#context;
    let answer: DecisionAnswer | undefined;
    let isGone = false;
    try {
      await log.appendIf(async () => {
        if (!this.pending.has(id)) return null;
        const accepted = acceptedAnswer(decision, given);
        const check = await state.handle?.checkAnswer(id, accepted);
        if (typeof check === 'object') refuseAnswer(check);
        isGone = check === 'settled';
        if (isGone || !this.pending.delete(id)) return null;
        answer = accepted;
        // What is typed into a form is only for the server that asked for it.
        const kept = decision.kind === 'form' ? { outcome: accepted.outcome } : accepted;
        return settlement(state.turn?.id, id, { ...kept, ...doneByActor(actor), answer: kept });
      });
    } catch (error) {
      // Nothing was settled, so it can still be answered.
      if (answer) this.pending.add(id);
      throw error;
    }
    if (isGone) await this.#settled(id);
    if (!answer) return false;
    if (answer.outcome === 'allow_always') this.#session.noteRules(state.handle?.keptRules?.(id) ?? []);
    if (!state.handle?.resolve(id, answer)) {
      logger.warn({ chatId, decisionId: id }, 'The agent no longer waited for this answer.');
    }
    return true;
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
        if (!this.pending.has(id)) done();
      };
      const cancel = this.#context.clock.after(settledMs, done);
      this.#awaited.add(look);
      look();
    });
  }
}
