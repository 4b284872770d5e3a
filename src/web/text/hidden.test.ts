import { describe, expect, it } from 'vitest';
import { exactParts, hasHidden, printed, readable, readableLine } from './hidden.ts';

const exact = (text: string): string =>
  exactParts(text)
    .map((part) => (part.isNamed ? `{${part.text}}` : part.text))
    .join('');

describe('WEB-24: text that is read', () => {
  it('names what could mislead, and keeps lines and tabs', () => {
    expect(readable('a\tb\r\nc\u001b[31md\u202ee\u0000')).toBe('a\tb\nc␛[31md⟨U+202E⟩e␀');
  });

  it('makes one bounded line of a name, however long it is', () => {
    expect(readableLine('a\n\n  b\u0007')).toBe('a b␇');
    expect(Array.from(readableLine('😀'.repeat(5_000_000), 10))).toHaveLength(10);
  });

  it('shows what a program printed without its colours, and the last of what it wrote on one line', () => {
    expect(printed('\u001b[1;31mred\u001b[0m \u001b]0;title\u0007x\n10 %\r50 %\r100 %\nend\r\n')).toBe(
      'red x\n100 %\nend\n',
    );
    expect(printed('\u001b[6n\u001bPq')).toBe('␛Pq');
  });
});

describe('WEB-25: text that is judged', () => {
  it('names every character that is not seen as itself', () => {
    expect(exact('rm\u00a0-rf\u200b /\u202etxt\u001b[8m\ttab')).toBe(
      'rm{⟨U+00A0⟩}-rf{⟨U+200B⟩} /{⟨U+202E⟩}txt{␛}[8m{␉}tab',
    );
    expect(exact('\udc00 x\r\n')).toBe('{⟨U+DC00⟩} x{␍}\n');
    expect(exact('\u{e0041}\ufeff\u00ad\u2028')).toBe('{⟨U+E0041⟩}{⟨U+FEFF⟩}{⟨U+00AD⟩}{⟨U+2028⟩}');
  });

  it('leaves nothing out, and changes nothing else', () => {
    const plain = 'ls -la "ä ö 😀"\n日本語';
    expect(exactParts(plain)).toEqual([{ text: plain, isNamed: false }]);
    expect([hasHidden(plain), hasHidden('a\u200bb')]).toEqual([false, true]);
  });
});
