/**
 * The program's input line. Nobody can read it; what is known is who has typed there, and whether the program has drawn
 * something since.
 */
import { within } from '../../lib/within.ts';
import { clearInput } from './typed-prompt.ts';

/** What is cleared is gone before the next key is read. */
const afterClearMs = 50;
/** Each clears half a dozen lines. */
const clearTimes = 3;
/** What is typed is drawn within this time, where it is drawn at all. */
const readMs = 250;

export class InputLine {
  readonly #terminal: { write(keys: string): void };
  #hasDraft = false;
  #onDrawn = (): void => {};

  constructor(terminal: { write(keys: string): void }) {
    this.#terminal = terminal;
  }

  /** Words of a person stand perhaps in it. */
  get hasDraft(): boolean {
    return this.#hasDraft;
  }

  /** Somebody else has typed, or the program itself has put words back. */
  noteKeys(): void {
    this.#hasDraft = true;
  }

  /** It is a new one. */
  forgetKeys(): void {
    this.#hasDraft = false;
  }

  /** The program has drawn something. */
  noteOutput(): void {
    this.#onDrawn();
  }

  write(keys: string): void {
    this.#terminal.write(keys);
  }

  /** Resolves when the program shows that it has read what was typed, or has had the time for it. */
  async drawn(): Promise<void> {
    await within(readMs, new Promise<void>((resolve) => (this.#onDrawn = resolve)));
  }

  async clear(): Promise<void> {
    this.#hasDraft = false;
    for (let time = 0; time < clearTimes; time += 1) {
      this.write(clearInput);
      // More keys at once would be taken for a paste: a busy program is waited for.
      await Promise.all([new Promise((resolve) => setTimeout(resolve, afterClearMs)), this.drawn()]);
    }
  }
}
