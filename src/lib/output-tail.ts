/** The last bytes of an output, as text: what a process printed before it ended. */
export class OutputTail {
  readonly #limitBytes: number;
  #tail = Buffer.alloc(0);

  constructor(limitBytes: number) {
    this.#limitBytes = limitBytes;
  }

  add(chunk: Buffer): void {
    const all = Buffer.concat([this.#tail, chunk]);
    // A copy, so the whole output is not retained for its tail.
    this.#tail = Buffer.from(all.subarray(Math.max(0, all.length - this.#limitBytes)));
  }

  /** Whether output was dropped before it. */
  get isCut(): boolean {
    return this.#tail.length === this.#limitBytes;
  }

  get text(): string {
    return this.#tail.toString('utf8');
  }
}
