export interface ImageFacts {
  mimeType: 'image/png' | 'image/jpeg' | 'image/gif' | 'image/webp';
  /** In pixels. */
  width: number;
  height: number;
}

/** What is wrong, phrased to follow the image's name: `is truncated`. */
export class ImageProblem extends Error {}
