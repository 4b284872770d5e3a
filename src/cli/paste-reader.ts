/**
 * Separates typed from pasted input on a terminal that brackets pastes.
 *
 * Not every terminal removes the end bracket from pasted text, and then only what follows distinguishes a fake end from
 * the true one: after the true one comes a person's next key, which takes a while. So a paste is over when nothing has
 * arrived for a moment after an end. Until then everything belongs to it, and so does everything that arrived together
 * with an end without a start: no key sends that.
 */
const start = Buffer.from('\x1b[200~');
const end = Buffer.from('\x1b[201~');
const nothing = Buffer.alloc(0);

/** Nobody presses a key this soon after a paste. */
export const quietMs = 50;
/** The rest of a bracket arrives at once. */
export const splitMs = 20;
/** A paste that has been silent this long may have lost its end. */
export const staleMs = 1_000;
/** A long paste is passed on in pieces. */
const pieceBytes = 256 * 1024;

export interface PasteReaderOptions {
  onKeys(data: Buffer): void;
  onPaste(text: string): void;
  /** Keys that arrive alone, long after the last part of an unfinished paste. True if they were handled. */
  onStale?(data: Buffer): boolean;
}

export class PasteReader {
  readonly #options: PasteReaderOptions;
  /** `ending`: an end has arrived, but may be fake. */
  #state: 'keys' | 'pasting' | 'ending' = 'keys';
  /** For keys, the start of a possible bracket; for a paste, what was not passed on yet. */
  #held: Buffer = nothing;
  /** The start of a possible bracket, passed on as keys because the rest did not arrive. */
  #passed: Buffer = nothing;
  #isStale = false;
  #decoder = new TextDecoder('utf-8', { ignoreBOM: true });
  #timer: NodeJS.Timeout | undefined;

  constructor(options: PasteReaderOptions) {
    this.#options = options;
  }

  push(data: Buffer): void {
    clearTimeout(this.#timer);
    if (this.#state === 'keys') this.#pushKeys(data);
    else this.#pushPasted(data);
    const delayMs = { keys: splitMs, pasting: staleMs, ending: quietMs }[this.#state];
    if (this.#state !== 'keys' || this.#held.length > 0) this.#timer = setTimeout(() => this.#wait(), delayMs);
  }

  /** Drops what has not been passed on. */
  close(): void {
    clearTimeout(this.#timer);
  }

  #pushKeys(data: Buffer): void {
    const bytes = Buffer.concat([this.#passed, this.#held, data]);
    const from = this.#passed.length;
    this.#held = this.#passed = nothing;
    const startAt = bytes.indexOf(start);
    const endAt = bytes.indexOf(end);
    if (endAt !== -1 && (startAt === -1 || endAt < startAt)) {
      this.#state = 'pasting';
      this.#pushPasted(bytes.subarray(from));
    } else if (startAt !== -1) {
      this.#giveKeys(bytes.subarray(from, Math.max(from, startAt)));
      this.#state = 'pasting';
      this.#pushPasted(bytes.subarray(startAt + start.length));
    } else {
      const keep = Math.min(beginningAtEnd(bytes, start), bytes.length - from);
      this.#held = bytes.subarray(bytes.length - keep);
      this.#giveKeys(bytes.subarray(from, bytes.length - keep));
    }
  }

  #pushPasted(data: Buffer): void {
    const wasStale = this.#isStale;
    this.#isStale = false;
    if (wasStale && this.#options.onStale?.(data)) return;
    this.#held = Buffer.concat([this.#held, data]);
    if (this.#held.includes(end)) this.#state = 'ending';
    if (this.#held.length > pieceBytes) this.#give(this.#held.length - end.length);
  }

  #wait(): void {
    if (this.#state === 'ending') {
      const at = this.#held.lastIndexOf(end);
      if (at !== -1) this.#held = Buffer.concat([this.#held.subarray(0, at), this.#held.subarray(at + end.length)]);
      this.#give(this.#held.length, true);
      this.#state = 'keys';
    } else if (this.#state === 'pasting') {
      this.#isStale = true;
      this.#give(this.#held.length - beginningAtEnd(this.#held, end));
    } else {
      this.#passed = this.#held;
      this.#held = nothing;
      this.#giveKeys(this.#passed);
    }
  }

  #giveKeys(data: Buffer): void {
    if (data.length > 0) this.#options.onKeys(data);
  }

  #give(length: number, isLast = false): void {
    const text = this.#decoder.decode(this.#held.subarray(0, length), { stream: !isLast });
    this.#held = this.#held.subarray(length);
    if (text !== '') this.#options.onPaste(text);
  }
}

/** How many bytes at the end are a start of the mark. */
function beginningAtEnd(bytes: Buffer, mark: Buffer): number {
  for (let length = Math.min(mark.length - 1, bytes.length); length > 0; length -= 1) {
    if (bytes.subarray(-length).equals(mark.subarray(0, length))) return length;
  }
  return 0;
}
