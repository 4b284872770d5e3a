/**
 * Input to a pseudo-terminal, in order and complete, whether or not the program reads.
 *
 * node-pty's stream cannot do this: libuv writes to the master side of a terminal in a loop that ends only when
 * everything is written, so one program that does not read would stop the whole server. The descriptor is non-blocking:
 * what it does not accept now is retried soon.
 */
import { writeSync } from 'node:fs';

const blockBytes = 64 * 1024;
const retryMs = { first: 1, most: 16 };

export class PtyInput {
  readonly #fd: number;
  #waiting: Uint8Array[] = [];
  #waitingBytes = 0;
  /** The last queued buffer, which has room for more; from `start` on it has not been accepted. */
  #block: { bytes: Uint8Array; start: number; length: number } | undefined;
  #timer: NodeJS.Timeout | undefined;
  #delayMs = retryMs.first;
  #isClosed = false;

  constructor(fd: number) {
    this.#fd = fd;
  }

  get waitingBytes(): number {
    return this.#waitingBytes;
  }

  write(data: string | Uint8Array): void {
    if (this.#isClosed || data.length === 0) return;
    const bytes = typeof data === 'string' ? Buffer.from(data) : data;
    this.#waitingBytes += bytes.length;
    this.#keep(bytes);
    if (this.#timer === undefined) this.#flush();
  }

  /** Single keys are combined: a million of them must not be a million objects. */
  #keep(bytes: Uint8Array): void {
    const block = this.#block;
    if (block && this.#timer !== undefined && block.length + bytes.length <= blockBytes) {
      block.bytes.set(bytes, block.length);
      block.length += bytes.length;
      this.#waiting[this.#waiting.length - 1] = block.bytes.subarray(block.start, block.length);
    } else if (this.#timer !== undefined && bytes.length < blockBytes / 2) {
      this.#block = { bytes: Buffer.alloc(blockBytes), start: 0, length: bytes.length };
      this.#block.bytes.set(bytes);
      this.#waiting.push(this.#block.bytes.subarray(0, bytes.length));
    } else {
      this.#block = undefined;
      this.#waiting.push(bytes);
    }
  }

  #flush(): void {
    this.#timer = undefined;
    for (let [first] = this.#waiting; first; [first] = this.#waiting) {
      const written = this.#offer(first);
      if (written === null) return;
      this.#waitingBytes -= written;
      if (written === first.length) {
        this.#waiting.shift();
        if (this.#waiting.length === 0) this.#block = undefined;
      } else {
        this.#waiting[0] = first.subarray(written);
        if (this.#block && this.#waiting.length === 1) this.#block.start += written;
      }
      if (written > 0) this.#delayMs = retryMs.first;
      if (written < first.length) {
        this.#timer = setTimeout(() => this.#flush(), this.#delayMs);
        this.#delayMs = Math.min(this.#delayMs * 2, retryMs.most);
        return;
      }
    }
  }

  /** How much was accepted; null if the reader is gone. */
  #offer(bytes: Uint8Array): number | null {
    try {
      return writeSync(this.#fd, bytes);
    } catch (error) {
      if ((error as NodeJS.ErrnoException).code === 'EAGAIN') return 0;
      // EIO: the program has ended, and will be reported as ended soon.
      this.close();
      return null;
    }
  }

  /** Drops what is queued. Before the descriptor is closed: its number may soon be another file's. */
  close(): void {
    this.#isClosed = true;
    clearTimeout(this.#timer);
    this.#timer = undefined;
    this.#waiting = [];
    this.#waitingBytes = 0;
  }
}
