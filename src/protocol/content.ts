import { z } from 'zod';

/** Content blocks, in the shapes of the Agent Client Protocol. */
export const textBlock = z.strictObject({ type: z.literal('text'), text: z.string() }).meta({ id: 'TextBlock' });

export const imageMimeTypes = ['image/png', 'image/jpeg', 'image/gif', 'image/webp'] as const;

export const imageBlock = z
  .strictObject({
    type: z.literal('image'),
    mimeType: z.enum(imageMimeTypes),
    /** The image's bytes in base64. */
    data: z.base64().min(1),
  })
  .meta({ id: 'ImageBlock' });

export const contentBlock = z.discriminatedUnion('type', [textBlock, imageBlock]).meta({ id: 'ContentBlock' });

export type TextBlock = z.infer<typeof textBlock>;
export type ImageBlock = z.infer<typeof imageBlock>;
export type ContentBlock = z.infer<typeof contentBlock>;
