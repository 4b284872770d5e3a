import { expect, test } from 'vitest';
import { fenced, languageOf, numberedLines } from './numbered-lines.ts';

test('a printed file is taken apart into its numbers, its text, and what follows', () => {
  expect(numberedLines('7\tone\n8\t\n9\tt\two\n10\t\n\n<note>')).toEqual({
    numbers: [7, 8, 9],
    text: 'one\n\nt\two',
    rest: '<note>',
  });
  expect(numberedLines('     1→x')).toEqual({ numbers: [1], text: 'x', rest: '' });
});

test.each(['', 'text', '1 text', '1\ta\n3\tb', 'a\n1\tb'])('%j is no such file', (text) =>
  expect(numberedLines(text)).toBeUndefined(),
);

test('a fence is longer than any in the text', () => {
  expect(fenced('a', 'ts')).toBe('```ts\na\n```');
  expect(fenced('````js\n`', 'md')).toBe('`````md\n````js\n`\n`````');
});

test('a fence is found for a line of 5 MB, too', () => {
  expect(fenced('` '.repeat(2_500_000), '').slice(0, 5)).toBe('```\n`');
});

test('a language is told by the end of a name, and by nothing that could be Markdown', () => {
  expect(['/a/b.ts', 'Makefile', '/a/b', '/a.b/c', 'x.`y'].map(languageOf)).toEqual(['ts', 'makefile', '', '', '']);
});
