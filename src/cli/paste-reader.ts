/**
 * Tells what was typed from what was pasted, in the input of a terminal that puts brackets around pastes.
 *
 * Not every terminal takes the end bracket out of what is pasted, and then nothing tells a false end from the true one but
 * what comes next: after the true one comes a person's next key, and that takes a while. So a paste is over when nothing
 * has come for a moment after an end. Until then everything belongs to it, and so does everything that came in one piece
 * with an end that had no beginning: no key sends that.
 */
const start = Buffer.from('\x1b[200~');
const end = Buffer.from('\x1b[201~');
const nothing = Buffer.alloc(0);

/** Nobody presses a key so soon after a paste. */
export const quietMs = 50;
/** The rest of a bracket comes at once. */
export const splitMs = 20;
/** A paste from which nothing has come for so long has perhaps lost its end. */
export const staleMs = 1_000;
/** A long paste is handed on in pieces. */
const pieceBytes = 256 * 1024;

export interface PasteReaderOptions {
  onKeys(data: Buffer): void;
  onPaste(text: string): void;
  /** Keys that come alone, long after the last of a paste that has not ended. True when they were taken. */
  onStale?(data: Buffer): boolean;
}

export class PasteReader {
  readonly #options: PasteReaderOptions;
  /** `ending`: an end has come, and perhaps it was not the true one. */
  #state: 'keys' | 'pasting' | 'ending' = 'keys';
  /** Of keys the beginning of what may be a bracket, of a paste what was not handed on yet. */
  #held: Buffer = nothing;
  /** The beginning of what may be a bracket, handed on as keys since the rest did not come. */
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

  /** What has not been handed on is dropped. */
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

/** How much at the end of the bytes is a beginning of the mark. */
function beginningAtEnd(bytes: Buffer, mark: Buffer): number {
  for (let length = Math.min(mark.length - 1, bytes.length); length > 0; length -= 1) {
    if (bytes.subarray(-length).equals(mark.subarray(0, length))) return length;
  }
  return 0;
}
