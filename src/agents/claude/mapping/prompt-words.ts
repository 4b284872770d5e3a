import type { ContentBlock } from '../../../protocol/content.ts';
import { textOf } from '../../../protocol/text-of.ts';

/**
 * What a prompt is known again by: its letters and digits. The program trims white space, makes blanks of tabs,
 * composes accents with their letters (NFC), and takes invisible characters out.
 */
export function wordsOf(content: readonly ContentBlock[]): string {
  return allWordsOf(content).slice(0, wordsLength);
}

/** Whether what the program took ends with the prompt, behind words that stood in its input line. */
export function endsWithPrompt(taken: readonly ContentBlock[], words: string): boolean {
  const all = allWordsOf(taken);
  return words !== '' && (words.length < wordsLength ? all.endsWith(words) : all.includes(words));
}

const wordsLength = 1_000;

function allWordsOf(content: readonly ContentBlock[]): string {
  return textOf(content)
    .normalize('NFC')
    .replace(/[^\p{L}\p{N}]+/gu, '');
}
