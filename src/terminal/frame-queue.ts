import type { TerminalFrame } from './agent-terminal.ts';

const mergedBytes = 64 * 1024;

/** How many bytes of a frame a viewer acknowledges. */
export function bytesOf(frame: TerminalFrame): number {
  if (frame.type === 'output') return frame.data.length;
  return frame.type === 'screen' ? Buffer.byteLength(frame.data) : 0;
}

/** The frames a viewer has not taken yet. One consumer. Small pieces of output are combined. */
export class FrameQueue {
  #frames: TerminalFrame[] = [];
  #head = 0;
  #closed = false;
  #parked: ((result: IteratorResult<TerminalFrame, undefined>) => void) | undefined;
  readonly #onTaken: () => void;

  constructor(onTaken: () => void) {
    this.#onTaken = onTaken;
  }

  get length(): number {
    return this.#frames.length - this.#head;
  }

  push(frame: TerminalFrame): void {
    if (this.#closed) return;
    const last = this.#frames.at(-1);
    // Of unseen sizes only the last one matters.
    if (frame.type === 'size' && last?.type === 'size' && this.length > 0) this.#frames.pop();
    this.#frames.push(frame);
    const wake = this.#parked;
    if (!wake) return;
    this.#parked = undefined;
    wake({ done: false, value: this.#shift() });
  }

  /** Drops what was not taken, and returns its size in bytes. */
  clear(): number {
    const dropped = this.#frames.slice(this.#head);
    this.#frames = [];
    this.#head = 0;
    return dropped.reduce((sum, frame) => sum + bytesOf(frame), 0);
  }

  /** The iteration ends after what is queued. */
  close(): void {
    this.#closed = true;
    this.#parked?.({ done: true, value: undefined });
    this.#parked = undefined;
  }

  next(): Promise<IteratorResult<TerminalFrame, undefined>> {
    if (this.#parked) return Promise.reject(new Error('A viewer has one consumer: a read is already waiting.'));
    if (this.length > 0) {
      const value = this.#shift();
      this.#onTaken();
      return Promise.resolve({ done: false, value });
    }
    if (this.#closed) return Promise.resolve({ done: true, value: undefined });
    return new Promise((resolve) => (this.#parked = resolve));
  }

  #shift(): TerminalFrame {
    const first = this.#frames[this.#head++]!;
    const pieces: Uint8Array[] = [];
    if (first.type === 'output') {
      pieces.push(first.data);
      let size = first.data.length;
      for (let next = this.#frames[this.#head]; next?.type === 'output'; next = this.#frames[this.#head]) {
        size += next.data.length;
        if (size > mergedBytes) break;
        pieces.push(next.data);
        this.#head += 1;
      }
    }
    if (this.#head === this.#frames.length) this.clear();
    else if (this.#head >= 256) {
      this.#frames = this.#frames.slice(this.#head);
      this.#head = 0;
    }
    return pieces.length > 1 ? { type: 'output', data: Buffer.concat(pieces) } : first;
  }
}
