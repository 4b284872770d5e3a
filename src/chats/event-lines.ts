import type { Log } from '../lib/log.ts';
import type { Event } from '../protocol/event.ts';

/** Log lines about events in chats. They contain nothing of what was said, asked or answered. */
export class EventLines {
  readonly #logger: Log;
  /** When each running turn started, in milliseconds since 1970, and with which prompts. */
  readonly #running = new Map<string, { atMs: number; promptIds: readonly string[] }>();

  constructor(logger: Log) {
    this.#logger = logger;
  }

  /** Call it for every event that is stored. */
  write(event: Event): void {
    const { chatId } = event;
    if (event.type === 'turn_started') {
      const { turnId, promptIds } = event;
      this.#running.set(turnId, { atMs: Date.parse(event.at), promptIds });
      this.#logger.debug({ chatId, turnId, promptIds }, 'A turn has started.');
    } else if (event.type === 'turn_finished') {
      const { turnId, outcome, error, costUsd, usage } = event;
      const begun = this.#running.get(turnId);
      this.#running.delete(turnId);
      const facts = {
        chatId,
        turnId,
        ...(begun && { promptIds: begun.promptIds, ms: Date.parse(event.at) - begun.atMs }),
        outcome,
        ...(error && { code: error.code }),
        costUsd,
        outputTokens: usage.outputTokens,
      };
      if (outcome === 'failed') this.#logger.warn(facts, 'A turn failed.');
      else this.#logger.info(facts, 'A turn has ended.');
    } else if (event.type === 'decision_requested') {
      const { decisionId, kind, toolName } = event;
      this.#logger.info({ chatId, decisionId, kind, toolName }, 'A decision is waiting for a person.');
    } else if (event.type === 'decision_resolved') {
      const { decisionId, outcome, by } = event;
      this.#logger.info({ chatId, decisionId, outcome, by }, 'A decision was settled.');
    } else if (event.type === 'queue_held') {
      const { reason, resumesAt } = event;
      this.#logger.warn({ chatId, reason, resumesAt }, 'A chat’s queue is held.');
    } else if (event.type === 'queue_resumed') {
      this.#logger.info({ chatId, by: event.by }, 'A chat’s queue was resumed.');
    }
  }
}
