import { describe, expect, it } from 'vitest';
import { oneLine } from './one-line.ts';

describe('oneLine', () => {
  it('shows control and invisible characters instead of obeying them', () => {
    expect(oneLine('ls\nrm -rf x')).toBe('ls␊rm -rf x');
    expect(oneLine('\u001b[6n')).toBe('␛[6n');
    expect(oneLine('a\u202eb\u200bc\u0085d\u007fe')).toBe('a\\u{202e}b\\u{200b}c\\u{85}d␡e');
    expect(oneLine('a\tb')).toBe('a b');
    expect(oneLine('x\ud800y')).toBe('x\ufffdy');
  });

  it('is at most 200 characters long and does not split a surrogate pair', () => {
    expect(oneLine('a'.repeat(200))).toBe('a'.repeat(200));
    expect(oneLine('a'.repeat(201))).toBe(`${'a'.repeat(199)}…`);
    const emoji = oneLine(`${'a'.repeat(198)}😀😀`);
    expect(emoji).toBe(`${'a'.repeat(198)}…`);
    expect(oneLine(`${'a'.repeat(150)}${'\u202e'.repeat(150)}`).length).toBeLessThanOrEqual(200);
    expect(oneLine(`short${' '.repeat(5000)}end`)).toMatch(/…$/);
  });
});
