import { lookAlike } from './look-alikes.ts';

/** A stretch of a text, and the name that is shown in its place. Without a length the name is put in between. */
export interface Named {
  start: number;
  end: number;
  name: string;
}

export const codePoint = (character: string): string =>
  `U+${(character.codePointAt(0) ?? 0).toString(16).toUpperCase().padStart(4, '0')}`;

/** Of a character that is not seen: a picture where Unicode has one, else its number. */
export function unseenName(character: string): string {
  const code = character.codePointAt(0) ?? 0;
  if (code < 0x20) return String.fromCodePoint(0x2400 + code);
  if (code === 0x7f) return '␡';
  return `⟨${codePoint(character)}⟩`;
}

/** Of characters that are seen, and taken for others: `⟨сору U+0441 U+043E U+0440 U+0443 like copy⟩`. */
export function seenName(characters: readonly string[]): string {
  const like = characters.map((character) => lookAlike(character));
  const words = like.every((each) => each !== undefined) ? ` like ${like.join('')}` : '';
  return `⟨${characters.join('')} ${characters.map(codePoint).join(' ')}${words}⟩`;
}
