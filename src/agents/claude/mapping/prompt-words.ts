import type { ContentBlock } from '../../../protocol/content.ts';
import { textOf } from '../../../protocol/text-of.ts';

/**
 * The letters and digits by which a prompt is recognized. The program trims white space, turns tabs into spaces,
 * composes accented letters (NFC), and removes invisible characters.
 */
export function wordsOf(content: readonly ContentBlock[]): string {
  return allWordsOf(content).slice(0, wordsLength);
}

/** Whether the text that the program received ends with the prompt, after text that was already in its input line. */
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

const unseen = /[^\p{L}\p{N}\p{P}\p{S}]|\p{Default_Ignorable_Code_Point}/gu;

/** In which the program looks for its commands: it removes invisible characters before. */
export function visiblePart(text: string): string {
  return text.normalize('NFKC').replace(unseen, '');
}
