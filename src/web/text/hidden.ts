/**
 * Text of models, tools and files can hold characters that are not seen as what they are: controls, marks that turn the
 * reading order, fillers without width. In prose those that could mislead are named in their place; where somebody has to
 * judge what will run, every one of them is.
 */
const bidi = '\\u061c\\u200e\\u200f\\u202a-\\u202e\\u2066-\\u2069';
const misleading = new RegExp(`[\\x00-\\x08\\x0b-\\x1f\\x7f-\\x9f${bidi}]|\\p{Surrogate}`, 'gu');
const notSeen = /(?![ \n])[\p{Cc}\p{Cf}\p{Zs}\p{Zl}\p{Zp}\p{Surrogate}\p{Default_Ignorable_Code_Point}]/gu;
const esc = String.fromCharCode(0x1b);
// Colours and cursor movements as programs print them, and titles and links.
const sequences = new RegExp(
  `${esc}(?:\\[[0-?]*[ -/]*[@-~]|\\][^\\u0007${esc}]*(?:\\u0007|${esc}\\\\)|[()][A-Z0-9]|[=>78cDEHMNOZ])`,
  'g',
);

/** The name of a character in its place: a picture where Unicode has one, else its number. */
export function nameOf(character: string): string {
  const code = character.codePointAt(0) ?? 0;
  if (code < 0x20) return String.fromCodePoint(0x2400 + code);
  if (code === 0x7f) return '␡';
  return `⟨U+${code.toString(16).toUpperCase().padStart(4, '0')}⟩`;
}

/** For reading: line ends and tabs stay, and what could mislead is named. */
export function readable(text: string): string {
  return text.replaceAll('\r\n', '\n').replace(misleading, nameOf);
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

export interface ExactPart {
  text: string;
  /** What stands in the place of a character that is not seen as itself. */
  isNamed: boolean;
}

/** For judging: every character that is not seen as itself is named; nothing is left out. */
export function exactParts(text: string): ExactPart[] {
  const parts: ExactPart[] = [];
  let at = 0;
  for (const match of text.matchAll(notSeen)) {
    if (match.index > at) parts.push({ text: text.slice(at, match.index), isNamed: false });
    parts.push({ text: nameOf(match[0]), isNamed: true });
    at = match.index + match[0].length;
  }
  if (at < text.length) parts.push({ text: text.slice(at), isNamed: false });
  return parts;
}

export const hasHidden = (text: string): boolean => exactParts(text).some((part) => part.isNamed);
