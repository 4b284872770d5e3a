export interface ImageFacts {
  mimeType: 'image/png' | 'image/jpeg' | 'image/gif' | 'image/webp';
  /** In pixels. */
  width: number;
  height: number;
}

/** What is wrong with it, to be put behind its name: `breaks off`. */
export class ImageProblem extends Error {}
