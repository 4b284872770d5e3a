/**
 * The program's input line. It cannot be read: all we know is whether someone else has typed into it, and whether the
 * program has drawn anything since.
 */
import { within } from '../../lib/within.ts';
import { clearInput } from './typed-prompt.ts';

/** By then the program has cleared the line, before it reads the next key. */
const afterClearMs = 50;
/** Each attempt clears half a dozen lines. */
const clearTimes = 3;
/** The program draws typed text within this time, if it draws it at all. */
const readMs = 250;

export class InputLine {
  readonly #terminal: { write(keys: string): void };
  #hasDraft = false;
  #onDrawn = (): void => {};

  constructor(terminal: { write(keys: string): void }) {
    this.#terminal = terminal;
  }

  /** It may contain a person's text. */
  get hasDraft(): boolean {
    return this.#hasDraft;
  }

  /** Someone else has typed, or the program has restored text. */
  noteKeys(): void {
    this.#hasDraft = true;
  }

  /** The line is new, and empty. */
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

  /** Resolves when the program shows that it has read what was typed, or has had time to. */
  async drawn(): Promise<void> {
    await within(readMs, new Promise<void>((resolve) => (this.#onDrawn = resolve)));
  }

  async clear(): Promise<void> {
    this.#hasDraft = false;
    for (let time = 0; time < clearTimes; time += 1) {
      this.write(clearInput);
      // The program would treat more keys at once as a paste, so wait for a busy one.
      await Promise.all([new Promise((resolve) => setTimeout(resolve, afterClearMs)), this.drawn()]);
    }
  }
}
