/**
 * Whether a log still has an acknowledged prompt. A restore of the database may have taken it away, and then whoever waits
 * for its turn would wait forever. Give it everything that a reader gets from before the prompt on.
 */
import { BooError } from './error.ts';
import type { FeedItem } from './event.ts';

export class PromptPresence {
  readonly #promptId: string;
  #isThere = false;
  #reached = 0;
  #head: number | null = null;

  constructor(promptId: string) {
    this.#promptId = promptId;
  }

  /**
   * Throws `log_replaced` once the reader has everything that is stored, and the prompt is not among it. A connection that
   * was opened before the prompt was acknowledged (`isStored`) tells nothing.
   */
  noted(item: FeedItem, isStored = true): void {
    if (item.kind === 'resume') {
      this.#head = isStored ? item.head : null;
      this.#reached = item.verdict === 'gap' ? 0 : item.after;
      if (item.verdict === 'gap') this.#isThere = false;
    } else if (item.kind === 'event') {
      this.#reached = item.event.seq;
      if (item.event.type === 'prompt_accepted' && item.event.promptId === this.#promptId) this.#isThere = true;
    }
    if (this.#isThere || this.#head === null || this.#reached < this.#head) return;
    const details = { promptId: this.#promptId };
    throw new BooError('log_replaced', 'The server’s history was replaced by one without this prompt.', { details });
  }
}
