/**
 * Takes a program's output apart where its control sequences begin and end. The server's own screen gets every byte;
 * viewers get only what `passable` lets through.
 *
 * Both streams are cut at the same places, and never inside a character or a control sequence: what is incomplete waits
 * for its rest. So the screen can be redrawn between two pieces, and a late viewer goes on with the next. Only a string
 * (a picture, a clipboard) that grows over `heldBytes` flows on in pieces, or is dropped; `boundary` says where in such a
 * piece a late viewer may begin.
 */
import { longStringPasses, passable } from './passable.ts';
import { endOfSequence, endOfString, endOfText, plainForm } from './sequences.ts';

export interface FilteredOutput {
  screen: Uint8Array;
  viewers: Uint8Array;
  /** The first place in `viewers` that is not inside a long string; null where there is none. */
  boundary: number | null;
  /** The pieces to come go on with a long string. */
  isInside: boolean;
}

export const heldBytes = 16 * 1024;
const enquiry = 0x05;
const endOfPassed = Uint8Array.of(0x1b, 0x5c);

export class QueryFilter {
  #held: Uint8Array = new Uint8Array(0);
  /** How much of `#held` was searched for its end already. */
  #searched = 0;
  /** A string too long to be held: its pieces pass, or are dropped, up to its end. */
  #long: { passes: boolean; isOsc: boolean } | undefined;

  push(chunk: Uint8Array): FilteredOutput {
    const bytes = this.#held.length === 0 ? chunk : Buffer.concat([this.#held, chunk]);
    const passed: Uint8Array[] = [];
    let at = 0;
    let boundary: number | null = 0;
    if (this.#long) {
      at = this.#pushLong(bytes, passed);
      boundary = this.#long?.passes ? null : lengthOf(passed);
    }
    if (!this.#long) at = this.#pushSequences(bytes, at, passed);
    this.#held = bytes.slice(at);
    if (this.#held.length > heldBytes) {
      this.#beginLong(passed);
      at = bytes.length;
    }
    const viewers = passed.length === 1 ? passed[0]! : Buffer.concat(passed);
    return { screen: bytes.subarray(0, at), viewers, boundary, isInside: this.#long?.passes === true };
  }

  /** Returns where the first sequence begins that is not complete. */
  #pushSequences(bytes: Uint8Array, from: number, passed: Uint8Array[]): number {
    let at = from;
    for (;;) {
      const textEnd = endOfText(bytes, at);
      if (textEnd > at) passed.push(bytes.subarray(at, textEnd));
      at = textEnd;
      if (at === bytes.length) return at;
      if (bytes[at] === enquiry) {
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
        const passing = passable(text);
        if (passing !== '') passed.push(Buffer.from(passing, 'latin1'));
      }
      at = end.at;
    }
  }

  #beginLong(passed: Uint8Array[]): void {
    const start = plainForm(Buffer.from(this.#held.subarray(0, 64)).toString('latin1'));
    // Parameters without end: dropped, and what follows is text again.
    if ('[' !== start[1]) this.#long = { passes: longStringPasses(start), isOsc: start[1] === ']' };
    if (this.#long?.passes) passed.push(this.#held);
    this.#held = new Uint8Array(0);
    this.#searched = 0;
  }

  #pushLong(bytes: Uint8Array, passed: Uint8Array[]): number {
    const { passes, isOsc } = this.#long!;
    const end = endOfString(bytes, 0, isOsc);
    if (end.kind !== 'open') this.#long = undefined;
    if (passes) {
      passed.push(bytes.subarray(0, end.at));
      if (end.kind === 'broken') passed.push(endOfPassed);
    }
    return end.at;
  }
}

function lengthOf(pieces: readonly Uint8Array[]): number {
  return pieces.reduce((sum, piece) => sum + piece.length, 0);
}
