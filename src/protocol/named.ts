import { lookAlike } from './look-alikes.ts';

/** A range of a text, and the name shown in its place. With zero length, the name is inserted. */
export interface Named {
  start: number;
  end: number;
  name: string;
}

export const codePoint = (character: string): string =>
  `U+${(character.codePointAt(0) ?? 0).toString(16).toUpperCase().padStart(4, '0')}`;

/** For an invisible character: a picture if Unicode has one, otherwise its number. */
export function unseenName(character: string): string {
  const code = character.codePointAt(0) ?? 0;
  if (code < 0x20) return String.fromCodePoint(0x2400 + code);
  if (code === 0x7f) return '␡';
  return `⟨${codePoint(character)}⟩`;
}

/** For visible characters mistaken for others: `⟨сору U+0441 U+043E U+0440 U+0443 like copy⟩`. */
export function seenName(characters: readonly string[]): string {
  const like = characters.map((character) => lookAlike(character));
  const words = like.every((each) => each !== undefined) ? ` like ${like.join('')}` : '';
  return `⟨${characters.join('')} ${characters.map(codePoint).join(' ')}${words}⟩`;
}
