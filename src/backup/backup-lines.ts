import { BooError } from '../protocol/error.ts';
import { endOfRows } from './backup-format.ts';

const lineEnd = 10;
/** Longer than any line that is not a row: a backup never has one that long. */
const maxLineBytes = 1024 * 1024;

export class CutOffError extends Error {}

/** Reads a backup's text as lines and rows, without ever holding much of it: a row may be of any length. */
export class BackupLines {
  readonly #chunks: AsyncIterator<Buffer>;
  #rest: Buffer = Buffer.alloc(0);

  constructor(chunks: AsyncIterable<Buffer>) {
    this.#chunks = chunks[Symbol.asyncIterator]();
  }

  /** The next line, without its end. */
  async line(): Promise<string> {
    for (;;) {
      const end = this.#rest.indexOf(lineEnd);
      if (end >= 0) return this.#take(end + 1).toString('utf8', 0, end);
      if (this.#rest.length > maxLineBytes) throw new BooError('invalid_request', 'A line is too long.');
      await this.#more();
    }
  }

  /** The rows up to the end mark, which it passes. The pieces end with a row where one ends in them. */
  async *rows(): AsyncGenerator<Buffer, void, undefined> {
    const endInside = Buffer.concat([Buffer.from([lineEnd]), endOfRows]);
    let atLineStart = true;
    for (;;) {
      const rest = this.#rest;
      if (atLineStart && rest.subarray(0, endOfRows.length).equals(endOfRows)) {
        this.#take(endOfRows.length);
        return;
      }
      const end = rest.indexOf(endInside);
      const lastLine = end >= 0 ? end : rest.lastIndexOf(lineEnd);
      const mayBeEnd = atLineStart && rest.length < endOfRows.length && endOfRows.subarray(0, rest.length).equals(rest);
      if (lastLine >= 0) {
        yield this.#take(lastLine + 1);
        atLineStart = true;
      } else {
        if (rest.length > 0 && !mayBeEnd) {
          yield this.#take(rest.length);
          atLineStart = false;
        }
        await this.#more();
      }
    }
  }

  /** Whether nothing is left. */
  async isAtEnd(): Promise<boolean> {
    if (this.#rest.length > 0) return false;
    return this.#more().then(
      () => false,
      (error: unknown) => {
        if (error instanceof CutOffError) return true;
        throw error;
      },
    );
  }

  #take(bytes: number): Buffer {
    const taken = this.#rest.subarray(0, bytes);
    this.#rest = this.#rest.subarray(bytes);
    return taken;
  }

  async #more(): Promise<void> {
    const next = await this.#chunks.next();
    if (next.done === true) throw new CutOffError();
    this.#rest = this.#rest.length === 0 ? next.value : Buffer.concat([this.#rest, next.value]);
  }
}
