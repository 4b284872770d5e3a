/**
 * Detects keys that were pressed before anyone could see what they would answer. The program asks its hook before it
 * draws the dialog and accepts keys from then on, so the next key of someone who is typing would answer it. On a busy
 * machine the hook's message may arrive here after the dialog.
 */
import type { ProgramStatus } from './program-status.ts';

/** The dialog of a question that is answered elsewhere may never be drawn. */
const drawMs = 2_000;

export class EarlyKeys {
  #isOpen = false;
  /** When a screen was opened that belongs to no known question yet. */
  #unknownSince: number | undefined;
  /**
   * Questions whose dialogs are still to come. A screen that a person has opened is none of these, and accepts keys
   * immediately.
   */
  #unshown = 0;
  #until = 0;
  readonly #unseenMs: number;

  /** `unseenMs`: how long a dialog must be on the screen before anyone can have read it. */
  constructor(unseenMs: number) {
    this.#unseenMs = unseenMs;
  }

  /** The program has a question, which it is about to show. */
  noteQuestion(): void {
    const since = this.#unknownSince;
    this.#unknownSince = undefined;
    if (since !== undefined && performance.now() < since + drawMs) {
      this.#until = since + this.#unseenMs;
      return;
    }
    this.#unshown += 1;
    if (!this.#isOpen) this.#until = performance.now() + drawMs;
  }

  /** Call it with every change of the program's status: one dialog may follow another. */
  noteStatus({ state }: Pick<ProgramStatus, 'state'>): void {
    this.#isOpen = state === 'waiting';
    this.#unknownSince = this.#isOpen && this.#unshown === 0 ? performance.now() : undefined;
    if (!this.#isOpen || this.#unshown === 0) return;
    this.#unshown -= 1;
    this.#until = performance.now() + this.#unseenMs;
  }

  /** Whether a key pressed now is too early. */
  get isEarly(): boolean {
    return performance.now() < this.#until;
  }
}
