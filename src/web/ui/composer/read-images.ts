import type { ContentBlock } from '../../../protocol/content.ts';

export type ImageBlock = Extract<ContentBlock, { type: 'image' }>;

const types = ['image/png', 'image/jpeg', 'image/gif', 'image/webp'] as const;
const maxBytes = 5 * 1024 * 1024;

/** The images among pasted or dropped files, and the problems of those that cannot be sent. */
export async function readImages(files: Iterable<File>): Promise<{ images: ImageBlock[]; problems: string[] }> {
  const images: ImageBlock[] = [];
  const problems: string[] = [];
  for (const file of files) {
    const mimeType = types.find((type) => type === file.type);
    if (!mimeType) problems.push(`${file.name}: only PNG, JPEG, GIF and WebP images can be sent.`);
    else if (file.size > maxBytes) problems.push(`${file.name}: is larger than 5 MB.`);
    else if (!(await isOfType(file, mimeType))) problems.push(`${file.name}: is not the image that its name says.`);
    else if (!(await canBeDrawn(file))) problems.push(`${file.name}: is damaged, or breaks off.`);
    else images.push({ type: 'image', mimeType, data: await base64Of(file) });
  }
  return { images, problems };
}

/** The first bytes of each file type, in hexadecimal. */
const beginnings: Record<ImageBlock['mimeType'], RegExp> = {
  'image/png': /^89504e470d0a1a0a/,
  'image/jpeg': /^ffd8ff/,
  'image/gif': /^474946383[79]61/,
  'image/webp': /^52494646.{8}57454250/,
};

async function isOfType(file: File, mimeType: ImageBlock['mimeType']): Promise<boolean> {
  const start = new Uint8Array(await file.slice(0, 16).arrayBuffer());
  return beginnings[mimeType].test(Array.from(start, (byte) => byte.toString(16).padStart(2, '0')).join(''));
}

/** Lets the browser decode the image. */
const canBeDrawn = (file: File): Promise<boolean> =>
  createImageBitmap(file).then(
    (bitmap) => {
      bitmap.close();
      return true;
    },
    () => false,
  );

function base64Of(file: File): Promise<string> {
  return new Promise((resolve, reject) => {
    const reader = new FileReader();
    reader.addEventListener('load', () => {
      const url = typeof reader.result === 'string' ? reader.result : '';
      resolve(url.slice(url.indexOf(',') + 1));
    });
    reader.addEventListener('error', () => reject(reader.error ?? new Error('The file could not be read.')));
    reader.readAsDataURL(file);
  });
}
