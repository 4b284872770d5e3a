/** Bytes in, whole lines out. What comes after the last newline waits for its end. */

export interface Line {
  /** Null for a line that is too long to be read. */
  bytes: Buffer | null;
  /** Where the line begins in the file, in bytes. */
  offset: number;
  /** Where it ends: behind its newline. */
  end: number;
  /** From 1. */
  number: number;
}

/** Longer than this a line is passed over: it would not fit in a string. */
const maxLineBytes = 256 * 1024 * 1024;
const newline = 0x0a;

export class LineSplitter {
  readonly #maxLineBytes: number;
  #offset = 0;
  #number = 1;
  /** The pieces of the line that has no end yet. A line of many pieces is put together once. */
  #pieces: Buffer[] = [];
  #pieceBytes = 0;

  constructor(maxBytes = maxLineBytes) {
    this.#maxLineBytes = maxBytes;
  }

  /** The line that has no end yet, if there is one. */
  get openLine(): { offset: number; number: number; byteCount: number } | null {
    if (this.#pieceBytes === 0) return null;
    return { offset: this.#offset, number: this.#number, byteCount: this.#pieceBytes };
  }

  push(chunk: Buffer): Line[] {
    const lines: Line[] = [];
    let start = 0;
    for (let at = chunk.indexOf(newline); at !== -1; at = chunk.indexOf(newline, start)) {
      this.#keep(chunk.subarray(start, at));
      lines.push(this.#endLine());
      start = at + 1;
    }
    this.#keep(chunk.subarray(start));
    return lines;
  }

  #keep(piece: Buffer): void {
    if (piece.length === 0) return;
    this.#pieceBytes += piece.length;
    if (this.#pieceBytes > this.#maxLineBytes) this.#pieces = [];
    else this.#pieces.push(piece);
  }

  #endLine(): Line {
    const end = this.#offset + this.#pieceBytes + 1;
    const [first, ...more] = this.#pieces;
    let bytes: Buffer | null = null;
    if (this.#pieceBytes <= this.#maxLineBytes) {
      bytes = first === undefined ? Buffer.alloc(0) : more.length === 0 ? first : Buffer.concat(this.#pieces);
    }
    const line: Line = { bytes, offset: this.#offset, end, number: this.#number };
    this.#pieces = [];
    this.#pieceBytes = 0;
    this.#offset = end;
    this.#number += 1;
    return line;
  }
}
