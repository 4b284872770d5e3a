/** The last bytes of an output, as text: what a process said before it ended. */
export class OutputTail {
  readonly #limitBytes: number;
  #tail = Buffer.alloc(0);

  constructor(limitBytes: number) {
    this.#limitBytes = limitBytes;
  }

  add(chunk: Buffer): void {
    const all = Buffer.concat([this.#tail, chunk]);
    // A copy, so that the whole output is not kept for the sake of its end.
    this.#tail = Buffer.from(all.subarray(Math.max(0, all.length - this.#limitBytes)));
  }

  /** Whether there was more before it. */
  get isCut(): boolean {
    return this.#tail.length === this.#limitBytes;
  }

  get text(): string {
    return this.#tail.toString('utf8');
  }
}
