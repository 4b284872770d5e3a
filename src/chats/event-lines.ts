import type { Log } from '../lib/log.ts';
import type { Event } from '../protocol/event.ts';

/** The log's lines about what happened in chats. Of what was said, asked and answered they hold nothing. */
export class EventLines {
  readonly #logger: Log;
  /** When each turn that runs began, in milliseconds since 1970, and with which prompts. */
  readonly #running = new Map<string, { atMs: number; promptIds: readonly string[] }>();

  constructor(logger: Log) {
    this.#logger = logger;
  }

  /** To be called with every event that is stored. */
  write(event: Event): void {
    const { chatId } = event;
    if (event.type === 'turn_started') {
      const { turnId, promptIds } = event;
      this.#running.set(turnId, { atMs: Date.parse(event.at), promptIds });
      this.#logger.debug({ chatId, turnId, promptIds }, 'A turn has begun.');
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
      this.#logger.info({ chatId, decisionId, kind, toolName }, 'A decision waits for a person.');
    } else if (event.type === 'decision_resolved') {
      const { decisionId, outcome, by } = event;
      this.#logger.info({ chatId, decisionId, outcome, by }, 'A decision is settled.');
    } else if (event.type === 'queue_held') {
      const { reason, resumesAt } = event;
      this.#logger.warn({ chatId, reason, resumesAt }, 'A chat’s queue is held.');
    } else if (event.type === 'queue_resumed') {
      this.#logger.info({ chatId, by: event.by }, 'A chat’s queue goes on.');
    }
  }
}
