import { describe, expect, it } from 'vitest';
import { plainLine, plainText } from './plain-text.ts';

describe('plainText', () => {
  it('leaves words, line ends, tabs and other scripts as they are', () => {
    const text = 'naïve\tשלום 日本 👩‍👩‍👧\nnext';
    expect(plainText(text)).toBe(text);
  });

  it('CLI-2: spells out whatever could control a terminal', () => {
    expect(plainText('\x1b]0;owned\x07')).toBe('␛]0;owned␇');
    expect(plainText('a\x1b[6n')).toBe('a␛[6n');
    expect(plainText('a\rb\x08\x7f\x00')).toBe('a␍b␈␡␀');
    expect(plainText('\x9b31m')).toBe('<U+009B>31m');
    expect(plainText('safe\u202egnp.exe')).toBe('safe<U+202E>gnp.exe');
    expect(plainText('\ud800x')).toBe('<U+D800>x');
  });

  it('drops colours and the line ends of Windows', () => {
    expect(plainText('\x1b[1;31mred\x1b[0m\r\n')).toBe('red\n');
  });

  it('CLI-2: lets no control character through', () => {
    const every = Array.from({ length: 0x2100 }, (_, code) => String.fromCodePoint(code)).join('\x1b[');
    expect(plainText(every).replace(/[\t\n]/g, '')).not.toMatch(/[\p{Cc}\u202a-\u202e\u2066-\u2069]/u);
  });
});

describe('plainLine', () => {
  it('is one line, cut to the given length', () => {
    expect(plainLine(' a\n\n b\tc ')).toBe('a b c');
    expect(plainLine('😀'.repeat(10), 4)).toBe('😀😀😀…');
  });
});
