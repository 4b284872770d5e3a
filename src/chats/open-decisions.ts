/** What a chat's agent has asked and nobody has settled, and how one answer settles it. */
import type { AgentSession, DecisionAnswer } from '../agents/agent-backend.ts';
import type { Clock } from '../lib/clock.ts';
import type { Log } from '../lib/log.ts';
import type { AnswerDecision, Decision } from '../protocol/decision.ts';
import type { Event } from '../protocol/event.ts';
import { type Actor, doneByActor } from '../protocol/principal.ts';
import { acceptedAnswer, refuseAnswer } from './accepted-answer.ts';
import type { ChatLog } from './chat-log.ts';
import { settlement } from './turn.ts';

/** How long the word is waited for that settles what the agent waits for no more. */
const settledMs = 5_000;

export interface OpenDecisionsParts {
  log: ChatLog;
  clock: Clock;
  logger: Log;
  /** The agent's session, while it is open. */
  readonly session: () => AgentSession | undefined;
  readonly turnId: () => string | undefined;
  /** The agent is about to keep these rules in the directory's settings. */
  readonly onAlways: (rules: readonly string[]) => void;
}

export class OpenDecisions {
  readonly #parts: OpenDecisionsParts;
  /** Their ids; shared with the turn that asks and cancels. */
  readonly pending = new Set<string>();
  readonly #awaited = new Set<() => void>();

  constructor(parts: OpenDecisionsParts) {
    this.#parts = parts;
  }

  /** An event was stored. */
  noted(event: Event): void {
    if (event.type === 'decision_resolved') for (const look of this.#awaited) look();
  }

  /**
   * Settles a decision; false when it was settled before. Throws `invalid_request` for what the agent would not do as the
   * answer says: then nothing is stored, and it can still be answered.
   */
  async answer(decision: Decision, given: AnswerDecision, actor: Actor): Promise<boolean> {
    const { id, chatId } = decision;
    const { log, logger, session, turnId } = this.#parts;
    let answer: DecisionAnswer | undefined;
    let isGone = false;
    try {
      await log.appendIf(async () => {
        if (!this.pending.has(id)) return null;
        const accepted = acceptedAnswer(decision, given);
        const check = await session()?.checkAnswer(id, accepted);
        if (typeof check === 'object') refuseAnswer(check);
        isGone = check === 'settled';
        if (isGone || !this.pending.delete(id)) return null;
        answer = accepted;
        // What is typed into a form is for the server that asked, and for nobody else.
        const kept = decision.kind === 'form' ? { outcome: accepted.outcome } : accepted;
        return settlement(turnId(), id, { ...kept, ...doneByActor(actor), answer: kept });
      });
    } catch (error) {
      // Nothing was settled, so it can still be answered.
      if (answer) this.pending.add(id);
      throw error;
    }
    if (isGone) await this.#settled(id);
    if (!answer) return false;
    if (answer.outcome === 'allow_always') this.#parts.onAlways(session()?.keptRules?.(id) ?? []);
    if (!session()?.resolve(id, answer)) {
      logger.warn({ chatId, decisionId: id }, 'The agent no longer waited for this answer.');
    }
    return true;
  }

  /** The agent waits for this no more, and who or what has settled it is about to be stored. */
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
      const cancel = this.#parts.clock.after(settledMs, done);
      this.#awaited.add(look);
      look();
    });
  }
}
