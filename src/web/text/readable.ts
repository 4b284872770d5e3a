import { unseenName } from '../../protocol/named.ts';

/**
 * Text of models, tools and files can hold characters that are not seen as what they are: controls, marks that turn the
 * reading order, fillers without width. Those that could mislead are named in their place. Where somebody has to judge what
 * will run, more is: see protocol/exact-text.ts.
 */
const bidi = '\\u061c\\u200e\\u200f\\u202a-\\u202e\\u2066-\\u2069';
const misleading = new RegExp(`[\\x00-\\x08\\x0b-\\x1f\\x7f-\\x9f${bidi}]|\\p{Surrogate}`, 'gu');
const esc = String.fromCharCode(0x1b);
// Colours and cursor movements as programs print them, and titles and links.
const sequences = new RegExp(
  `${esc}(?:\\[[0-?]*[ -/]*[@-~]|\\][^\\u0007${esc}]*(?:\\u0007|${esc}\\\\)|[()][A-Z0-9]|[=>78cDEHMNOZ])`,
  'g',
);

/** For reading: line ends and tabs stay, and what could mislead is named. */
export function readable(text: string): string {
  return text.replaceAll('\r\n', '\n').replace(misleading, unseenName);
}

/** As `readable`, on one line of at most so many characters. */
export function readableLine(text: string, maxLength = 300): string {
  // No more than could matter is looked at: a name may be 5 MB long.
  const line = readable(text.slice(0, maxLength * 8))
    .replace(/\s+/g, ' ')
    .trim();
  const characters = Array.from(line);
  return characters.length <= maxLength ? line : `${characters.slice(0, maxLength - 1).join('')}…`;
}

/** What a program printed, as it would stand in a file: without colours, and with each line as it was last written. */
export function printed(text: string): string {
  const plain = text.includes(esc) ? text.replace(sequences, '') : text;
  return readable(plain.replaceAll('\r\n', '\n').replace(/^.*\r(?=.)/gm, ''));
}
