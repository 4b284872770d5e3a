/** One chat's place among the agents that start on this host: asked for, waited for, held while its agent starts, left. */
import { BooError } from '../protocol/error.ts';
import type { WaitsFor } from '../protocol/chat.ts';
import type { Event, EventType } from '../protocol/event.ts';
import type { ChatRow } from '../store/chats.ts';
import type { Place } from './admission.ts';
import type { ChatContext } from './chat-context.ts';

/**
 * What an agent starts for: a prompt that waits, one that is likely to come, a turn or a call that it continues by itself, or
 * a task of a person, such as the opening of a terminal.
 */
export type StartPurpose = 'prompt' | 'ahead' | 'turn' | 'call' | 'task';

/** Why a start need not wait any longer. */
export type WaitEnd = 'closed' | 'interrupted' | 'cancelled' | 'overtaken';

/** The others wait on: whoever asked for them waits for an answer. */
const endedBy: Readonly<Record<WaitEnd, readonly StartPurpose[]>> = {
  closed: ['prompt', 'turn', 'call', 'task'],
  interrupted: ['prompt', 'turn'],
  cancelled: ['prompt'],
  overtaken: ['prompt'],
};

/** The agent was not to wait for a place any longer. It has not been started, and nothing has failed. */
export class WaitEnded extends BooError {
  constructor() {
    super('shutting_down', 'The agent has not started: this host was short of room for it, and is releasing the chat.');
  }
}

/** An agent whose first request takes longer than this from its start is slow for another reason than its start. */
const firstRequestMs = 3_000;

/** It has started, and its first request was made. */
const signsOfAgent: ReadonlySet<EventType> = new Set([
  'agent_message',
  'agent_thought',
  'tool_call',
  'decision_requested',
  'turn_finished',
]);

export class StartPlace {
  readonly #context: Pick<ChatContext, 'admission' | 'clock' | 'log' | 'onPlaceChanged'>;
  #place: Place | undefined;
  #wait: { purpose: StartPurpose; abort: AbortController } | undefined;
  /** Kept while other work of the chat goes first. */
  #order: number | undefined;
  #cancelLeave: (() => void) | undefined;

  constructor(context: Pick<ChatContext, 'admission' | 'clock' | 'log' | 'onPlaceChanged'>) {
    this.#context = context;
  }

  get waitsFor(): WaitsFor | null {
    return this.#wait ? this.#context.admission.waitOf(this.#context.log.lease.chatId) : null;
  }

  /** False if there is no place to spare. */
  takeAhead(): boolean {
    this.#place ??= this.#context.admission.enterAhead();
    return this.#place !== undefined;
  }

  /** Resolves once the agent may start. Throws `WaitEnded`, or the signal's reason. */
  async take(purpose: StartPurpose, signal: AbortSignal): Promise<void> {
    if (this.#place) return;
    const { admission, log, onPlaceChanged } = this.#context;
    const abort = new AbortController();
    this.#wait = { purpose, abort };
    let hasWaited = false;
    try {
      this.#place = await admission.enter(
        {
          chatId: log.lease.chatId,
          order: this.#order,
          signal: AbortSignal.any([signal, abort.signal]),
          onChanged: onPlaceChanged,
        },
        ({ order }) => {
          hasWaited = true;
          this.#order = order;
        },
      );
      this.#order = undefined;
    } finally {
      this.#wait = undefined;
      if (hasWaited) onPlaceChanged();
    }
  }

  /** An event of the chat was stored. */
  noted({ type }: Event, { waitingPrompts }: Pick<ChatRow, 'waitingPrompts'>): void {
    if (signsOfAgent.has(type)) this.leave();
    // Without a prompt it need not start.
    if (type === 'prompt_cancelled' && waitingPrompts === 0) this.stopWaiting('cancelled');
  }

  /** Ends the wait for a place, if it is one that ends by this. */
  stopWaiting(why: WaitEnd): void {
    if (!this.#wait || !endedBy[why].includes(this.#wait.purpose)) return;
    if (why !== 'overtaken') this.#order = undefined;
    this.#wait.abort.abort(new WaitEnded());
  }

  /** The agent has started. For a prompt the place is kept until its request to the model has left, which is as heavy. */
  opened(purpose: StartPurpose): void {
    if (purpose !== 'prompt' || !this.#place) return this.leave();
    this.#cancelLeave = this.#context.clock.after(firstRequestMs, () => this.leave());
  }

  /** Another agent may start. */
  leave(): void {
    this.#cancelLeave?.();
    this.#place?.leave();
    this.#place = undefined;
  }
}
