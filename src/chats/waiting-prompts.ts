/**
 * Which prompt is next. The table knows; but while it is known that none waits, a prompt that comes can begin its turn in
 * the very write that stores it: one commit less before the agent hears of it.
 *
 * Only the holder of the lease stores prompts, so an answer "none waits" holds until the next one sets out to be stored.
 * It counts only if no prompt was on its way meanwhile.
 */
import type { PromptRow } from '../store/prompts.ts';

export class WaitingPrompts {
  readonly #ask: () => Promise<PromptRow | null>;
  #isEmpty = false;
  #setOut = 0;
  #onTheirWay = 0;
  #edits = 0;
  #editsAtAsk = 0;

  constructor(ask: () => Promise<PromptRow | null>) {
    this.#ask = ask;
  }

  /** Known to be so: no prompt waits, and none is on its way to. */
  get isEmpty(): boolean {
    return this.#isEmpty;
  }

  /** Prompts were cancelled or moved. To be told before the next write to the log looks. */
  edited(): void {
    this.#edits += 1;
  }

  /** Prompts whose turn is over wait again, before all others. To be told before the next write to the log looks. */
  returned(): void {
    this.#isEmpty = false;
    this.#setOut += 1;
    this.edited();
  }

  /** The prompt that was asked for last is still the next. */
  get isCurrent(): boolean {
    return this.#edits === this.#editsAtAsk;
  }

  /** Stores a prompt that is to wait. */
  async add<T>(store: () => Promise<T>): Promise<T> {
    this.#isEmpty = false;
    this.#setOut += 1;
    this.#onTheirWay += 1;
    try {
      return await store();
    } finally {
      this.#onTheirWay -= 1;
    }
  }

  /** The prompt whose turn it is, or null when none waits. */
  async next(): Promise<PromptRow | null> {
    const setOut = this.#setOut;
    this.#editsAtAsk = this.#edits;
    const wasQuiet = this.#onTheirWay === 0;
    const prompt = await this.#ask();
    this.#isEmpty = prompt === null && wasQuiet && this.#setOut === setOut;
    return prompt;
  }
}
