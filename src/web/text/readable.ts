import { unseenName } from '../../protocol/named.ts';

/**
 * Text from models, tools and files can contain characters that are not visible as what they are: control characters,
 * marks that change the reading direction, zero-width fillers. Those that could mislead are replaced by their names. Text
 * the user approves gets stricter treatment: see protocol/exact-text.ts.
 */
const bidi = '\\u061c\\u200e\\u200f\\u202a-\\u202e\\u2066-\\u2069';
const misleading = new RegExp(`[\\x00-\\x08\\x0b-\\x1f\\x7f-\\x9f${bidi}]|\\p{Surrogate}`, 'gu');
const esc = String.fromCharCode(0x1b);
// Colours and cursor movement, titles and links.
const sequences = new RegExp(
  `${esc}(?:\\[[0-?]*[ -/]*[@-~]|\\][^\\u0007${esc}]*(?:\\u0007|${esc}\\\\)|[()][A-Z0-9]|[=>78cDEHMNOZ])`,
  'g',
);

/** For reading: newlines and tabs stay, misleading characters are named. */
export function readable(text: string): string {
  return text.replaceAll('\r\n', '\n').replace(misleading, unseenName);
}

/** Like `readable`, on one line of at most `maxLength` characters. */
export function readableLine(text: string, maxLength = 300): string {
  // Look at no more than could be shown: a name may be 5 MB long.
  const line = readable(text.slice(0, maxLength * 8))
    .replace(/\s+/g, ' ')
    .trim();
  const characters = Array.from(line);
  return characters.length <= maxLength ? line : `${characters.slice(0, maxLength - 1).join('')}…`;
}

/** Program output as it would look in a file: without colours, and with each overwritten line in its final state. */
export function printed(text: string): string {
  const plain = text.includes(esc) ? text.replace(sequences, '') : text;
  return readable(plain.replaceAll('\r\n', '\n').replace(/^.*\r(?=.)/gm, ''));
}
