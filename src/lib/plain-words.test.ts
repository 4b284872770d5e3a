import { expect, it } from 'vitest';
import { plainWords } from './plain-words.ts';

it.each([
  ['colours', '\x1b[31mNot\x1b[0m \x1b[1;38;5;12mhere\x1b[m', 'Not here'],
  ['a cursor that is moved where others write a blank', 'Not\x1b[1Chere\x1b[2;1Hor there', 'Not here or there'],
  ['keyboard modes, on and off', '\x1b[>1u\x1b[>4;2mGone\x1b[<u\x1b[>4m\x1b[?2004l', 'Gone'],
  ['what asks the terminal', '\x1b[>0q\x1b[cGone\x1b[?u', 'Gone'],
  ['a title and a link', '\x1b]0;claude\x07See \x1b]8;;https://x.example\x1b\\this\x1b]8;;\x1b\\', 'See this'],
  ['strings of other kinds', '\x1bP>|term\x1b\\Gone\x1b_G=1\x1b\\', 'Gone'],
  ['other escapes', '\x1b7\x1b(BGone\x1b8\x1b=\x1bc', 'Gone'],
  ['one that is cut at the end', 'Gone\x1b[38;5', 'Gone'],
  ['a string that is cut at the end', 'Gone\x1b]0;cla', 'Gone'],
  ['single characters', 'Gone\x07\x00\r\n\x9b1mfor good', 'Gone for good'],
  ['what is a picture and no word', '✻ Gone ⏵⏵', 'Gone'],
])('removes %s', (_what, output, words) => {
  expect(plainWords(output)).toBe(words);
});

it('starts after the first escape or line if the beginning may have been cut off', () => {
  expect(plainWords('8;5;12mdebris\x1b[1mHere', { isCut: true })).toBe('Here');
  expect(plainWords('half a line\nHere', { isCut: true })).toBe('Here');
  expect(plainWords('one line', { isCut: true })).toBe('one line');
});
