/**
 * Signatures of texts: sets of bits, one for each sequence of one, two and three adjacent characters. A text can
 * contain another only if it has all of that one's bits. This works for every script and on every Postgres, while
 * trigram and full-text indexes know only words, or letters, or what the database's locale considers letters.
 */

/** Bits per piece of text: with three, an unrelated bit is set with a probability of about 0.28. */
const bitsPerPiece = 3;
/** In bytes: small enough to be stored in the table's row itself. */
const maxBytes = 1_900;
/** A text with more of them would have nearly every bit set. */
const maxPieces = 16_384;
/** UTF-16 units: beyond this, building a signature takes too long. */
const maxLength = 256 * 1024;
/** Each is tested separately; this many leave almost nothing to chance. */
const maxAsked = 12;

const hashes = 65_536;

/** Characters folded before, as numbers; 0 is none. */
const folded = new Map<number, number>();

/**
 * A character's number without its case. Everything that any locale's case mapping could treat as equal must be equal
 * here: i with and without its dot is one, and so is the remainder of lowercased `İ`. What Postgres cannot store is
 * U+FFFD.
 */
function fold(code: number): number {
  if (code < 0x80) return code >= 0x41 && code <= 0x5a ? code + 0x20 : code === 0 ? 0xfffd : code;
  const known = folded.get(code);
  if (known !== undefined) return known;
  const result = foldUnknown(code);
  folded.set(code, result);
  return result;
}

function foldUnknown(code: number): number {
  if (code >= 0xd800 && code <= 0xdfff) return 0xfffd;
  if (code === 0x0307) return 0;
  const character = String.fromCodePoint(code);
  const upper = character.toUpperCase();
  // A character that becomes longer in upper case, such as ß, is compared only in lower case.
  const lower = (Array.from(upper).length === 1 ? upper : character).toLowerCase();
  return lower.codePointAt(0) ?? code;
}

function foldText(text: string): number[] {
  const codes: number[] = [];
  for (let at = 0; at < text.length; at += 1) {
    const code = text.codePointAt(at) as number;
    if (code > 0xffff) at += 1;
    const one = fold(code);
    if (one !== 0) codes.push(one);
  }
  return codes;
}

/** 16 bits. Absent characters are 0. */
function hash(first: number, second: number, third: number): number {
  let mixed = Math.imul(first, 0x9e3779b1) ^ Math.imul(second, 0x85ebca6b) ^ Math.imul(third, 0xc2b2ae35);
  mixed = Math.imul(mixed ^ (mixed >>> 15), 0x2c1b3c6d);
  mixed = Math.imul(mixed ^ (mixed >>> 12), 0x297a2d39);
  return (mixed ^ (mixed >>> 15)) >>> 16;
}

/** The hash of every piece of these texts, each once; null if there are too many. */
export function piecesIn(texts: readonly string[]): number[] | null {
  if (texts.reduce((sum, text) => sum + text.length, 0) > maxLength) return null;
  const isThere = new Uint8Array(hashes);
  const pieces: number[] = [];
  const add = (piece: number): void => {
    if (isThere[piece] === 1) return;
    isThere[piece] = 1;
    pieces.push(piece);
  };
  for (const text of texts) {
    let before = 0;
    let last = 0;
    for (const code of foldText(text)) {
      add(hash(code, 0, 0));
      if (last !== 0) add(hash(last, code, 0));
      if (before !== 0) add(hash(before, last, code));
      before = last;
      last = code;
    }
    if (pieces.length > maxPieces) return null;
  }
  return pieces;
}

/** Numbered as in Postgres's `get_bit`; empty for texts without characters; null if they have too many pieces. */
export function signatureOf(pieces: readonly number[] | null): Buffer | null {
  if (pieces === null) return null;
  const signature = Buffer.alloc(Math.min(maxBytes, Math.ceil((pieces.length * bitsPerPiece) / 8)));
  for (const piece of pieces) {
    const bit = piece % (signature.length * 8);
    signature[bit >> 3] = (signature[bit >> 3] as number) | (1 << (bit & 7));
  }
  return signature;
}

/** The least number in a page's array: it has a text whose pieces are not known. */
const unknown = -32_768;

/** Hashes as the numbers of a `smallint[]`. The least hash gives its number away, and counts as the next. */
function toNumbers(pieces: Iterable<number>): number[] {
  return Array.from(pieces, (piece) => Math.max(1, piece) + unknown);
}

/** An array literal for a page with these texts. */
export function pageOf(texts: readonly (readonly number[] | null)[]): string {
  const numbers = new Set(toNumbers(texts.flatMap((pieces) => pieces ?? [])));
  if (texts.includes(null)) numbers.add(unknown);
  return `{${[...numbers].join(',')}}`;
}

/** What a page must have, as array literals of which one suffices, to hold one of these texts. */
export function pagesAsked(texts: readonly string[]): string[] {
  const asked = texts.map((text) => `{${toNumbers(piecesOf(text)).join(',')}}`);
  return [...new Set([...asked, `{${unknown}}`])];
}

/**
 * The bits required in the signature of any text that contains this one: each number modulo the number of its bits.
 * Empty if nothing can be said.
 */
export function piecesOf(text: string): number[] {
  const codes = foldText(text);
  const pieces = new Set<number>();
  const [first = 0, second = 0] = codes;
  if (codes.length === 1) pieces.add(hash(first, 0, 0));
  if (codes.length === 2) pieces.add(hash(first, second, 0));
  for (let at = 2; at < codes.length; at += 1) {
    pieces.add(hash(codes[at - 2] as number, codes[at - 1] as number, codes[at] as number));
  }
  return [...pieces].slice(0, maxAsked);
}
