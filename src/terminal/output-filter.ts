/**
 * Takes a program's output apart where its control sequences begin and end. The server's own screen gets every byte;
 * viewers get only what `passable` lets through.
 *
 * Both streams are cut at the same places, and never inside a character or a control sequence: what is incomplete waits
 * for its rest. So the screen can be redrawn between two pieces, and a late viewer goes on with the next. A string that
 * grows over its bound is dropped up to its end.
 */
import { isUtf8 } from 'node:buffer';
import { isClipboard, passable, type Passthrough } from './passable.ts';
import { endOfSequence, endOfString, endOfText, escapeByte, plainForm } from './sequences.ts';

export interface FilteredOutput {
  screen: Uint8Array;
  viewers: Uint8Array;
}

export const heldBytes = 16 * 1024;
/** Where the clipboard may be set, it may be set to more. */
export const heldClipboardBytes = 1024 * 1024;

export class OutputFilter {
  readonly #allowed: ReadonlySet<Passthrough>;
  #held: Uint8Array = new Uint8Array(0);
  /** How much of `#held` was searched for its end already. */
  #searched = 0;
  /** A string that was too long to be held is dropped up to its end. */
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

  /** Returns where the first sequence begins that is not complete. */
  #pushSequences(bytes: Uint8Array, from: number, passed: Uint8Array[]): number {
    let at = from;
    for (;;) {
      const textEnd = endOfText(bytes, at);
      if (textEnd > at) passed.push(onlyUtf8(bytes.subarray(at, textEnd)));
      at = textEnd;
      if (at === bytes.length) return at;
      // A control character of its own that does not draw.
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
    // Parameters without end: dropped, and what follows is text again.
    if (introducer !== '[') this.#dropped = { isOsc: introducer === ']' };
    this.#held = new Uint8Array(0);
    this.#searched = 0;
  }
}

/** A byte that is no UTF-8 is a control sequence to some terminals. The server's screen leaves it out, too. */
function onlyUtf8(bytes: Uint8Array): Uint8Array {
  return isUtf8(bytes) ? bytes : Buffer.from(Buffer.from(bytes).toString().replaceAll('\ufffd', ''));
}
