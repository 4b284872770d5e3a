/**
 * One viewer of a hub. At most a window of bytes is in transit to it; anything beyond is not queued. Once it has caught
 * up, it gets the current screen in place of everything it missed, so it is never behind by more than a window, and
 * costs no more memory than a window and a screen.
 */
import { fieldName, readWith } from '../lib/schema-problems.ts';
import { BooError } from '../protocol/error.ts';
import { type TerminalSize, terminalSize } from '../protocol/terminal.ts';
import type { TerminalFrame, TerminalViewer } from './agent-terminal.ts';
import { bytesOf, FrameQueue } from './frame-queue.ts';

/** What a viewer needs from its hub. */
export interface ViewerOwner {
  readonly windowBytes: number;
  /** The whole current screen. */
  screen(): TerminalFrame & { type: 'screen' };
  input(data: Uint8Array): void;
  paste(text: string): void;
  resized(): void;
  closed(viewer: HubViewer): void;
}

const maxQueuedFrames = 1000;

export class HubViewer implements TerminalViewer {
  readonly canWrite: boolean;
  readonly #owner: ViewerOwner;
  readonly #queue = new FrameQueue(() => this.#catchUp());
  #size: TerminalSize | undefined;
  #unacknowledged = 0;
  #isBehind = false;
  #isClosed = false;
  #isTaken = false;

  constructor(owner: ViewerOwner, options: { size?: TerminalSize | undefined; canWrite: boolean }) {
    this.#owner = owner;
    this.canWrite = options.canWrite;
    if (options.size) this.#size = checked(options.size);
  }

  get size(): TerminalSize | undefined {
    return this.#size;
  }

  get frames(): AsyncIterable<TerminalFrame> {
    return {
      [Symbol.asyncIterator]: () => {
        if (this.#isTaken) throw new Error('A viewer has one consumer: its frames are already being read.');
        this.#isTaken = true;
        return {
          next: () => this.#queue.next(),
          return: () => {
            this.close();
            return Promise.resolve({ done: true, value: undefined });
          },
        };
      },
    };
  }

  /** The current screen, in place of what is queued. */
  redraw(): void {
    const frame = this.#owner.screen();
    this.#isBehind = false;
    // Nobody will acknowledge what is dropped here.
    this.#unacknowledged -= this.#queue.clear();
    this.#push(frame);
  }

  show(data: Uint8Array): void {
    if (this.#isBehind || data.length === 0) return;
    const isOver = this.#unacknowledged + data.length > this.#owner.windowBytes;
    if (isOver || this.#queue.length >= maxQueuedFrames) this.#isBehind = true;
    else this.#push({ type: 'output', data });
  }

  showSize(size: TerminalSize): void {
    // The pending screen includes it.
    if (!this.#isBehind) this.#queue.push({ type: 'size', size });
  }

  /** The last frames, regardless of the window. */
  end(reason: string): void {
    if (this.#isBehind) this.redraw();
    this.#queue.push({ type: 'ended', reason });
    this.#queue.close();
  }

  #push(frame: TerminalFrame): void {
    this.#unacknowledged += bytesOf(frame);
    this.#queue.push(frame);
  }

  #catchUp(): void {
    if (this.#isBehind && this.#queue.length === 0 && this.#unacknowledged <= this.#owner.windowBytes / 2)
      this.redraw();
  }

  acknowledge(bytes: number): void {
    if (!Number.isSafeInteger(bytes) || bytes < 0) {
      throw new BooError('invalid_request', 'bytes: must be a whole number of at least 0', {
        details: { field: 'bytes' },
      });
    }
    this.#unacknowledged = Math.max(0, this.#unacknowledged - bytes);
    this.#catchUp();
  }

  write(data: Uint8Array): void {
    if (this.canWrite && !this.#isClosed && data.length > 0) this.#owner.input(data);
  }

  paste(text: string): void {
    if (this.canWrite && !this.#isClosed) this.#owner.paste(text);
  }

  resize(size: TerminalSize): void {
    this.#size = checked(size);
    if (!this.#isClosed) this.#owner.resized();
  }

  close(): void {
    if (this.#isClosed) return;
    this.#isClosed = true;
    this.#queue.clear();
    this.#queue.close();
    this.#owner.closed(this);
  }
}

function checked(size: TerminalSize): TerminalSize {
  const read = readWith(terminalSize, size);
  if ('value' in read) return read.value;
  const [{ path, message }] = read.problems;
  const field = fieldName(path, 'size');
  throw new BooError('invalid_request', `${field}: ${message}`, { details: { field } });
}
