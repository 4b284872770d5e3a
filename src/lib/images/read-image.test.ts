import { describe, expect, it } from 'vitest';
import { images, pngOf, type PngOptions } from '../../../test/support/images.ts';
import { ImageProblem } from './image-facts.ts';
import { readImage } from './read-image.ts';

const bytesOf = (name: keyof typeof images): Buffer => Buffer.from(images[name], 'base64');
const problemOf = async (bytes: Buffer): Promise<string> => {
  const problem = await readImage(bytes).then(
    () => 'none',
    (error: unknown) => error,
  );
  return problem instanceof ImageProblem ? problem.message : `not an ImageProblem: ${String(problem)}`;
};

describe('an image', () => {
  it.each([
    ['image/jpeg', 'jpeg', 3, 2],
    ['image/webp', 'webp', 3, 2],
    ['image/webp', 'losslessWebp', 3, 2],
    ['image/gif', 'gif', 1, 1],
  ] as const)('is recognized by its content: %s (%s)', async (mimeType, name, width, height) => {
    expect(await readImage(bytesOf(name))).toEqual({ mimeType, width, height });
  });

  it.each<[string, PngOptions]>([
    ['usual', {}],
    ['with its palette in bits', { width: 9, height: 7, depth: 1, colour: 3, pixels: Buffer.alloc(7 * 3) }],
    ['interlaced', { width: 3, height: 2, interlace: 1, pixels: Buffer.alloc(1 + 3 + (1 + 3) + (1 + 6) + (1 + 9)) }],
    ['with more behind it', { pixels: Buffer.alloc(2 * 10 + 1_000) }],
  ])('may be a PNG: %s', async (_what, options) => {
    const { width = 3, height = 2 } = options;
    expect(await readImage(pngOf(options))).toEqual({ mimeType: 'image/png', width, height });
  });

  const formats = ['jpeg', 'webp', 'losslessWebp', 'gif'] as const;
  it.each(formats)('is invalid if truncated anywhere: %s', async (name) => {
    const whole = bytesOf(name);
    // The last bytes of some formats contain nothing that is drawn.
    const needed = { jpeg: 0, webp: 2, losslessWebp: 2, gif: 1 }[name];
    for (let length = 0; length < whole.length - needed; length += 1) {
      expect([length, await problemOf(whole.subarray(0, length))]).not.toEqual([length, 'none']);
    }
  });

  it('is invalid if truncated anywhere or if a bit was flipped: PNG', async () => {
    const whole = pngOf();
    for (let at = 0; at < whole.length; at += 1) {
      expect(await problemOf(whole.subarray(0, at))).not.toBe('none');
      const damaged = Buffer.from(whole);
      damaged[at] = (damaged[at] ?? 0) ^ 4;
      expect([at, await problemOf(damaged)]).not.toEqual([at, 'none']);
    }
  });

  it.each<[string, Buffer, string]>([
    ['rubbish', Buffer.alloc(500, 7), 'is not a PNG, JPEG, GIF or WebP image'],
    ['nothing', Buffer.alloc(0), 'is not a PNG, JPEG, GIF or WebP image'],
    ['a BMP', Buffer.from('BM6\0\0\0\0\0\0\0\u0036\0\0\0'), 'is not a PNG, JPEG, GIF or WebP image'],
    ['how a PNG begins', pngOf().subarray(0, 8), 'is truncated'],
    ['how a JPEG begins', Buffer.of(0xff, 0xd8, 0xff), 'is truncated'],
    ['a PNG of no rows', pngOf({ height: 0 }), 'has no size'],
    ['a PNG with too few pixels', pngOf({ pixels: Buffer.alloc(19) }), 'is truncated'],
    ['a PNG of a colour that is none', pngOf({ colour: 5 }), 'has no valid header'],
  ])('cannot be %s', async (_what, bytes, problem) => {
    expect(await problemOf(bytes)).toBe(problem);
  });

  it('that unpacks to more than its header says, or is too large to be shown, costs neither time nor memory', async () => {
    const bomb = pngOf({ pixels: Buffer.alloc(64 * 1024 * 1024) });
    const before = process.memoryUsage().arrayBuffers;
    expect(await readImage(bomb)).toMatchObject({ width: 3 });
    expect(process.memoryUsage().arrayBuffers - before).toBeLessThan(8 * 1024 * 1024);
    expect(await problemOf(pngOf({ width: 2 ** 30, height: 2 ** 30, pixels: Buffer.alloc(9) }))).toContain(
      'more than 100 million',
    );
  });
});
