import type { ContentBlock } from '../../../protocol/content.ts';
import { textOf } from '../../../protocol/text-of.ts';

/**
 * What a prompt is known again by: its letters and digits. The program trims white space, makes blanks of tabs,
 * composes accents with their letters (NFC), and takes invisible characters out.
 */
export function wordsOf(content: readonly ContentBlock[]): string {
  return textOf(content)
    .normalize('NFC')
    .replace(/[^\p{L}\p{N}]+/gu, '')
    .slice(0, 1_000);
}
