/** Waits for transcript lines that are still to come: the program writes them slightly later than it acts. */

/** How late the program's last lines may be after it has become idle: it writes every 100 ms. */
const lateLinesMs = 300;

export interface LateLinesParts {
  transcript: { catchUp(): Promise<void> };
  turns: { settled(): Promise<void> };
  readonly onProblem: (error: unknown, message: string) => void;
}

export class LateLines {
  readonly #parts: LateLinesParts;

  constructor(parts: LateLinesParts) {
    this.#parts = parts;
  }

  /** Resolves once everything in the files has become events. */
  async settle(): Promise<void> {
    await this.#parts.transcript.catchUp();
    await this.#parts.turns.settled();
  }

  /** Resolves once late lines have become events too. */
  async told(): Promise<void> {
    await new Promise((resolve) => setTimeout(resolve, lateLinesMs).unref());
    await this.settle();
  }

  /** Runs the task after that. */
  after(task: () => void): void {
    this.told()
      .then(task)
      .catch((error: unknown) => this.#parts.onProblem(error, 'The transcript could not be read.'));
  }
}
