import type { ContentBlock } from './content.ts';

/** The text of the blocks, joined by line ends; images are omitted. */
export function textOf(content: readonly ContentBlock[]): string {
  return content.flatMap((block) => (block.type === 'text' ? [block.text] : [])).join('\n');
}
