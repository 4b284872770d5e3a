import { ImageProblem, type ImageFacts } from './image-facts.ts';

/** Walks its blocks up to the end of its first picture. Every decoder draws a GIF without a trailer. */
export function readGif(bytes: Buffer): ImageFacts {
  if (bytes.length < 13) throw new ImageProblem('is truncated');
  const facts: ImageFacts = { mimeType: 'image/gif', width: bytes.readUInt16LE(6), height: bytes.readUInt16LE(8) };
  let at = 13 + tableBytes(bytes[10] ?? 0);
  const byte = (): number => {
    const value = bytes[at];
    if (value === undefined) throw new ImageProblem('is truncated');
    at += 1;
    return value;
  };
  /** Reads sub-blocks of at most 255 bytes up to an empty one; returns their total size. */
  const pieces = (): number => {
    let all = 0;
    for (let length = byte(); length > 0; length = byte()) {
      at += length;
      all += length;
    }
    return all;
  };
  for (;;) {
    const kind = byte();
    if (kind === 0x21) {
      byte();
      pieces();
    } else if (kind === 0x2c) {
      if (at + 9 > bytes.length) throw new ImageProblem('is truncated');
      const flags = bytes[at + 8] ?? 0;
      at += 9 + tableBytes(flags);
      const codeBits = byte();
      if (codeBits < 1 || codeBits > 11 || pieces() === 0) throw new ImageProblem('is damaged');
      return facts;
    } else if (kind === 0x3b) throw new ImageProblem('contains no picture');
    else throw new ImageProblem('is damaged');
  }
}

/** The size of a colour table, from its flags. */
const tableBytes = (flags: number): number => ((flags & 0x80) === 0 ? 0 : 3 * 2 ** ((flags & 7) + 1));
