/**
 * The turns of one prompt: the one that takes it, and those that continue it once a decision is answered that has
 * outlived its agent. The prompt is done when the last of them is.
 */
import type { Event, EventOf } from './event.ts';
import { noUsage, sumOf } from './usage.ts';

type TurnFinished = EventOf<'turn_finished'>;

/** How its last turn ended, and what all of them used. */
export interface PromptEnd extends Pick<TurnFinished, 'outcome' | 'usage' | 'costUsd'> {
  error: TurnFinished['error'];
}

export class PromptTurns {
  readonly #promptId: string;
  readonly #ids = new Set<string>();
  /** Decisions that its turns have left open. */
  readonly #open = new Set<string>();
  readonly #answered = new Set<string>();
  #turnId: string | null = null;
  #isRunning = false;
  #end: PromptEnd = noEnd;

  constructor(promptId: string) {
    this.#promptId = promptId;
  }

  /** The newest turn; null if none has started with the prompt. */
  get turnId(): string | null {
    return this.#turnId;
  }

  has(turnId: string | undefined): boolean {
    return turnId !== undefined && this.#ids.has(turnId);
  }

  /** Takes the chat's next event. Returns how the prompt ended, if it did; `cancelled` if no turn had started with it. */
  noted(event: Event): PromptEnd | 'cancelled' | undefined {
    switch (event.type) {
      case 'prompt_cancelled':
        return event.promptId === this.#promptId ? 'cancelled' : undefined;
      case 'turn_started':
        return this.#started(event);
      case 'turn_finished':
        return this.has(event.turnId) ? this.#finished(event) : undefined;
      case 'decision_resolved':
        if (event.outcome === 'cancelled') {
          const message = event.by === 'host' ? lost : undefined;
          return this.#closed(event.decisionId, { outcome: 'interrupted', message });
        }
        this.#answered.add(event.decisionId);
        return undefined;
      case 'notice': {
        if (event.code !== 'decision_without_effect') return undefined;
        const { message, data } = event;
        return this.#closed(String(data?.['decisionId']), { outcome: this.#end.outcome, message });
      }
      default:
        return undefined;
    }
  }

  #started({ turnId, promptIds, continuesTurnId }: EventOf<'turn_started'>): undefined {
    if (promptIds.includes(this.#promptId)) this.#forget();
    else if (!this.has(continuesTurnId)) return;
    // The turn does not name the answer that it continues with.
    const answered = [...this.#open].find((id) => this.#answered.has(id));
    if (answered !== undefined) this.#open.delete(answered);
    this.#ids.add(turnId);
    this.#turnId = turnId;
    this.#isRunning = true;
  }

  #finished({ outcome, error, usage, costUsd, ...event }: TurnFinished): PromptEnd | undefined {
    // The agent never received it: another turn follows.
    if (event.requeuedPromptIds?.includes(this.#promptId)) return this.#forget();
    this.#isRunning = false;
    const { usage: before, costUsd: costBefore } = this.#end;
    this.#end = { outcome, error, usage: sumOf(before, usage), costUsd: costBefore + costUsd };
    for (const id of event.openDecisionIds ?? []) this.#open.add(id);
    return this.#done();
  }

  /** The turn will not continue with this decision. */
  #closed(
    decisionId: string,
    { outcome, message }: Pick<PromptEnd, 'outcome'> & { message: string | undefined },
  ): PromptEnd | undefined {
    if (!this.#open.delete(decisionId)) return undefined;
    // The last turn's own error says that it continues.
    this.#end = { ...this.#end, outcome, error: message === undefined ? undefined : { code: 'agent_failed', message } };
    return this.#done();
  }

  #done(): PromptEnd | undefined {
    return this.#isRunning || this.#open.size > 0 ? undefined : this.#end;
  }

  #forget(): undefined {
    this.#ids.clear();
    this.#open.clear();
    this.#turnId = null;
    this.#isRunning = false;
    this.#end = noEnd;
  }
}

const noEnd: PromptEnd = { outcome: 'interrupted', error: undefined, usage: noUsage, costUsd: 0 };
const lost = 'The decision that the turn waited for was cancelled: its call could not be continued.';
