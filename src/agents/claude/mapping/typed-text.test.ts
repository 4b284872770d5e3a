import { describe, expect, test } from 'vitest';
import { textBetween, withoutPasteMarks, withoutTags } from './typed-text.ts';

describe('the text between tags', () => {
  test.each([
    ['one', '<a>one</a>', 'one'],
    ['nothing', '<a></a>', ''],
    ['several lines', 'x <a>one\ntwo</a> y', 'one\ntwo'],
    ['the first of two', '<a>one</a><a>two</a>', 'one'],
    ['what was cut off', '<a>one', 'one'],
    ['no such tag', '<b>one</b>', undefined],
    ['an end before its beginning', '</a>x<a>one</a>', 'one'],
  ])('%s', (_, text, between) => {
    expect(textBetween(text, 'a')).toBe(between);
  });
});

describe('PTY-4: pasted text', () => {
  const pasted = (id: string, text: string): string =>
    `\n\n<pasted_content id="${id}">\n${text}\n</pasted_content id="${id}">\n`;

  test('is returned without its tags', () => {
    expect(withoutPasteMarks(pasted('e1b8', 'one\n\ntwo'))).toBe('one\n\ntwo');
  });

  test('keeps tags that do not enclose all of it or do not match', () => {
    const beside = `look at this${pasted('e1b8', 'one')}`;
    expect(withoutPasteMarks(beside)).toBe(beside);
    const unpaired = '<pasted_content id="a">\none\n</pasted_content id="b">';
    expect(withoutPasteMarks(unpaired)).toBe(unpaired);
  });

  test('loses the guard character before it, and no other', () => {
    expect(withoutPasteMarks('\u2800/cost')).toBe('/cost');
    expect(withoutPasteMarks('a \u2800 b')).toBe('a \u2800 b');
  });
});

test('output is returned without colors and links', () => {
  expect(withoutTags('\x1b[1mUsage\x1b[22m \x1b[38;2;1;2;3m5\x1b[39m')).toBe('Usage 5');
});
