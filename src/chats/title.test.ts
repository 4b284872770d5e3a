import { expect, test } from 'vitest';
import { titleFrom } from './title.ts';

const words = 'word '.repeat(11) + 'words';

test.each<[what: string, text: string, title: string | null]>([
  ['the first line', '\n  Fix the build \nand then rest', 'Fix the build'],
  ['without control characters', 'a\tb\u0000\u001b', 'a b'],
  ['of a prompt of blanks: none', ' \n\t ', null],
  ['of a prompt of control characters: none', '\u0000\u0007', null],
  ['of 60 characters: all of it', words, words],
  ['of 61 characters: up to the last whole word', `${words}s`, `${'word '.repeat(11).trim()}…`],
  ['of many words: as many as there is room for', 'word '.repeat(30), `${'word '.repeat(12).trim()}…`],
  ['of one long word: cut inside it', 'x'.repeat(100), `${'x'.repeat(30)}…`],
  ['of a short word and a long one: cut inside that', `a ${'x'.repeat(100)}`, `a ${'x'.repeat(28)}…`],
])('a chat’s title is %s', (_, text, title) => {
  expect(titleFrom(text)).toBe(title);
});
