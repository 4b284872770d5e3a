/** The lines that the program still has to write of what it has done: it writes its transcript a little later than it acts. */

/** How long after the program has come to rest its last lines may still be on their way: it writes them every 100 ms. */
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

  /** Resolves when everything that stands in the files was told. */
  async settle(): Promise<void> {
    await this.#parts.transcript.catchUp();
    await this.#parts.turns.settled();
  }

  /** Resolves when the lines that the program still had to write were told. */
  async told(): Promise<void> {
    await new Promise((resolve) => setTimeout(resolve, lateLinesMs).unref());
    await this.settle();
  }

  /** Does the task once they were told. */
  after(task: () => void): void {
    this.told()
      .then(task)
      .catch((error: unknown) => this.#parts.onProblem(error, 'The transcript could not be read.'));
  }
}
