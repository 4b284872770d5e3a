import { ImageProblem, type ImageFacts } from './image-facts.ts';

/** Standalone markers: TEM, RST0 to RST7. */
const standsAlone = (marker: number): boolean => marker === 0x01 || (marker >= 0xd0 && marker <= 0xd7);
/** SOF0 to SOF15, without DHT, JPG and DAC, which lie between them. */
const isFrame = (marker: number): boolean =>
  marker >= 0xc0 && marker <= 0xcf && marker !== 0xc4 && marker !== 0xc8 && marker !== 0xcc;

/** Walks its segments up to the first scan, and checks its end. The contents of the scans are not checked. */
export function readJpeg(bytes: Buffer): ImageFacts {
  let size: { width: number; height: number } | undefined;
  let at = 2;
  for (;;) {
    if (at + 4 > bytes.length) throw new ImageProblem('is truncated');
    if (bytes[at] !== 0xff) throw new ImageProblem('is damaged');
    const marker = bytes[at + 1] ?? 0;
    // Any number of fill bytes may precede a marker.
    if (marker === 0xff) {
      at += 1;
      continue;
    }
    if (standsAlone(marker)) {
      at += 2;
      continue;
    }
    if (marker < 0xc0 || marker === 0xd8 || marker === 0xd9) throw new ImageProblem('is damaged');
    const end = at + 2 + bytes.readUInt16BE(at + 2);
    if (end > bytes.length) throw new ImageProblem('is truncated');
    if (isFrame(marker)) {
      if (end < at + 9) throw new ImageProblem('has no valid header');
      size ??= { height: bytes.readUInt16BE(at + 5), width: bytes.readUInt16BE(at + 7) };
    }
    at = end;
    if (marker === 0xda) break;
  }
  if (!size) throw new ImageProblem('has no header');
  // Cameras append other data after the end.
  if (bytes.indexOf(Buffer.of(0xff, 0xd9), at) <= at) throw new ImageProblem('is truncated');
  return { mimeType: 'image/jpeg', ...size };
}
