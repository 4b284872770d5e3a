/** Bytes in, complete lines out. Anything after the last newline waits for the rest of its line. */

export interface Line {
  /** Null if the line is too long to read. */
  bytes: Buffer | null;
  /** The line's start in the file, in bytes. */
  offset: number;
  /** The line's end, after its newline. */
  end: number;
  /** From 1. */
  number: number;
}

/** Longer lines are skipped: they would not fit in a string. */
const maxLineBytes = 256 * 1024 * 1024;
const newline = 0x0a;

export class LineSplitter {
  readonly #maxLineBytes: number;
  #offset = 0;
  #number = 1;
  /** The pieces of the incomplete line. They are joined only once, however many there are. */
  #pieces: Buffer[] = [];
  #pieceBytes = 0;

  constructor(maxBytes = maxLineBytes) {
    this.#maxLineBytes = maxBytes;
  }

  /** The incomplete line, if there is one. */
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
