import { ImageProblem } from '../lib/images/image-facts.ts';
import { readImage } from '../lib/images/read-image.ts';
import type { ContentBlock } from '../protocol/content.ts';
import { invalid } from './invalid-request.ts';

/**
 * The program would replace an invalid image by a sentence for the model, and nobody would notice. It corrects a media
 * type that belongs to another image format. Throws `invalid_request` that names the first wrong block,
 * `content[1].data`.
 */
export async function checkImages(content: readonly ContentBlock[]): Promise<void> {
  for (const [index, block] of content.entries()) {
    if (block.type !== 'image') continue;
    try {
      await readImage(Buffer.from(block.data, 'base64'));
    } catch (error) {
      if (!(error instanceof ImageProblem)) throw error;
      invalid(`content[${index}].data`, error.message);
    }
  }
}
