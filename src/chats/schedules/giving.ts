/** When a chat gives the prompts of its schedules that are due. */
import type { Event } from '../../protocol/event.ts';
import { textOf } from '../../protocol/text-of.ts';
import { type DueRow, findDue } from '../../store/schedules.ts';
import type { ChatContext } from '../chat-context.ts';
import { noteTold } from './agent-schedules.ts';
import { giveDue } from './give-due.ts';

/** The agent's process looks every second for what it is to tell its agent, while that has nothing to do. */
const tellsWithinMs = 10_000;

export interface GivingParts {
  /** How long the chat has done nothing; 0 while it does something. */
  readonly restMs: () => number;
  /** Ends what keeps prompts waiting, if it is only a usage limit that has reset. */
  readonly releaseIfReset: () => Promise<void>;
}

export class Giving {
  readonly #context: ChatContext;
  readonly #parts: GivingParts;
  #toldAtMs = -Infinity;

  constructor(context: ChatContext, parts: GivingParts) {
    this.#context = context;
    this.#parts = parts;
  }

  async give(): Promise<void> {
    const { queue } = this.#context;
    queue.assertOpen();
    await this.#releaseIfReset();
    const wasDue = await queue.addPrompt(() => giveDue(this.#context, (row) => this.#isLeft(row)));
    // Otherwise the chat rests as before.
    if (wasDue) queue.wake();
  }

  /** The process was about to tell its agent, and does not: what is due is given now. */
  noteTold(): void {
    const { clock, logger, log, queue } = this.#context;
    this.#toldAtMs = clock.monotonicMs();
    if (queue.isClosed) return;
    this.give().catch((err: unknown) => {
      logger.warn({ chatId: log.lease.chatId, err }, 'What an agent has scheduled is given later.');
    });
  }

  /** An event was stored. */
  noted(event: Event): void {
    // Nothing kept the process from telling it, as where its settings allow no hooks.
    if (event.type !== 'incoming_message' || event.origin.kind !== 'wake_up') return;
    noteTold(this.#context, textOf(event.content)).catch((error: unknown) => this.#context.fail(error));
  }

  /** What waits keeps a chat parked, so before anything is given. */
  async #releaseIfReset(): Promise<void> {
    const { sql, log, settings } = this.#context;
    if (settings.row.hold === null) return;
    const due = await log.ask(() => findDue(sql, log.lease.chatId));
    if (due.some((row) => !this.#isLeft(row))) await this.#parts.releaseIfReset();
  }

  /** It is the agent's, whose process has yet to be kept from telling it. */
  #isLeft({ agentKey, now, nextAt }: DueRow): boolean {
    const { state, clock } = this.#context;
    if (agentKey === null || state.handle?.tellsFirst !== true) return false;
    if (clock.monotonicMs() - this.#toldAtMs < tellsWithinMs) return false;
    return Math.min(now.getTime() - nextAt.getTime(), this.#parts.restMs()) < tellsWithinMs;
  }
}
