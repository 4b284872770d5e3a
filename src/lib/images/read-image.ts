/**
 * Whether bytes are an image that the model can be shown. A PNG is decompressed; of other formats only the structure is
 * walked. This finds a wrong format, truncation and a missing size, but not wrong pixels. Nothing is kept, and the
 * output size is bounded before anything is decompressed.
 */
import { createLimiter } from '../limiter.ts';
import { type ImageFacts, ImageProblem } from './image-facts.ts';
import { readGif } from './read-gif.ts';
import { readJpeg } from './read-jpeg.ts';
import { readPng } from './read-png.ts';
import { readWebp } from './read-webp.ts';

/** A hundred megapixels: more than cameras make. */
export const maxImagePixels = 100_000_000;
/** Decompression uses threads that others need, too. */
const oneAtATime = createLimiter(1);

const pngMark = Buffer.from('89504e470d0a1a0a', 'hex');

/** Rejects with an ImageProblem. */
export function readImage(bytes: Buffer): Promise<ImageFacts> {
  return oneAtATime(async () => {
    const begins = bytes.toString('latin1', 0, 12);
    let facts: ImageFacts;
    if (bytes.subarray(0, 8).equals(pngMark)) facts = await readPng(bytes, checkSize);
    else if (begins.startsWith('\u00ff\u00d8\u00ff')) facts = readJpeg(bytes);
    else if (/^GIF8[79]a/.test(begins)) facts = readGif(bytes);
    else if (/^RIFF[^]{4}WEBP$/.test(begins)) facts = readWebp(bytes);
    else throw new ImageProblem('is not a PNG, JPEG, GIF or WebP image');
    checkSize(facts);
    return facts;
  });
}

function checkSize({ width, height }: ImageFacts): void {
  if (width === 0 || height === 0) throw new ImageProblem('has no size');
  if (width * height > maxImagePixels) {
    throw new ImageProblem(`has ${width} × ${height} pixels, more than ${maxImagePixels / 1e6} million`);
  }
}
