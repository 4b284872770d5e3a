import { crc32, createInflate } from 'node:zlib';
import { ImageProblem, type ImageFacts } from './image-facts.ts';

const headerBytes = 13;
/** An image of 30 MB in chunks of the usual size has four thousand. */
const maxChunks = 50_000;
const samplesOf: Readonly<Record<number, number>> = { 0: 1, 2: 3, 3: 1, 4: 2, 6: 4 };
const depthsOf: Readonly<Record<number, readonly number[]>> = {
  0: [1, 2, 4, 8, 16],
  2: [8, 16],
  3: [1, 2, 4, 8],
  4: [8, 16],
  6: [8, 16],
};
/** The seven passes of Adam7: first column and row, and the steps between them. */
const passes = [
  [0, 0, 8, 8],
  [4, 0, 8, 8],
  [0, 4, 4, 8],
  [2, 0, 4, 4],
  [0, 2, 2, 4],
  [1, 0, 2, 2],
  [0, 1, 1, 2],
] as const;

/**
 * Checks its chunks and their checksums, and decompresses all of its pixels, discarding them, up to the size in the
 * header.
 */
export async function readPng(bytes: Buffer, checkFacts: (facts: ImageFacts) => void): Promise<ImageFacts> {
  let facts: ImageFacts | undefined;
  let pixelBytes = 0;
  let isEnded = false;
  const packed: Buffer[] = [];
  let at = 8;
  for (let count = 0; at < bytes.length && !isEnded; count += 1) {
    if (count > maxChunks) throw new ImageProblem('has too many parts');
    if (at + 12 > bytes.length) throw new ImageProblem('is truncated');
    const length = bytes.readUInt32BE(at);
    const end = at + 12 + length;
    if (end > bytes.length) throw new ImageProblem('is truncated');
    const type = bytes.toString('latin1', at + 4, at + 8);
    const data = bytes.subarray(at + 8, end - 4);
    // The checksum of an ancillary chunk does not matter.
    const isCritical = (bytes[at + 4] ?? 0) < 0x60;
    if (isCritical && crc32(bytes.subarray(at + 4, end - 4)) !== bytes.readUInt32BE(end - 4)) {
      throw new ImageProblem('is damaged');
    }
    if (count === 0) {
      if (type !== 'IHDR' || length !== headerBytes) throw new ImageProblem('has no header');
      ({ facts, pixelBytes } = readHeader(data));
      checkFacts(facts);
    } else if (type === 'IDAT') packed.push(data);
    isEnded = type === 'IEND';
    at = end;
  }
  if (!facts || !isEnded) throw new ImageProblem('is truncated');
  await unpack(packed, pixelBytes);
  return facts;
}

function readHeader(data: Buffer): { facts: ImageFacts; pixelBytes: number } {
  const width = data.readUInt32BE(0);
  const height = data.readUInt32BE(4);
  const [depth = 0, colour = 0, compression, filter, interlace] = data.subarray(8);
  const samples = samplesOf[colour];
  const isKnown = depthsOf[colour]?.includes(depth) === true && compression === 0 && filter === 0;
  if (samples === undefined || !isKnown || interlace === undefined || interlace > 1) {
    throw new ImageProblem('has no valid header');
  }
  const rowsBytes = (columns: number, rows: number): number =>
    columns === 0 ? 0 : rows * (1 + Math.ceil((columns * samples * depth) / 8));
  const pixelBytes =
    interlace === 0
      ? rowsBytes(width, height)
      : passes
          .map(([x, y, stepX, stepY]) =>
            rowsBytes(Math.max(0, Math.ceil((width - x) / stepX)), Math.max(0, Math.ceil((height - y) / stepY))),
          )
          .reduce((sum, count) => sum + count);
  return { facts: { mimeType: 'image/png', width, height }, pixelBytes };
}

/** On another thread, piece by piece; nothing is kept. */
function unpack(packed: readonly Buffer[], wanted: number): Promise<void> {
  return new Promise((resolve, reject) => {
    const inflate = createInflate({ chunkSize: 256 * 1024 });
    let count = 0;
    const end = (problem?: string): void => {
      inflate.destroy();
      if (problem === undefined) resolve();
      else reject(new ImageProblem(problem));
    };
    inflate.on('data', (piece: Buffer) => {
      count += piece.length;
      // Decoders ignore excess data.
      if (count >= wanted) end();
    });
    inflate.on('end', () => end(count < wanted ? 'is truncated' : undefined));
    inflate.on('error', () => end('is damaged'));
    for (const piece of packed) inflate.write(piece);
    inflate.end();
  });
}
