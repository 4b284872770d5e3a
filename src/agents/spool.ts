/**
 * Bounds what a session's program has said and the store does not hold yet. At the limit the program's output is not read
 * any further, which has the program wait, until all of it is stored: as long as the database is slow, or away while the
 * chat's lease may be trusted. Nothing is lost, and a chat that is dropped stops waiting.
 */
import type { Readable } from 'node:stream';
import { Transform } from 'node:stream';
import type { Log } from '../lib/log.ts';

/** Parsed, it takes two to three times as much memory. */
export const spoolBytes = 16 * 1024 * 1024;

const lookEveryMs = 20;

export interface SpoolParts {
  limitBytes: number;
  chatId: string;
  logger: Log;
  /** Whether the store holds everything that was read so far, or nobody wants it any more. */
  readonly isStored: () => boolean;
}

export class Spool {
  readonly #parts: SpoolParts;
  #bytes = 0;
  #isOpen = false;

  constructor(parts: SpoolParts) {
    this.#parts = parts;
  }

  get isFull(): boolean {
    return !this.#isOpen && this.#bytes > this.#parts.limitBytes;
  }

  /** Counts bytes that are about to be read. Undefined if they may be, or else resolves once they may. */
  take(bytes: number): Promise<void> | undefined {
    if (this.#parts.isStored()) this.#bytes = 0;
    // More than the limit at once is still read, where nothing else waits.
    const isAlone = this.#bytes === 0;
    this.#bytes += bytes;
    return isAlone || !this.isFull ? undefined : this.#wait();
  }

  async #wait(): Promise<void> {
    const { chatId, logger } = this.#parts;
    logger.warn({ chatId }, 'The agent waits: what it has said is not stored yet.');
    while (this.isFull) {
      await new Promise((resolve) => setTimeout(resolve, lookEveryMs));
      if (this.#parts.isStored()) this.#bytes = 0;
    }
  }

  /** From here on nothing waits: the session ends. */
  open(): void {
    this.#isOpen = true;
  }

  /** The same output, read only as far as there is room. */
  bound(output: Readable): Readable {
    const bounded = new Transform({
      transform: (chunk: Buffer, _encoding, pass) => {
        const wait = this.take(chunk.length);
        if (wait) void wait.then(() => pass(null, chunk));
        else pass(null, chunk);
      },
    });
    output.on('error', (error) => bounded.destroy(error));
    output.on('close', () => {
      // Killed in the middle of its output.
      if (!output.readableEnded) bounded.end();
    });
    return output.pipe(bounded);
  }
}
