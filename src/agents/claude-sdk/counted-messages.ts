/** Which of the model's messages are included in the reported costs: each result counts those before it. */
import type { SDKMessage } from '@anthropic-ai/claude-agent-sdk';

export class CountedMessages {
  /** Since the last result, by id. */
  readonly #uncounted = new Set<string>();
  readonly #counted = new Set<string>();

  get ids(): ReadonlySet<string> {
    return this.#counted;
  }

  note(message: SDKMessage): void {
    if (message.type === 'assistant') this.#uncounted.add(message.message.id);
    if (message.type !== 'result') return;
    for (const id of this.#uncounted) this.#counted.add(id);
    this.#uncounted.clear();
  }
}
