/**
 * Which prompt is next. The table knows; but a prompt that is stored while none waits is the next one, and need not be
 * asked for: one question less between a prompt and its turn, for whoever waits for its first word.
 *
 * Only the holder of the lease stores prompts, so an answer "none waits" holds until the next is stored. It counts only
 * if no prompt was on its way meanwhile, and a prompt is passed on only if nobody has asked since it set out: the answer
 * may have been that very prompt.
 */
import type { PromptRow } from '../store/prompts.ts';

export class WaitingPrompts {
  readonly #ask: () => Promise<PromptRow | null>;
  #noneWaits = false;
  #next: PromptRow | undefined;
  /** Changes with every question. */
  #asked = 0;
  #setOut = 0;
  #onTheirWay = 0;

  constructor(ask: () => Promise<PromptRow | null>) {
    this.#ask = ask;
  }

  /** Stores a prompt by `store`, which gives the seq of its event once that is committed. */
  async add(prompt: Pick<PromptRow, 'id' | 'content'>, store: () => Promise<number>): Promise<number> {
    const isNext = this.#noneWaits;
    const asked = this.#asked;
    this.#noneWaits = false;
    this.#setOut += 1;
    this.#onTheirWay += 1;
    try {
      const seq = await store();
      if (isNext && this.#asked === asked) this.#next = { ...prompt, seq };
      return seq;
    } finally {
      this.#onTheirWay -= 1;
    }
  }

  /** The prompt whose turn it is, or null when none waits. */
  async next(): Promise<PromptRow | null> {
    const known = this.#next;
    this.#next = undefined;
    if (known) return known;
    this.#asked += 1;
    const setOut = this.#setOut;
    const wasQuiet = this.#onTheirWay === 0;
    const prompt = await this.#ask();
    this.#noneWaits = prompt === null && wasQuiet && this.#setOut === setOut;
    return prompt;
  }
}
