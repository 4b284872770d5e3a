/**
 * Splits a program's output at the boundaries of its control sequences. The server's own screen gets every byte;
 * viewers get only what `passable` allows.
 *
 * Both streams are split at the same places, and never inside a character or a control sequence: an incomplete one
 * waits for its rest. So the screen can be redrawn between two pieces, and a late viewer continues with the next. A
 * string that exceeds its limit is dropped up to its end.
 */
import { isUtf8 } from 'node:buffer';
import { isClipboard, passable, type Passthrough } from './passable.ts';
import { endOfSequence, endOfString, endOfText, escapeByte, plainForm } from './sequences.ts';

export interface FilteredOutput {
  screen: Uint8Array;
  viewers: Uint8Array;
}

export const heldBytes = 16 * 1024;
/** If setting the clipboard is allowed, its string may be longer. */
export const heldClipboardBytes = 1024 * 1024;

export class OutputFilter {
  readonly #allowed: ReadonlySet<Passthrough>;
  #held: Uint8Array = new Uint8Array(0);
  /** How much of `#held` has been searched for its end. */
  #searched = 0;
  /** A string too long to be held is dropped up to its end. */
  #dropped: { isOsc: boolean } | undefined;

  constructor(allowed: ReadonlySet<Passthrough> = new Set()) {
    this.#allowed = allowed;
  }

  push(chunk: Uint8Array): FilteredOutput {
    const bytes = this.#held.length === 0 ? chunk : Buffer.concat([this.#held, chunk]);
    const passed: Uint8Array[] = [];
    let at = 0;
    if (this.#dropped) {
      const end = endOfString(bytes, 0, this.#dropped.isOsc);
      if (end.kind !== 'open') this.#dropped = undefined;
      at = end.at;
    }
    if (!this.#dropped) at = this.#pushSequences(bytes, at, passed);
    this.#held = bytes.slice(at);
    if (this.#held.length > this.#heldLimit()) {
      this.#drop();
      at = bytes.length;
    }
    const viewers = passed.length === 1 ? passed[0]! : Buffer.concat(passed);
    return { screen: bytes.subarray(0, at), viewers };
  }

  /** Returns the start of the first incomplete sequence. */
  #pushSequences(bytes: Uint8Array, from: number, passed: Uint8Array[]): number {
    let at = from;
    for (;;) {
      const textEnd = endOfText(bytes, at);
      if (textEnd > at) passed.push(onlyUtf8(bytes.subarray(at, textEnd)));
      at = textEnd;
      if (at === bytes.length) return at;
      // A single control character that does not draw.
      if (bytes[at]! < 0x20 && bytes[at] !== escapeByte) {
        at += 1;
        continue;
      }
      const end = endOfSequence(bytes, at, this.#searched);
      this.#searched = 0;
      if (end.kind === 'open') {
        this.#searched = Math.max(0, end.at - at);
        return at;
      }
      if (end.kind === 'whole') {
        const text = plainForm(Buffer.from(bytes.subarray(at, end.at)).toString('latin1'));
        const passing = passable(text, this.#allowed);
        if (passing !== '') passed.push(Buffer.from(passing, 'latin1'));
      }
      at = end.at;
    }
  }

  #heldStart(): string {
    return plainForm(Buffer.from(this.#held.subarray(0, 16)).toString('latin1'));
  }

  #heldLimit(): number {
    if (this.#held.length <= heldBytes || !this.#allowed.has('clipboard')) return heldBytes;
    return isClipboard(this.#heldStart()) ? heldClipboardBytes : heldBytes;
  }

  #drop(): void {
    const introducer = this.#heldStart()[1];
    // Endless parameters: dropped, and what follows is text again.
    if (introducer !== '[') this.#dropped = { isOsc: introducer === ']' };
    this.#held = new Uint8Array(0);
    this.#searched = 0;
  }
}

/** Some terminals treat a byte that is not UTF-8 as a control sequence. The server's screen drops it, too. */
function onlyUtf8(bytes: Uint8Array): Uint8Array {
  return isUtf8(bytes) ? bytes : Buffer.from(Buffer.from(bytes).toString().replaceAll('\ufffd', ''));
}
