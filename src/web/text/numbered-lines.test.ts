import { expect, test } from 'vitest';
import { fenced, languageOf, numberedLines } from './numbered-lines.ts';

test('splits a printed file into line numbers, text and the rest', () => {
  expect(numberedLines('7\tone\n8\t\n9\tt\two\n10\t\n\n<note>')).toEqual({
    numbers: [7, 8, 9],
    text: 'one\n\nt\two',
    rest: '<note>',
  });
  expect(numberedLines('     1→x')).toEqual({ numbers: [1], text: 'x', rest: '' });
});

test.each(['', 'text', '1 text', '1\ta\n3\tb', 'a\n1\tb'])('%j is not a printed file', (text) =>
  expect(numberedLines(text)).toBeUndefined(),
);

test('a fence is longer than any in its content', () => {
  expect(fenced('a', 'ts')).toBe('```ts\na\n```');
  expect(fenced('````js\n`', 'md')).toBe('`````md\n````js\n`\n`````');
});

test('builds a fence even for a line of 5 MB', () => {
  expect(fenced('` '.repeat(2_500_000), '').slice(0, 5)).toBe('```\n`');
});

test('derives the language from the file name, and never returns anything that could be Markdown', () => {
  expect(['/a/b.ts', 'Makefile', '/a/b', '/a.b/c', 'x.`y'].map(languageOf)).toEqual(['ts', 'makefile', '', '', '']);
});
