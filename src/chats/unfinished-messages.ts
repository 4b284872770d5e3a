/**
 * What has streamed so far of the messages that an agent is still making, stored about once a second for the chat's next
 * holder, should this one be killed. Nothing waits for it, and it fails nothing: what cannot be stored is tried again.
 */
import type { Clock } from '../lib/clock.ts';
import type { Log } from '../lib/log.ts';
import type { DeltaBody, Event } from '../protocol/event.ts';
import type { Sql } from '../store/database.ts';
import type { Lease } from '../store/events.ts';
import { storeUnfinished, type UnfinishedMessage } from '../store/unfinished-messages.ts';

const storeEveryMs = 1_000;
/** A message is kept up to this length. */
const maxLength = 262_144;
/** A longer text is stored less often, so that a chat writes no more than this in a second. */
const lengthPerSecond = 65_536;

export interface UnfinishedMessagesParts {
  sql: Sql;
  lease: Lease;
  clock: Clock;
  logger: Log;
}

interface Streaming {
  kind: 'agent_message' | 'agent_thought';
  parentToolCallId: string | undefined;
  text: string;
}

export class UnfinishedMessages {
  readonly #parts: UnfinishedMessagesParts;
  readonly #streaming = new Map<string, Streaming>();
  /** Of the running turn, so that a late preview does not begin them again. */
  readonly #finished = new Set<string>();
  #turnId: string | undefined;
  /** There is something to store, or what is stored no longer holds. */
  #isStale = false;
  #isStored = false;
  #isWriting = false;
  #hasFailed = false;
  #isFenced = false;
  #cancel: (() => void) | undefined;

  constructor(parts: UnfinishedMessagesParts) {
    this.#parts = parts;
  }

  /** Whether something may be stored that has to be deleted with the end of the turn. */
  get isStored(): boolean {
    return this.#isStored || this.#isWriting;
  }

  /** A piece has streamed. */
  add(turnId: string, delta: DeltaBody): void {
    if (delta.type === 'tool_call_chunk' || this.#finished.has(delta.messageId)) return;
    this.#turnId = turnId;
    const { messageId, parentToolCallId } = delta;
    let message = this.#streaming.get(messageId);
    if (!message) {
      // An agent makes one message at a time: another that never came to its end was abandoned, as by a retry.
      for (const [id, other] of this.#streaming)
        if (other.parentToolCallId === parentToolCallId) this.#streaming.delete(id);
      const kind = delta.type === 'agent_message_chunk' ? 'agent_message' : 'agent_thought';
      message = { kind, parentToolCallId, text: '' };
      this.#streaming.set(messageId, message);
    }
    if (message.text.length >= maxLength) return;
    message.text += delta.content.text;
    if (message.text.length > maxLength) message.text = message.text.slice(0, maxLength);
    this.#isStale = true;
    this.#arm();
  }

  /** An event is stored. */
  noted(event: Event): void {
    if (event.type === 'agent_message' || event.type === 'agent_thought') {
      this.#finished.add(event.messageId);
      if (this.#streaming.delete(event.messageId)) this.#isStale = true;
    } else if (event.type === 'turn_finished') {
      this.#streaming.clear();
      this.#finished.clear();
      // Its end has deleted what was stored, except by a write that is still under way.
      this.#isStored = false;
      this.#isStale = this.#isWriting;
      if (this.#isStale) return;
      this.#cancel?.();
      this.#cancel = undefined;
    }
  }

  /** The messages as events, if their end no longer comes. */
  asEvents(): UnfinishedMessage[] {
    return [...this.#streaming]
      .filter(([, { text }]) => text !== '')
      .map(([messageId, { kind, parentToolCallId, text }]) => ({
        type: kind,
        messageId,
        content: [{ type: 'text', text }],
        ...(parentToolCallId === undefined ? {} : { parentToolCallId }),
        isPartial: true,
      }));
  }

  #arm(): void {
    if (this.#cancel || this.#isWriting || this.#isFenced) return;
    let length = 0;
    for (const { text } of this.#streaming.values()) length += text.length;
    const delayMs = storeEveryMs * Math.max(1, length / lengthPerSecond);
    this.#cancel = this.#parts.clock.after(delayMs, () => {
      this.#cancel = undefined;
      void this.#store();
    });
  }

  async #store(): Promise<void> {
    const messages = this.asEvents();
    const isNeeded = this.#isStale && (messages.length > 0 || this.#isStored);
    if (!isNeeded || this.#turnId === undefined) return;
    this.#isStale = false;
    this.#isWriting = true;
    const { sql, lease, logger } = this.#parts;
    try {
      this.#isFenced = !(await storeUnfinished(sql, lease, this.#turnId, messages));
      this.#isStored = messages.length > 0;
      this.#hasFailed = false;
    } catch (error) {
      this.#isStale = true;
      // Perhaps it was stored all the same.
      this.#isStored = true;
      if (!this.#hasFailed) {
        logger.warn({ chatId: lease.chatId, err: error }, 'A streaming answer could not be stored; it is tried again.');
      }
      this.#hasFailed = true;
    }
    this.#isWriting = false;
    if (this.#isStale) this.#arm();
  }
}
