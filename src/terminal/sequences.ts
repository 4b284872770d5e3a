/** Where text and control sequences end, in bytes of UTF-8. */

export interface End {
  /**
   * `whole`: a complete sequence. `broken`: one cut short by something that starts at `at`. `open`: it continues after
   * these bytes; everything before `at` has been searched.
   */
  kind: 'whole' | 'broken' | 'open';
  at: number;
}

export const escapeByte = 0x1b;
/** ESC and these form one byte: `[`, `]`, `P`, `X`, `^`, `_`, `Z`. Encoded as one character, it is U+0080 to U+009F. */
const introducers = new Set([0x5b, 0x5d, 0x50, 0x58, 0x5e, 0x5f, 0x5a]);
const isIntroducer = (c1: number): boolean => introducers.has(c1 - 0x40);
const stringStarts = new Set([0x5d, 0x50, 0x58, 0x5e, 0x5f]);

/**
 * The first byte at or after `from` that is not plain text: ESC, an 8-bit control, a control character other than those
 * that move the cursor, ring or shift (BEL to SI), or an incomplete character.
 */
export function endOfText(bytes: Uint8Array, from: number): number {
  const length = bytes.length;
  let at = from;
  for (; at < length; at += 1) {
    const byte = bytes[at]!;
    if (byte < 0x20 && (byte < 0x07 || byte > 0x0f)) return at;
    if (byte === 0xc2 && at + 1 < length && isIntroducer(bytes[at + 1]!)) return at;
  }
  return wholeCharacters(bytes, from);
}

/** The end of the last complete character. What is not UTF-8 counts as complete. */
function wholeCharacters(bytes: Uint8Array, from: number): number {
  const length = bytes.length;
  for (let at = length - 1; at >= from && at >= length - 3; at -= 1) {
    const byte = bytes[at]!;
    if (byte < 0x80) break;
    if (byte < 0xc0) continue;
    const size = byte >= 0xf0 ? 4 : byte >= 0xe0 ? 3 : 2;
    return byte < 0xf8 && at + size > length ? at : length;
  }
  return length;
}

/** The end of the sequence that starts at `start`, of which `searched` bytes are known to contain no end. */
export function endOfSequence(bytes: Uint8Array, start: number, searched: number): End {
  if (bytes.length - start < 2) return { kind: 'open', at: start };
  const isEncoded = bytes[start] === 0xc2 && isIntroducer(bytes[start + 1]!);
  // An incomplete character.
  if (!isEncoded && bytes[start] !== escapeByte) return { kind: 'open', at: start };
  const introducer = bytes[start + 1]! - (isEncoded ? 0x40 : 0);
  if (stringStarts.has(introducer))
    return endOfString(bytes, Math.max(start + 2, start + searched), introducer === 0x5d);
  if (isEncoded && introducer === 0x5a) return { kind: 'whole', at: start + 2 };
  const isCsi = introducer === 0x5b;
  for (let at = start + (isCsi ? 2 : 1); at < bytes.length; at += 1) {
    const byte = bytes[at]!;
    if (byte === escapeByte || byte >= 0x80) return { kind: 'broken', at };
    if (byte === 0x18 || byte === 0x1a) return { kind: 'broken', at: at + 1 };
    if (byte >= (isCsi ? 0x40 : 0x30) && byte < 0x7f) return { kind: 'whole', at: at + 1 };
  }
  return { kind: 'open', at: bytes.length };
}

/** The end of a string whose content continues at `from`. */
export function endOfString(bytes: Uint8Array, from: number, isOsc: boolean): End {
  for (let at = from; at < bytes.length; at += 1) {
    const byte = bytes[at]!;
    if (byte === 0x07 && isOsc) return { kind: 'whole', at: at + 1 };
    if (byte === 0x18 || byte === 0x1a) return { kind: 'broken', at: at + 1 };
    if (byte !== escapeByte && byte !== 0xc2) continue;
    if (at + 1 === bytes.length) return { kind: 'open', at };
    const next = bytes[at + 1];
    if (next === (byte === escapeByte ? 0x5c : 0x9c)) return { kind: 'whole', at: at + 2 };
    if (byte === escapeByte) return { kind: 'broken', at };
  }
  return { kind: 'open', at: bytes.length };
}

/** The sequence with its 8-bit controls written as ESC and a byte. One char per byte. */
export function plainForm(text: string): string {
  const start = text.startsWith('\xc2')
    ? `\x1b${String.fromCharCode(text.charCodeAt(1) - 0x40)}${text.slice(2)}`
    : text;
  return start.endsWith('\xc2\x9c') ? `${start.slice(0, -2)}\x1b\\` : start;
}
