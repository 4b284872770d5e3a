import { describe, expect, it } from 'vitest';
import { printed, readable, readableLine } from './readable.ts';

describe('WEB-24: readable text', () => {
  it('names misleading characters, and keeps newlines and tabs', () => {
    expect(readable('a\tb\r\nc\u001b[31md\u202ee\u0000')).toBe('a\tb\nc␛[31md⟨U+202E⟩e␀');
  });

  it('fits a name of any length on one bounded line', () => {
    expect(readableLine('a\n\n  b\u0007')).toBe('a b␇');
    expect(Array.from(readableLine('😀'.repeat(5_000_000), 10))).toHaveLength(10);
  });

  it('shows program output without colours, and overwritten lines in their final state', () => {
    expect(printed('\u001b[1;31mred\u001b[0m \u001b]0;title\u0007x\n10 %\r50 %\r100 %\nend\r\n')).toBe(
      'red x\n100 %\nend\n',
    );
    expect(printed('\u001b[6n\u001bPq')).toBe('␛Pq');
  });
});
