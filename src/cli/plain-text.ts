/**
 * Everything from a model, a tool or a name is untrusted text: printed raw, it could move the cursor, rewrite lines,
 * set the clipboard or type into the shell. All of it reaches the terminal through here.
 */

// Left-to-right and right-to-left marks, embeddings, overrides and isolates: they reorder the visible text.
const bidi = '\\u061c\\u200e\\u200f\\u202a-\\u202e\\u2066-\\u2069';
const shownInProse = new RegExp(`[\\x00-\\x08\\x0b-\\x1f\\x7f-\\x9f${bidi}]|\\p{Surrogate}`, 'gu');
// Spelling out colour and weight would only be noise.
const escape = String.fromCharCode(0x1b);
const colours = new RegExp(`${escape}\\[[0-9;:]*m`, 'g');

/** For reading: line ends and tabs stay, colours are dropped, and what could act on a terminal is spelled out. */
export function plainText(text: string): string {
  return text.replaceAll('\r\n', '\n').replace(colours, '').replace(shownInProse, spelledOut);
}

/** Like `plainText`, on one line of at most `maxLength` characters. */
export function plainLine(text: string, maxLength = 200): string {
  return cutText(plainText(text).replace(/\s+/g, ' ').trim(), maxLength);
}

/** At most this many characters, the last one an ellipsis if some are missing. */
export function cutText(text: string, maxLength: number): string {
  if (text.length <= maxLength) return text;
  const characters = Array.from(text);
  return characters.length <= maxLength ? text : `${characters.slice(0, maxLength - 1).join('')}…`;
}

/** Escape becomes ␛, and so on; what has no picture is named by its code point. */
function spelledOut(character: string): string {
  const code = character.codePointAt(0) ?? 0;
  if (code < 0x20) return String.fromCodePoint(0x2400 + code);
  if (code === 0x7f) return '␡';
  return `<U+${code.toString(16).toUpperCase().padStart(4, '0')}>`;
}
