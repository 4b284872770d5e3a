import { ImageProblem, type ImageFacts } from './image-facts.ts';

/** No image has more, animations included. */
const maxChunks = 50_000;

/** Walks its chunks, down to the header of its first picture. */
export function readWebp(bytes: Buffer): ImageFacts {
  const end = 8 + bytes.readUInt32LE(4);
  if (end > bytes.length + 1) throw new ImageProblem('is truncated');
  let canvas: ImageFacts | undefined;
  let at = 12;
  for (let count = 0; at + 8 <= end; count += 1) {
    if (count > maxChunks) throw new ImageProblem('has too many parts');
    const type = bytes.toString('latin1', at, at + 4);
    const length = bytes.readUInt32LE(at + 4);
    const data = bytes.subarray(at + 8, at + 8 + length);
    if (data.length < length) throw new ImageProblem('is truncated');
    if (type === 'VP8X') {
      if (length < 10) throw new ImageProblem('has no valid header');
      canvas = { mimeType: 'image/webp', width: data.readUIntLE(4, 3) + 1, height: data.readUIntLE(7, 3) + 1 };
    }
    // Each frame of an animation has its own chunks, after 16 bytes.
    if (type === 'ANMF' && canvas && length > 24) return canvas;
    const facts = pictureIn(type, data);
    if (facts) return canvas ?? facts;
    at += 8 + length + (length % 2);
  }
  throw new ImageProblem('contains no picture');
}

function pictureIn(type: string, data: Buffer): ImageFacts | undefined {
  if (type === 'VP8 ') {
    // A key frame, its start code, and twice 14 bits.
    if (data.length < 10 || ((data[0] ?? 0) & 1) !== 0 || data.readUIntBE(3, 3) !== 0x9d012a) {
      throw new ImageProblem('has no valid header');
    }
    return { mimeType: 'image/webp', width: data.readUInt16LE(6) & 0x3fff, height: data.readUInt16LE(8) & 0x3fff };
  }
  if (type === 'VP8L') {
    if (data.length < 5 || data[0] !== 0x2f) throw new ImageProblem('has no valid header');
    const bits = data.readUInt32LE(1);
    return { mimeType: 'image/webp', width: (bits & 0x3fff) + 1, height: ((bits >> 14) & 0x3fff) + 1 };
  }
  return undefined;
}
